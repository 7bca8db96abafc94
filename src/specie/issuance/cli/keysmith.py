"""Keys of systems: made or delivered, enrolled, admitted by two officers, entered in a manifest by root holders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from specie.crypto import cose
from specie.crypto.cose import open_sealed
from specie.crypto.secret import Secret
from specie.crypto.x25519 import X25519Secret
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import ROLES, Terminal
from specie.issuance.cli.policies import now_s
from specie.issuance.cli.reading import Wrong, role_of
from specie.issuance.engine.central_management.delivery import SEALED_KEY
from specie.issuance.messages.keys import KeyEntry, KeyManifest, KeyStatus
from specie.issuance.messages.objects import Enrolment
from specie.issuance.protocol.keyset import AGREEMENT_ROLES, NOTICE_S, KeySet
from specie.issuance.wallet.founding import Holding, first_entry, next_manifest
from specie.issuance.wallet.hand import Hand
from specie.issuance.wallet.officer import approve, sign_manifest
from specie.kernel.errors import Refused

ADMITTING = 2
LEAD_S = 2
"""In the sandbox a key begins to sign this long after it is announced: time to tell all systems."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A key that asks to be admitted."""

    kid: bytes
    cose_key: bytes
    role: str
    holder: str
    enrolment: bytes
    """Signed; empty where central management made it and has it already."""
    hash: bytes


def officers_here(office: Office, keys: KeySet, named: Sequence[str]) -> list[Hand]:
    """Two officers whose keys are here. Raises PersonUnknown; Wrong where there are not enough."""
    known = {entry.holder for entry in keys.of_role("officer") if entry.status != KeyStatus.REVOKED}
    names = list(named) or [name for name in office.place.people() if name in known][:ADMITTING]
    if len(set(names)) < ADMITTING:
        raise Wrong("two officers must admit a key; their keys are not here: name them with --officer")
    return [office.place.hand(name) for name in names]


