"""Good and bad transactions, opened as a node opens them, for batches of every mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ledger.adversary.court import court
from ledger.adversary.encodings import FIRST_S
from ledger.adversary.workshop import RING, Forgery
from oracle.ledger.ristretto import L
from specie.crypto.ring import Claim, RingMembers
from specie.crypto.transactions import OpenedTransaction, open_envelopes, verify_transactions

GOOD = 4
RANDOM = b"\x5c" * 32


@dataclass(frozen=True)
class Item:
    """One transaction, and what single verification says of it."""

    opened: OpenedTransaction
    root: bytes
    label: str
    claim: Claim


def nudge(forgery: Forgery, j: int, by: int) -> None:
    """Another answer s_j: the ring closes as before, one pair of equations does not hold."""
    at = FIRST_S + 32 * j
    old = int.from_bytes(forgery.private.signatures[0][at : at + 32], "little")
    forgery.put(0, at, ((old + by) % L).to_bytes(32, "little"))


def _balance(forgery: Forgery) -> None:
    forgery.public.fee += 1


def _glue(forgery: Forgery) -> None:
    forgery.put(0, 0, b"\1" + bytes(31))


def _other_c1(forgery: Forgery) -> None:
    old = forgery.private.signatures[0]
    forgery.put(0, 0, bytes([old[0] ^ 1]) + old[1:32])


def _range(forgery: Forgery) -> None:
    forgery.private.salt = bytes(32)


BAD: list[tuple[str, Callable[[Forgery], None]]] = [
    ("V-15", _balance),
    ("V-16", _glue),
    ("V-16", _other_c1),
    *(("V-17", lambda forgery, j=j: nudge(forgery, j, 1)) for j in (0, 7, RING - 1)),  # type: ignore[misc]
    ("V-17", lambda forgery: nudge(forgery, 3, L - 1)),
    ("V-18", _range),
]


def opened(*forgeries: Forgery) -> list[OpenedTransaction]:
    """The transactions of these envelopes."""
    here = court()
    key = here.epoch_keys.keys[1]
    found = open_envelopes(here.chain_id, [(key, 1, forgery.seal()) for forgery in forgeries], RING)
    assert all(isinstance(each, OpenedTransaction) for each in found), found
    return [each for each in found if isinstance(each, OpenedTransaction)]


def claim_of(forgery: Forgery) -> Claim:
    """The one ring signature of a transaction, as the core verifies it alone."""
    statement = forgery.statement(0)
    indices = [member.index for member in statement.ring]
    members = RingMembers(b"".join(member.P + member.C for member in statement.ring))
    signature = forgery.private.signatures[0]
    return statement.m, statement.k_ring, 0, indices, members, statement.pseudo, statement.image, signature


def verify(items: list[Item], random: bytes = RANDOM) -> list[str]:
    """What the core says of a batch."""
    work = [(item.opened, item.root) for item in items]
    return verify_transactions(court().machine.chain.table, court().chain_id, work, random)


@cache
def pool() -> tuple[list[Item], list[Item]]:
    """(good, bad); each bad one was made of a good one."""
    here = court()
    goods = [here.built() for _ in range(GOOD)]
    bads = []
    for number, (_, spoil) in enumerate(BAD):
        forgery = goods[number % GOOD].copy()
        spoil(forgery)
        bads.append(forgery)
    labels = [""] * GOOD + [label for label, _ in BAD]
    made = [*goods, *bads]
    items = [
        Item(transaction, forgery.place.out_root, label, claim_of(forgery))
        for forgery, transaction, label in zip(made, opened(*made), labels, strict=True)
    ]
    # single verification is what everything else is compared with
    assert [verify([item])[0] for item in items] == labels
    return items[:GOOD], items[GOOD:]
