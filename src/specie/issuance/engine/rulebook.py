"""How signed rules enter a system: manifest, policy, pause, reserve. The same at all three, each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from specie.crypto import cose
from specie.issuance.engine.desk import Desk
from specie.issuance.errors import ApprovalsInsufficient, ReserveRefused, Schema, WrongAudience
from specie.issuance.messages.objects import ClockReset, Pause, PauseAction, Reserve
from specie.issuance.protocol.envelope import open_one
from specie.issuance.protocol.keyset import SKEW_S, KeySet, read_manifest
from specie.issuance.protocol.policy import policy_hash, read_policy
from specie.issuance.protocol.quorum import check_persons
from specie.issuance.store import rules as store
from specie.issuance.store.journal import Journal, sequence_of

OFFICER_ALGORITHMS = (cose.EDDSA, cose.ES256)
RESUME_PERSONS = 2
CONFIRM_EVERY_US = 60_000_000


class Room(Protocol):
    """What a rule item needs of the running batch."""

    journal: Journal
    rules: store.InForce


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """Accept the next key manifest. Answers its version; the same one again changes nothing."""

    data: bytes

    def decide(self, room: Room, desk: Desk) -> int:
        current, digest = room.rules.keys, sha256(self.data).digest()
        if current is not None and current.hash == digest:
            return current.version
        keys = read_manifest(self.data, desk.identity.roots, desk.identity.environment, current)
        self.check_admitted(room, keys)
        store.add_manifest(room.journal.tx, keys, self.data, room.journal.now_us)
        room.journal.append("keys", digest, current.hash if current else bytes(32))
        room.journal.rules_changed = True
        return keys.version

    def check_admitted(self, room: Room, keys: KeySet) -> None:
        """Central management also asks for enrolments; the others rely on the root signatures."""


@dataclass(frozen=True, slots=True)
class ConfirmItem:
    """Central management has just said that this version is its newest."""

    version: int

    def decide(self, room: Room, desk: Desk) -> bool:
        keys = room.rules.keys
        if keys is None or keys.version != self.version:
            return False
        # every change makes all processes read the rules again, so a fresh confirmation is left as it is
        if room.journal.now_us - room.rules.confirmed_us > CONFIRM_EVERY_US:
            store.confirm_keys(room.journal.tx, room.journal.now_us)
            room.journal.rules_changed = True
        return True


# SPEC ISSUANCE-1.3.1, ISSUANCE-5.1.3
@dataclass(frozen=True, slots=True)
class PolicyItem:
    """Accept the next quota policy. Answers its version."""

    data: bytes

    def decide(self, room: Room, desk: Desk) -> int:
        book, keys = room.rules.book, desk.key_set(room.rules)
        digest = policy_hash(self.data)
        if book is not None and book.newest.hash == digest:
            return book.newest.policy.version
        journal = room.journal
        policy = read_policy(self.data, keys, desk.identity.roots, book, journal.now_s)
        # SPEC ISSUANCE-5.1.2 (a shorter delay is itself a loosening, so it does not hasten the version after it)
        binding = book.binding(journal.now_us) if book else ()
        delay_s = max((each.lifetimes.loosen_delay_s for each in binding), default=0)
        store.add_policy(journal.tx, policy, digest, self.data, journal.now_us, delay_s)
        journal.append("policy", digest, book.newest.hash if book else bytes(32))
        journal.rules_changed = True
        return policy.version


# SPEC ISSUANCE-11.7, ISSUANCE-12.5.1, ISSUANCE-12.5.2
@dataclass(frozen=True, slots=True)
class PauseItem:
    """One officer may pause; two must agree to resume, and they name the pauses they lift."""

    datas: tuple[bytes, ...]

    def decide(self, room: Room, desk: Desk) -> None:
        keys, journal = desk.key_set(room.rules), room.journal
        opened = [
            open_one(
                data,
                Pause,
                keys,
                lambda kid: keys.active(kid, ("officer",), journal.now_s),
                algorithms=OFFICER_ALGORITHMS,
            )
            for data in self.datas
        ]
        if not opened or any(item.body != opened[0].body for item in opened):
            raise Schema("the officers must sign the same pause")
        pause = opened[0].body
        digest = opened[0].hash
        if pause.action == PauseAction.PAUSE:
            check_persons(opened, 1, keys, journal.now_s)
            if store.add_pause(journal.tx, digest, pause.scope, opened[0].data, journal.now_us):
                journal.append("pause", digest, actor=opened[0].kid)
                journal.rules_changed = True
            return
        check_persons(opened, RESUME_PERSONS, keys, journal.now_s)
        if not pause.lifts:
            raise ApprovalsInsufficient("a resume names the pauses that it lifts")
        if store.lift_pauses(journal.tx, pause.scope, pause.lifts, digest):
            journal.append("resume", digest, pause.lifts[0], opened[0].kid)
            journal.rules_changed = True


# SPEC ISSUANCE-5.5.3
@dataclass(frozen=True, slots=True)
class ClockItem:
    """Two officers set the stored time back to the clock; it never goes before the last leaf."""

    datas: tuple[bytes, ...]

    def decide(self, room: Room, desk: Desk) -> None:
        keys, journal = desk.key_set(room.rules), room.journal
        journal_now_s = journal.tx.now_us() // 1_000_000
        opened = [
            open_one(
                data,
                ClockReset,
                keys,
                lambda kid: keys.active(kid, ("officer",), journal_now_s),
                algorithms=OFFICER_ALGORITHMS,
            )
            for data in self.datas
        ]
        if not opened or any(item.body != opened[0].body for item in opened) or not opened[0].body.reason:
            raise Schema("the officers must sign the same words, with a reason")
        if opened[0].body.system != desk.me:
            raise WrongAudience(f"this is {desk.me}")
        check_persons(opened, RESUME_PERSONS, keys, journal_now_s)
        if sequence_of(journal.tx, opened[0].hash) is None and not journal.leaves:
            journal.reset_clock()
            journal.append("clock", opened[0].hash, actor=opened[0].kid)
            journal.rules_changed = True


# SPEC ISSUANCE-5.6.4
@dataclass(frozen=True, slots=True)
class ReserveItem:
    """Take in a custodian's attestation, whatever the order of arrival."""

    data: bytes

    def decide(self, room: Room, desk: Desk) -> None:
        keys, journal = desk.key_set(room.rules), room.journal
        item = open_one(self.data, Reserve, keys, lambda kid: keys.active(kid, ("custodian",), journal.now_s))
        holder = keys.entries[item.kid].holder
        if item.claims.iss != holder:
            raise ReserveRefused("the attestation names another custodian than the owner of its key")
        if item.body.as_of > journal.now_s + SKEW_S:
            raise ReserveRefused("as_of lies more than 30 s ahead")
        known = room.rules.attestations.get(item.body.currency, {}).get(holder)
        if known and known.as_of == item.body.as_of and known.amount != item.body.amount:
            desk.observer.alarm("RESERVE_CONFLICT", f"{holder} attested two amounts as of one moment")
        if store.add_reserve(journal.tx, holder, item.body, item.hash, self.data):
            journal.append("reserve", item.hash, actor=item.kid)
            journal.rules_changed = True


# SPEC ISSUANCE-5.6.1, ISSUANCE-5.6.2, ISSUANCE-5.6.3, ISSUANCE-20.27
def check_reserve(room: Room, currency: str, outstanding: int, amount: int) -> bytes | None:
    """The reserve rule of every binding policy. Raises ReserveStale, ReserveInsufficient.

    outstanding: used + reserved of the stock root. Answers the hash of the newest attestation that counted.
    """
    from specie.issuance.protocol.reserve import check

    assert room.rules.book is not None
    newest = None
    for policy in room.rules.book.binding(room.journal.now_us):
        rule = policy.currencies[currency].reserve
        if rule is not None:
            known = room.rules.attestations.get(currency, {})
            newest = check(rule, list(known.values()), outstanding + amount, room.journal.now_s)
    return newest


def first_hashes(datas: Sequence[bytes]) -> list[bytes]:
    """SHA-256 of each object."""
    return [sha256(data).digest() for data in datas]
