"""Pauses: one officer stops, two let go (ISSUANCE section 12.5)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from specie.issuance.cli.deciding import signer
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import ROLES, Terminal
from specie.issuance.cli.reading import Wrong
from specie.issuance.wallet import officer as signing
from specie.kernel.errors import Refused

HASH_BYTES = 32


def check_scope(scope: str) -> None:
    """Raises Wrong for what no system would know."""
    head, _, rest = scope.partition(":")
    if (
        scope == "platform"
        or (head in ("currency", "issuer") and rest)
        or scope
        in (
            "direction:issue",
            "direction:redeem",
        )
    ):
        return
    raise Wrong(f"{scope}: platform, currency:C, issuer:S, direction:issue or direction:redeem")


async def tell_all(office: Office, datas: Sequence[bytes]) -> dict[str, Any]:
    """Hand it to every system. Raises the refusal of the first where none took it."""
    answers: dict[str, Any] = {}
    first: Refused | None = None
    for role in ROLES:
        try:
            await office.rules(role).apply_pause(datas)
            answers[role] = "done"
        except Refused as refusal:
            answers[role], first = refusal.code, first or refusal
    if first is not None and "done" not in answers.values():
        raise first
    return answers


async def pause(office: Office, terminal: Terminal, scope: str, reason: str) -> None:
    """Sign and tell everyone."""
    check_scope(scope)
    hand = signer(office, terminal)
    data = await signing.pause(hand, scope, reason)
    answers = await tell_all(office, [data])
    digest = sha256(data).hexdigest()
    terminal.show(
        {"scope": scope, "pause": digest, "officer": hand.holder, "systems": answers},
        f"✔ {scope} is paused; two officers lift it: specie issuance resume {scope} --pause {digest} --officer A"
        " --officer B --reason WHY",
    )


async def resume(
    office: Office, terminal: Terminal, scope: str, reason: str, officers: Sequence[str], pauses: Sequence[str]
) -> None:
    """The same words by two officers."""
    check_scope(scope)
    if len(set(officers)) < 2:
        raise Wrong("two officers must agree: --officer A --officer B")
    lifts = [hash_of(text) for text in pauses]
    datas = [await signing.resume(office.place.hand(name), scope, reason, lifts) for name in officers]
    answers = await tell_all(office, datas)
    terminal.show(
        {"scope": scope, "lifted": list(pauses), "officers": list(officers), "systems": answers},
        f"✔ {scope} goes on",
    )


def hash_of(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != HASH_BYTES:
        raise Wrong(f"--pause {text}: a hash is 64 hexadecimal digits")
    return value
