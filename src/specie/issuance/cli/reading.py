"""What people type, turned into what is meant: ids, amounts, owners, files. Everything else is a usage error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import typer

from specie.issuance.api import Order
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, ISSUANCE, QUOTA_CONTROL
from specie.issuance.errors import Malformed
from specie.issuance.messages.keys import KEY_ROLES
from specie.issuance.messages.objects import OWNER_BYTES_MAX, Model
from specie.issuance.messages.view import view
from specie.kernel.errors import Refused

ID_BYTES = 16
FILE_BYTES_MAX = 2**20
SYSTEM_NAMES = {"cm": CENTRAL_MANAGEMENT, "qc": QUOTA_CONTROL, "is": ISSUANCE}
_HEX = re.compile(r"[0-9a-fA-F\s]+")


class Wrong(typer.BadParameter):
    """A usage error; the frame answers with exit code 2."""


def ident_of(text: str) -> bytes:
    """An id of 16 bytes in hex, with or without hyphens."""
    try:
        value = bytes.fromhex(text.replace("-", "").strip())
    except ValueError:
        value = b""
    if len(value) != ID_BYTES:
        raise Wrong(f"{text!r} is no id: an id is 32 hexadecimal digits")
    return value


def file_of(path: Path) -> bytes:
    """The bytes of a file, which may be written in hex."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Wrong(f"{path} cannot be read ({error.strerror})") from error
    if len(data) > FILE_BYTES_MAX:
        raise Wrong(f"{path} is larger than any object")
    text = data.decode("ascii", "replace").strip()
    return bytes.fromhex(text) if text and len(text) % 2 == 0 and _HEX.fullmatch(text) else data


def object_of(path: Path) -> tuple[bytes, dict[str, Any]]:
    """A signed object from a file, with its view. Raises Malformed, WrongType, Schema, codec refusals."""
    data = file_of(path)
    if not data:
        raise Malformed(f"{path} is empty")
    try:
        return data, view(data)
    except Refused as refusal:
        refusal.detail = f"{path}: {refusal.detail}"
        raise


def write_file(path: Path, data: bytes) -> None:
    """A new file of our own; nothing is overwritten."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise Wrong(f"{path} is there already") from error
    except OSError as error:
        raise Wrong(f"{path} cannot be written ({error.strerror})") from error


async def owner_of(office: Office, text: str | None, model: int) -> bytes:
    """An owner: a person of this sandbox, a hex owner id, or bank/account in the account model.

    Raises PersonUnknown.
    """
    if model == Model.ACCOUNT:
        if text is None or "/" not in text or not text.isascii():
            raise Wrong("in the account model --owner is BANK/ACCOUNT")
        return text.encode()
    if text is None:
        text = next((name for name in ("alice", *office.place.people()) if name in office.place.people()), None)
        if text is None:
            raise Wrong("--owner is needed: a person's name, or an owner id in hex")
    if text not in office.place.people() and len(text) >= 8 and len(text) % 2 == 0 and _HEX.fullmatch(text):
        value = bytes.fromhex(text)
        if len(value) > OWNER_BYTES_MAX:
            raise Wrong(f"an owner id has at most {OWNER_BYTES_MAX} bytes")
        return value
    return await office.place.hand(text).kid()


def piles_of(office: Office, texts: Sequence[str], code: str, amount: int) -> tuple[tuple[int, int], ...]:
    """Denominations like 100.00:40. Without any, one unit of the whole amount. Raises amount refusals."""
    if not texts:
        return ((amount, 1),)
    piles = []
    for text in texts:
        value, colon, count = text.partition(":")
        if not colon or not count.isdecimal() or not 1 <= int(count) <= 1000:
            raise Wrong(f"--denomination {text}: VALUE:COUNT is meant, like 100.00:40")
        piles.append((office.parse(value, code), int(count)))
    return tuple(piles)


async def order_of(
    office: Office,
    amount: str,
    currency: str | None,
    owner: str | None,
    purpose: str,
    model: str,
    denominations: Sequence[str],
    operator: str | None,
) -> Order:
    """What is to be issued. Raises amount and currency refusals, PersonUnknown."""
    if model not in ("token", "account"):
        raise Wrong(f"--model {model}: token or account")
    await office.read_policy(ISSUANCE)
    code = currency or office.place.currency
    minor = office.parse(amount, code)
    kind = Model.TOKEN if model == "token" else Model.ACCOUNT
    piles = piles_of(office, denominations, code, minor) if kind == Model.TOKEN else None
    if kind == Model.ACCOUNT and denominations:
        raise Wrong("denominations go with the token model")
    # SPEC ISSUANCE-13.2.2, ISSUANCE-13.2.3
    address = await office.place.ledger_address(owner) if kind == Model.TOKEN else None
    if address is not None:
        ident = sha256(address).digest()
        return Order(code, minor, int(kind), ident, piles, purpose, operator, address=address)
    return Order(code, minor, int(kind), await owner_of(office, owner, kind), piles, purpose, operator)


def role_of(key_role: str, said: str | None = None) -> str:
    """The system whose keys have this role, like qc:bit; all systems have a log key, so then it must be said."""
    if key_role == "log" and said in SYSTEM_NAMES.values():
        return str(said)
    if key_role == "log":
        raise Wrong("every system has a log key: name one with --system")
    system = SYSTEM_NAMES.get(key_role.partition(":")[0])
    if system is None or key_role not in KEY_ROLES:
        raise Wrong(f"{key_role} is no role of a system's key: is:req, is:unit, cm:cred, qc:bit, qc:kem, ...")
    return system
