"""New keys for old ones: made, enrolled, admitted by two officers, and announced in the next manifest."""

from __future__ import annotations

from dataclasses import replace

from specie.crypto import cose
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import Enrolment
from specie.issuance.wallet.hand import Hand
from specie.issuance.wallet.officer import approve
from tests.issuance.forge import change_keys, now_s
from tests.issuance.house import TYPES, House

DAY_S = 86_400


def spare_key(house: House, holder: str, role: str) -> bytes:
    """A second key of a holder, in the same keystore; the ring goes on naming the first. Answers its COSE_Key."""
    ring = house.ring
    before = dict(ring.kids), dict(ring.cose_keys)
    ring.make(holder, role, "ed25519", (*TYPES[role], "dc-enrol"))
    made = ring.cose_keys[holder, role]
    ring.kids.update(before[0])
    ring.cose_keys.update(before[1])
    return made


def hand_of(house: House, holder: str, key: bytes) -> Hand:
    uri = house.ring.uri(cose.key_id_of(key))
    return Hand(holder, house.ring.store, uri, house.clock, house.randomness)


async def enrol(house: House, holder: str, role: str, key: bytes) -> bytes:
    """The self-signed enrolment of a key, handed in."""
    data = await hand_of(house, holder, key).sign(Enrolment(key, role, holder))
    await house.central_management.enrol(data)
    return data


async def admit(house: House, enrolment: bytes, persons: tuple[str, ...] = ("mina", "omar")) -> None:
    for person in persons:
        await house.central_management.approve(await approve(house.hand(person), enrolment, 0))


def entry_of(house: House, holder: str, role: str, key: bytes, nbf: int) -> KeyEntry:
    until = nbf + 90 * DAY_S
    return KeyEntry(cose.key_id_of(key), key, role, holder, nbf, until, until + 3650 * DAY_S, 0)


async def rotate(house: House, holder: str, role: str, in_s: int = DAY_S) -> bytes:
    """Announce the next key of a role; it signs in so many seconds, when the old one stops. Answers its key id."""
    key = spare_key(house, holder, role)
    await admit(house, await enrol(house, holder, role, key))
    at_s = now_s(house) + in_s

    def stop(entry: KeyEntry) -> KeyEntry:
        mine = entry.role == role and entry.holder == holder and entry.signing_until > at_s
        return replace(entry, signing_until=at_s) if mine else entry

    await change_keys(house, stop, (entry_of(house, holder, role, key, at_s),))
    return cose.key_id_of(key)


async def revoke_key(house: House, holder: str, role: str, from_sequence: int) -> None:
    """The next manifest says that this key was stolen from that log position on."""

    def change(entry: KeyEntry) -> KeyEntry:
        if entry.kid != house.ring.kids[holder, role]:
            return entry
        return replace(entry, status=3, compromised_from=from_sequence)

    await change_keys(house, change)
