"""The vectors of FOEC-1 as the core takes them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from specie.crypto import ecash
from specie.kernel import codec

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "ecash" / "foec1.json"


@cache
def vectors() -> Any:
    return json.loads(VECTORS.read_text())


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


def decode(data: bytes) -> Any:
    """A message of the vectors."""
    return codec.decode(data, bytes_max=1 << 16)


def random_of(name: str) -> bytes:
    """ρ of a message, by its name among the transcripts."""
    return unhex(vectors()["transcripts"][name]["rho"])


def record(name: str) -> dict[int, Any]:
    return decode(unhex(vectors()["key_records"][name]["record"]))


@cache
def issuers() -> dict[bytes, ecash.IssuerKey]:
    found = {}
    for name, entry in vectors()["key_records"].items():
        if name != "trustees":
            fields, kid = record(name), unhex(entry["kid"])
            found[kid] = ecash.IssuerKey(kid, fields[10], fields.get(15, b""), fields.get(14, b""))
    return found


def payment_fields(payment: bytes) -> ecash.PaymentFields:
    fields = decode(payment)
    return (
        fields[2],
        [tuple(coin) for coin in fields[3]],
        [tuple(atom) for atom in fields[4]],
        fields[5],
        fields[6],
        [tuple(output) for output in fields.get(7, [])],
        fields.get(8, b""),
        fields.get(9, b""),
    )


def withdraw_fields(request: bytes) -> ecash.WithdrawFields:
    fields = decode(request)
    return (fields[2], fields[3], fields[4], fields[5], fields[6], fields[7], fields[8])


def coins() -> dict[bytes, tuple[dict[str, Any], bool]]:
    """Every coin by its serial, and whether it came from an output."""
    found = {}
    groups = [(entry["coins"], False) for entry in vectors()["withdraw"].values()]
    groups += [(entry.get("outputs", []), True) for name in ("refresh", "claims") for entry in vectors()[name].values()]
    groups += [(vectors()[name].get("outputs", []), True) for name in ("change", "refund")]
    for entries, output in groups:
        found.update({unhex(coin["S"]): (coin, output) for coin in entries})
    return found


def owner(name: str) -> str:
    return "bob" if "bob" in name else "alice"


def holder(name: str) -> ecash.Holder:
    return ecash.Holder(unhex(vectors()["open"][name]["seed"]))


def facts(name: str, wanted: list[tuple[bytes, str, str]]) -> list[tuple[bytes, str, str, bytes]]:
    """The facts of a licence with their signatures."""
    licence = decode(unhex(vectors()["open"][name]["licence"]))
    places = {tuple(fact): 48 * place for place, fact in enumerate(licence[3])}
    return [(kid, kind, value, licence[4][places[kind, value] :][:48]) for kid, kind, value in wanted]


def coin_row(serial: bytes) -> tuple[bytes, int, int, bool, bytes, bytes]:
    coin, output = coins()[serial]
    return unhex(coin["kid"]), coin["D"], coin["counter"], output, unhex(coin["M"]), unhex(coin["sigma"])


def shares(key: str) -> dict[int, bytes]:
    entries = vectors()["dkg"][key]["secret_shares"]
    return {int(index): b"".join(map(unhex, parts)) for index, parts in entries.items()}
