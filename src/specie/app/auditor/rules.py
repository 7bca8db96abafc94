"""Key manifests and policies as each log accepted them, verified again from the pinned root keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from specie.app.auditor import store
from specie.app.auditor.findings import Findings
from specie.issuance.messages.keys import KeyEntry, KeyStatus
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.keyset import KeySet, read_manifest
from specie.issuance.protocol.policy import PolicyBook, Version, read_policy
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What one log has accepted so far."""

    count: int = 0
    """Rows of the store that this was read from."""
    keys: KeySet | None = None
    versions: tuple[tuple[int, int, Version], ...] = ()
    """(position of the leaf, its second, policy), oldest first."""

    # SPEC ISSUANCE-5.1.2
    def books_at(self, seq: int, at_s: int) -> list[PolicyBook]:
        """The policies by which a decision at this leaf may have been made, the likeliest first.

        A policy that came in the very batch of the decision binds from the next batch on, and a log does not show
        where a batch ends; so one that was accepted in the same second may have been in force or not.
        """
        before = [(second, version) for place, second, version in self.versions if place < seq]
        known = [version for _, version in before]
        older = [version for second, version in before if second < at_s]
        return [PolicyBook(tuple(each)) for each in ([known, older] if len(older) < len(known) else [known]) if each]


@dataclass(slots=True)
class RuleReader:
    """Takes in rules and reads them back; kept between transactions, read anew where the store says otherwise."""

    roots: Mapping[bytes, bytes]
    environment: str
    cached: dict[str, Rules] = field(default_factory=dict)

    def load(self, tx: Transaction, role: str) -> Rules:
        """The rules of one log. What the store holds was verified when it came in, and is verified again."""
        known = self.cached.get(role)
        count = store.rule_count(tx, role)
        if known is not None and known.count == count:
            return known
        keys: KeySet | None = None
        for row in store.rules(tx, role, "keys"):
            keys = read_manifest(row.data, self.roots, self.environment, keys)
        versions: list[tuple[int, int, Version]] = []
        for row in store.rules(tx, role, "policy"):
            book = PolicyBook(tuple(each for *_, each in versions)) if versions else None
            version = self._version(row, keys, book)
            versions.append((row.seq, row.at_s, version))
        self.cached[role] = Rules(count, keys, tuple(versions))
        return self.cached[role]

    def _version(self, row: store.RuleRow, keys: KeySet | None, book: PolicyBook | None) -> Version:
        assert keys is not None
        policy = read_policy(row.data, keys, self.roots, book, row.at_s)
        delay_s = book.newest.policy.lifetimes.loosen_delay_s if book else 0
        return Version(policy, row.hash, row.at_s * SECOND_US, delay_s)

    # SPEC ISSUANCE-2.1.2, ISSUANCE-5.1.3, ISSUANCE-15.6.1
    def take(self, tx: Transaction, findings: Findings, role: str, system: str, leaf: Leaf, data: bytes) -> bool:
        """Take in the manifest or policy of a leaf; False, and a finding, where it does not verify."""
        rules = self.load(tx, role)
        digest = sha256(data).digest()
        row = store.RuleRow(role, leaf.event, 0, leaf.sequence, leaf.at_s, digest, data)
        try:
            if digest != leaf.object_hash:
                raise Refused("the bytes are not those that the leaf names")
            if leaf.event == "keys":
                version = read_manifest(data, self.roots, self.environment, rules.keys).version
            else:
                if rules.keys is None:
                    raise Refused("it came before any key manifest")
                book = PolicyBook(tuple(each for *_, each in rules.versions)) if rules.versions else None
                version = read_policy(data, rules.keys, self.roots, book, leaf.at_s).version
        except Refused as error:
            code = "KEYS_INVALID" if leaf.event == "keys" else "POLICY_INVALID"
            findings.add(code, system, f"leaf {leaf.sequence}", error.detail or error.code, data[:4096])
            return False
        store.add_rule(tx, replace(row, version=version))
        self._compare(tx, findings, leaf.event, version)
        if leaf.event == "keys":
            self._check_revocations(tx, findings, role, system, rules.keys)
        return True

    # SPEC ISSUANCE-1.3.1, ISSUANCE-2.1.3
    def _compare(self, tx: Transaction, findings: Findings, kind: str, version: int) -> None:
        """All systems must hold the same version."""
        hashes = store.rule_hashes(tx, kind, version)
        if len({digest for _, digest in hashes}) > 1:
            code = "KEYS_FORKED" if kind == "keys" else "POLICY_FORKED"
            said = ", ".join(f"{role} {digest.hex()[:16]}" for role, digest in hashes)
            findings.add(code, "", f"{kind} {version}", said)

    # SPEC ISSUANCE-12.2.1
    def _check_revocations(
        self, tx: Transaction, findings: Findings, role: str, system: str, before: KeySet | None
    ) -> None:
        """What a key signed from the position on that its revocation names is no word of its holder."""
        keys = self.load(tx, role).keys
        assert keys is not None
        for entry in keys.manifest.entries:
            old = before.entries.get(entry.kid) if before else None
            if entry.status != KeyStatus.REVOKED or entry.holder != system or (old and old.status == entry.status):
                continue
            for seq in store.objects_by_key_from(tx, role, entry.kid, entry.compromised_from or 0):
                findings.add(
                    "OBJECT_FORGED", system, f"leaf {seq}", f"signed by key {entry.kid.hex()}, revoked before this leaf"
                )


# SPEC ISSUANCE-12.1.4, ISSUANCE-12.2.1, ISSUANCE-12.2.2
def could_sign(entry: KeyEntry, at_s: int, sequence: int) -> bool:
    """Could this key sign an object whose leaf has this time and place? The maker's own time is not believed."""
    if entry.status == KeyStatus.REVOKED:
        return entry.compromised_from is not None and sequence < entry.compromised_from
    return entry.nbf <= at_s <= entry.signing_until