def roots_here(office: Office, keys: KeySet) -> list[Hand]:
    """Enough root holders whose keys are here. Raises Wrong."""
    pinned = set(office.place.roots())
    names = [name for name in office.place.people() if name.startswith("root")]
    need = max(len(pinned) // 2 + 1, keys.manifest.threshold)
    if len(names) < need:
        raise Wrong(f"{need} root holders must sign the next manifest; their keys are not here")
    return [office.place.hand(name) for name in names[:need]]


# SPEC ISSUANCE-2.2.1
async def make_key(office: Office, key_role: str, said: str | None = None) -> Fresh:
    """A new key in its system's own folder, with its self-signed enrolment. Raises FileUnreadable."""
    system = role_of(key_role, said)
    holder = office.place.system_id(system)
    if key_role in AGREEMENT_ROLES:
        kid, key, _ = office.place.make_system_key(system, key_role, "x25519")
        # an agreement key does not sign: a signing key of its own vouches for it, and is of no use afterwards
        _, voucher, hand = office.place.make_system_key(system, "log", "ed25519")
        body = Enrolment(voucher, key_role, holder, cose.parse_key(key).public)
    else:
        kid, key, hand = office.place.make_system_key(system, key_role, "ed25519")
        body = Enrolment(key, key_role, holder)
    data = await hand.sign(body)
    from hashlib import sha256

    return Fresh(kid, key, key_role, holder, data, sha256(data).digest())


# SPEC ISSUANCE-2.2.2
async def deliver_key(office: Office, key_role: str, said: str | None = None) -> Fresh:
    """Way (b): central management makes it, sealed to a key that lives as long as this call; a receipt goes back."""
    system = role_of(key_role, said)
    holder = office.place.system_id(system)
    secret = X25519Secret.from_bytes(new_secret())
    made = await office.central_management.deliver(key_role, holder, secret.public())
    seed = Secret(open_sealed(made.sealed, secret, typ=SEALED_KEY).plaintext)
    hand = office.place.keep_system_key(system, key_role, made.kid, seed)
    key = await hand.cose_key()
    if cose.key_id_of(key) != made.kid:
        raise Wrong("central management delivered another key than it announced")
    await office.central_management.acknowledge(await hand.sign(Enrolment(key, key_role, holder)))
    return Fresh(made.kid, key, key_role, holder, b"", made.enrolment)


def new_secret() -> bytes:
    """32 bytes from the system."""
    import secrets

    return secrets.token_bytes(32)


async def admit(office: Office, fresh: Fresh, officers: Sequence[Hand], enrolment: bytes) -> None:
    """Hand in the enrolment, and the officers' approvals of its exact bytes."""
    await office.central_management.enrol(enrolment)
    for hand in officers:
        await office.central_management.approve(await approve(hand, enrolment, 0))


# SPEC ISSUANCE-12.1.1, ISSUANCE-12.1.2, ISSUANCE-12.1.3
def rotated(keys: KeySet, fresh: Fresh, switch_s: int) -> list[KeyEntry]:
    """The entries of the next manifest: the old key stops where the new one begins, and goes on verifying."""
    entries = []
    for entry in keys.manifest.entries:
        usable = entry.status in (KeyStatus.PENDING, KeyStatus.ACTIVE) and entry.signing_until > switch_s
        stops = (entry.role, entry.holder) == (fresh.role, fresh.holder) and usable
        entries.append(replace(entry, signing_until=max(entry.nbf, switch_s)) if stops else entry)
    entry = first_entry(Holding(fresh.cose_key, fresh.role, fresh.holder), switch_s)
    return [*entries, replace(entry, status=int(KeyStatus.PENDING))]


async def publish(office: Office, manifest: KeyManifest, roots: Sequence[Hand]) -> tuple[bytes, dict[str, Any]]:
    """Sign the next manifest and hand it to every system, central management first. Raises its refusal."""
    data = await sign_manifest(manifest, roots)
    answers: dict[str, Any] = {}
    for role in ROLES:
        try:
            answers[role] = await office.rules(role).apply_keys(data)
        except Refused as refusal:
            if role == ROLES[0]:
                raise
            answers[role] = refusal.code
    return data, answers


def switch_of(office: Office, in_s: int | None) -> int:
    """When the new key takes over: two seconds from now in the sandbox, else a day and a bit.

    Never in this second: what the old key signed in it would lie behind its end.
    """
    lead = LEAD_S if office.place.environment == "dev" else NOTICE_S + 60
    return now_s(office) + (lead if in_s is None else max(1, in_s))


async def rotate(
    office: Office,
    terminal: Terminal,
    key_role: str,
    said: str | None,
    officers: Sequence[str],
    in_s: int | None,
    *,
    delivered: bool,
) -> None:
    """All of ISSUANCE-12.1: make, enrol, admit, sign, publish."""
    keys = await office.read_keys()
    hands, roots = officers_here(office, keys, officers), roots_here(office, keys)
    holder = office.place.system_id(role_of(key_role, said))
    if terminal.flags.dry_run:
        terminal.show({"role": key_role, "system": holder}, f"would rotate the {key_role} key of {holder}")
        return
    fresh = await (deliver_key if delivered else make_key)(office, key_role, said)
    terminal.event("key", f"✔ new {key_role} key {fresh.kid.hex()} of {holder}", key=fresh.kid.hex())
    if delivered:
        for hand in hands:
            await office.central_management.approve(await approve_hash(hand, fresh.hash))
    else:
        await admit(office, fresh, hands, fresh.enrolment)
    terminal.event("admitted", f"✔ admitted by {' and '.join(hand.holder for hand in hands)}")
    switch = switch_of(office, in_s)
    manifest = next_manifest(keys.manifest, keys.hash, rotated(keys, fresh, switch))
    _, answers = await publish(office, manifest, roots)
    signers = " and ".join(hand.holder for hand in roots)
    terminal.event("manifest", f"✔ manifest {manifest.version} signed by {signers}, in force at {', '.join(answers)}")
    terminal.show(
        {
            "role": key_role,
            "system": holder,
            "key": fresh.kid.hex(),
            "delivered": delivered,
            "signs_from": switch,
            "manifest": manifest.version,
            "systems": answers,
        },
        f"✔ the {key_role} key of {holder} is now {fresh.kid.hex()} (from {switch} on); the old one verifies on",
    )


async def approve_hash(hand: Hand, digest: bytes) -> bytes:
    """An approval of an enrolment that only its hash is known of: central management made and keeps the bytes."""
    from specie.issuance.messages.objects import Approval, Decision
    from specie.issuance.wallet.hand import APPROVAL_S

    return await hand.sign(Approval(digest, Decision.APPROVE, 0), exp=hand.now_s() + APPROVAL_S)


# SPEC ISSUANCE-12.2.1
async def revoke(office: Office, terminal: Terminal, kid: bytes, from_sequence: int, reason: str) -> None:
    """The next manifest says that a key is revoked: what it signed before a log position stays valid."""
    keys = await office.read_keys()
    old = keys.entries.get(kid)
    if old is None:
        raise Wrong(f"no key {kid.hex()} stands in the manifest")
    roots = roots_here(office, keys)
    terminal.confirm(f"Revoke the {old.role} key of {old.holder}? That cannot be undone.")
    entries = [
        replace(entry, status=int(KeyStatus.REVOKED), compromised_from=from_sequence) if entry.kid == kid else entry
        for entry in keys.manifest.entries
    ]
    manifest = next_manifest(keys.manifest, keys.hash, entries)
    _, answers = await publish(office, manifest, roots)
    terminal.show(
        {"key": kid.hex(), "from": from_sequence, "reason": reason, "manifest": manifest.version, "systems": answers},
        f"✔ the {old.role} key {kid.hex()} of {old.holder} is revoked from log position {from_sequence} on",
    )
