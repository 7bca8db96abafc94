"""Which key may speak for whom, and when: the verified chain of key manifests (ISSUANCE sections 2.1 and 12).

A component pins the root keys. From version 1 on every manifest must be signed by enough of them, follow the one before
it by number and hash, and change nothing about a key but its times and its status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

from specie.crypto import cose, ed25519
from specie.issuance.errors import KeyNotActive, KeyRevoked, KeyRole, ManifestRefused, UnknownKey
from specie.issuance.messages.claims import read_payload
from specie.issuance.messages.keys import KEY_ROLES, KeyEntry, KeyManifest, KeyStatus
from specie.kernel import codec
from specie.kernel.errors import Refused

MANIFEST_BYTES_MAX = 262_144
NOTICE_S = 24 * 3600
"""A new key stands in the manifest this long before it signs."""
SKEW_S = 30
AGREEMENT_ROLES = frozenset({"cm:kem", "qc:kem"})
PERSON_ROLES = frozenset({"officer", "custodian", "root", "witness"})
"""Roles of persons and outsiders, who may hold several keys at a time."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """One manifest in force, with the verified public keys of its entries."""

    manifest: KeyManifest
    hash: bytes
    entries: Mapping[bytes, KeyEntry] = field(repr=False)
    publics: Mapping[bytes, bytes] = field(repr=False)
    _signers: dict[tuple[str, str], KeyEntry] = field(repr=False, compare=False, init=False, default_factory=dict)
    """The key that signed last, by role and holder."""

    @property
    def version(self) -> int:
        return self.manifest.version

    def entry(self, kid: bytes, roles: Iterable[str]) -> KeyEntry:
        """The entry of a key in one of these roles, whatever the time. Raises UnknownKey, KeyRole."""
        entry = self.entries.get(kid)
        if entry is None:
            raise UnknownKey("this key id is not in the key manifest", key=kid.hex())
        if entry.role not in roles:
            raise KeyRole(f"a key of the role {entry.role} cannot sign this", key=kid.hex())
        return entry

    # SPEC ISSUANCE-6.2.4, ISSUANCE-6.5.5, ISSUANCE-12.1.4
    def active(self, kid: bytes, roles: Iterable[str], at_s: int) -> KeyEntry:
        """The entry, if the key may sign at this time. Raises UnknownKey, KeyRole, KeyNotActive, KeyRevoked."""
        entry = self.entry(kid, roles)
        if not may_sign(entry, at_s) and entry.status != KeyStatus.REVOKED:
            raise KeyNotActive("the key does not sign at this time", key=kid.hex())
        if entry.status == KeyStatus.REVOKED:
            raise KeyRevoked("the key was revoked", key=kid.hex())
        return entry

    # SPEC ISSUANCE-12.1.2, ISSUANCE-12.2.1, ISSUANCE-12.2.2
    def verifiable(self, kid: bytes, roles: Iterable[str], now_s: int, sequence: int | None = None) -> KeyEntry:
        """The entry, if what the key signed earlier still counts.

        sequence: position of the object's leaf in the signer's log, where it is known; an object of a revoked key
        counts only if it stands before the position that the revocation names.
        Raises UnknownKey, KeyRole, KeyNotActive, KeyRevoked.
        """
        entry = self.entry(kid, roles)
        if now_s > entry.verify_until:
            raise KeyNotActive("the key no longer verifies", key=kid.hex())
        if entry.status == KeyStatus.REVOKED:
            limit = entry.compromised_from
            if limit is None or sequence is None or sequence >= limit:
                raise KeyRevoked("the key was revoked", key=kid.hex())
        return entry

    def signer(self, role: str, holder: str, at_s: int) -> KeyEntry:
        """The one key of this role and holder that signs now. Raises KeyNotActive."""
        known = self._signers.get((role, holder))
        if known is not None and may_sign(known, at_s):
            return known
        for entry in self.manifest.entries:
            if entry.role == role and entry.holder == holder and may_sign(entry, at_s):
                self._signers[role, holder] = entry
                return entry
        raise KeyNotActive(f"no key of {holder} for {role} signs at this time")

    def of_role(self, role: str) -> list[KeyEntry]:
        return [entry for entry in self.manifest.entries if entry.role == role]


def may_sign(entry: KeyEntry, at_s: int) -> bool:
    """Pending keys begin to sign at nbf by themselves; retired and revoked keys never sign."""
    usable = entry.status in (KeyStatus.PENDING, KeyStatus.ACTIVE)
    return usable and entry.nbf <= at_s < entry.signing_until


def has_stopped(entry: KeyEntry, at_s: int) -> bool:
    """Has the key signed its last? What waits for its signature is then fixed anew (ISSUANCE-12.1.5)."""
    return entry.status in (KeyStatus.RETIRED, KeyStatus.REVOKED) or at_s >= entry.signing_until


def public_key(entry: KeyEntry) -> bytes:
    """The verified public key of an entry. Raises ManifestRefused."""
    try:
        key = cose.parse_key(entry.cose_key)
    except Refused as error:
        raise ManifestRefused(f"key {entry.kid.hex()}: {error.detail}") from error
    if cose.key_id_of(entry.cose_key) != entry.kid:
        raise ManifestRefused(f"key id {entry.kid.hex()} is not the thumbprint of its key")
    # SPEC ISSUANCE-3.4.1
    if key.algorithm == "ed25519" and not ed25519.is_valid_public(key.public):
        raise ManifestRefused(f"key {entry.kid.hex()} is not a canonical Ed25519 key of full order")
    if (key.algorithm == "x25519") != (entry.role in AGREEMENT_ROLES):
        raise ManifestRefused(f"key {entry.kid.hex()} has the wrong algorithm for {entry.role}")
    # SPEC ISSUANCE-3.3.3
    if key.algorithm == "es256" and entry.role != "officer":
        raise ManifestRefused("ES256 is for officers only")
    return key.public


def read_manifest(data: bytes, roots: Mapping[bytes, bytes], environment: str, current: KeySet | None) -> KeySet:
    """Verify the next manifest against the pinned root keys and the one in force.

    roots: kid -> Ed25519 public key of every pinned root key. current: None before version 1.
    Raises ManifestRefused, which says why.
    """
    try:
        parsed = cose.parse_sign(data, bytes_max=MANIFEST_BYTES_MAX)
        claims, manifest = read_payload(KeyManifest, parsed.payload)
    except Refused as error:
        raise ManifestRefused(error.detail or error.code) from error
    if parsed.typ != KeyManifest.typ:
        raise ManifestRefused("not a key manifest")
    _check_root_signatures(parsed, roots, manifest, current)
    # SPEC ISSUANCE-2.1.5
    if manifest.environment != environment:
        raise ManifestRefused(f"the manifest is for {manifest.environment}, this system runs in {environment}")
    # SPEC ISSUANCE-2.1.3
    last, previous = (current.version, current.hash) if current else (0, bytes(32))
    if manifest.version != last + 1 or manifest.previous != previous:
        raise ManifestRefused(f"version {manifest.version} does not follow version {last}")
    publics = {entry.kid: public_key(entry) for entry in manifest.entries}
    if len(publics) != len(manifest.entries):
        raise ManifestRefused("a key stands twice in the manifest")
    _check_entries(manifest, claims.iat, current, lenient=environment == "dev")
    return KeySet(
        manifest=manifest,
        hash=sha256(data).digest(),
        entries={entry.kid: entry for entry in manifest.entries},
        publics=publics,
    )


# SPEC ISSUANCE-2.1.1, ISSUANCE-2.1.2, ISSUANCE-3.5.1, ISSUANCE-3.5.2
def _check_root_signatures(
    parsed: cose.Sign, roots: Mapping[bytes, bytes], manifest: KeyManifest, current: KeySet | None
) -> None:
    # a majority of the pinned roots at least: a manifest cannot lower what its own signers need
    threshold = max(len(roots) // 2 + 1, manifest.threshold, current.manifest.threshold if current else 1)
    good = set()
    for signer in parsed.signers:
        public = roots.get(signer.kid)
        if public is not None and ed25519.is_signature(public, signer.tbs, signer.signature):
            good.add(signer.kid)
    if len(good) < threshold or manifest.threshold > len(roots):
        raise ManifestRefused(f"{len(good)} of {threshold} needed root signatures")


def _check_entries(manifest: KeyManifest, iat: int, current: KeySet | None, *, lenient: bool) -> None:
    before = current.entries if current else {}
    present = {entry.kid for entry in manifest.entries}
    if missing := before.keys() - present:
        raise ManifestRefused(f"key {min(missing).hex()} has disappeared; keys are retired, not removed")
    for entry in manifest.entries:
        if entry.role not in KEY_ROLES:
            raise ManifestRefused(f"unknown role {entry.role}")
        if not entry.nbf <= entry.signing_until <= entry.verify_until:
            raise ManifestRefused(f"the times of key {entry.kid.hex()} are not in order")
        old = before.get(entry.kid)
        if old is not None:
            _check_change(old, entry)
        # SPEC ISSUANCE-12.1.1
        elif current and not lenient and _has_forerunner(entry, before.values()) and entry.nbf < iat + NOTICE_S:
            raise ManifestRefused(f"key {entry.kid.hex()} would sign less than 24 h after it is announced")
    _check_one_signer(manifest.entries)


def _has_forerunner(entry: KeyEntry, others: Iterable[KeyEntry]) -> bool:
    return any(other.role == entry.role and other.holder == entry.holder for other in others)


def _check_change(old: KeyEntry, new: KeyEntry) -> None:
    if (old.cose_key, old.role, old.holder, old.nbf) != (new.cose_key, new.role, new.holder, new.nbf):
        raise ManifestRefused(f"key {old.kid.hex()} has changed its owner, role or start")
    if old.status == KeyStatus.REVOKED and (new.status, new.compromised_from) != (
        old.status,
        old.compromised_from,
    ):
        raise ManifestRefused(f"key {old.kid.hex()} was revoked; a revocation stays")
    if new.verify_until < min(old.verify_until, new.signing_until + 2 * SKEW_S):
        raise ManifestRefused(f"key {old.kid.hex()} would stop verifying too early")


# SPEC ISSUANCE-12.1.3
def _check_one_signer(entries: Sequence[KeyEntry]) -> None:
    """At any moment exactly one key per role and system signs."""
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for entry in entries:
        if entry.role in PERSON_ROLES or entry.status in (KeyStatus.RETIRED, KeyStatus.REVOKED):
            continue
        spans.setdefault((entry.role, entry.holder), []).append((entry.nbf, entry.signing_until))
    for (role, holder), times in spans.items():
        times.sort()
        for (_, end), (start, _) in pairwise(times):
            if start < end:
                raise ManifestRefused(f"two keys of {holder} for {role} would sign at one time")


def root_keys(publics: Sequence[bytes]) -> dict[bytes, bytes]:
    """The pinned root keys by kid."""
    return {cose.key_id(public): public for public in publics}


def cose_key_ed25519(public: bytes) -> bytes:
    """The canonical COSE_Key of an Ed25519 public key."""
    return codec.encode({1: 1, -1: 6, -2: public})
