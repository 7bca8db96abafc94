"""Taking in one stretch of a log: sequence, chain, frontier, rules, objects, and what each leaf says of other logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from specie.app.auditor import facts, store
from specie.app.auditor.facts import LinkRow
from specie.app.auditor.findings import Findings
from specie.app.auditor.reading import CM, IS, MADE, QC, REFIXED, Opened, check_requests, open_named
from specie.app.auditor.rules import RuleReader
from specie.crypto import merkle
from specie.issuance.messages.objects import Credential
from specie.issuance.protocol.journal import Leaf, chain_hash, leaf_hash
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

LINKS: Mapping[tuple[str, str], str] = {
    (CM, "consumed"): QC,
    (CM, "released"): QC,
    (CM, "returned"): QC,
    (QC, "minted"): IS,
    (IS, "bit"): QC,
    (IS, "mint"): QC,
    (IS, "redeemed"): QC,
}
"""Leaves that name something of another log (15.3.1), which was there before they were."""
RULES = ("dc-keys", "dc-policy")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bodies of consecutive leaves, and what they name: sequence to (object, what stands behind it)."""

    first: int
    bodies: Sequence[bytes]
    named: Mapping[int, tuple[bytes, bytes]]


@dataclass(slots=True)
class Intake:
    """Takes in stretches of one log, each in one transaction."""

    role: str
    system: str
    reader: RuleReader
    configured: Mapping[str, str]
    """Role to system id of the logs that are followed."""

    def take(self, tx: Transaction, findings: Findings, stretch: Stretch, roots_at: Sequence[int] = ()) -> bool:
        """Take a stretch in; False where the log is broken from here on. roots_at: sizes whose root is kept."""
        state = store.followed(tx, self.role, self.system)
        if state.broken:
            return False
        leaves, hashes = self._decode(tx, findings, state, stretch)
        if not leaves:
            return not store.followed(tx, self.role).broken
        bodies = stretch.bodies[: len(leaves)]
        self._keep(tx, state, leaves, hashes, bodies, roots_at, findings.now_us)
        self._check_repeats(tx, findings, leaves, state.size)
        rules = [(leaf, *stretch.named.get(leaf.sequence, (b"", b""))) for leaf in leaves]
        for leaf, data, _ in rules:
            if leaf.event in ("keys", "policy") and not self.reader.take(
                tx, findings, self.role, self.system, leaf, data
            ):
                self.stop(tx)
                return False
        absent = [(leaf.sequence, leaf.object_hash) for leaf, data, _ in rules if not data]
        absent = [row for row in absent if (self.role, leaves[row[0] - stretch.first].event) in MADE]
        store.add_missing(tx, self.role, absent, findings.now_us)
        self.take_objects(tx, findings, [row for row in rules if row[1]])
        facts.add_links(tx, [link for leaf in leaves if (link := self._link(tx, leaf)) is not None])
        return store.followed(tx, self.role).broken == 0

    # SPEC ISSUANCE-15.1.1, ISSUANCE-15.1.2, ISSUANCE-1.4.6
    def _decode(
        self, tx: Transaction, findings: Findings, state: store.Followed, stretch: Stretch
    ) -> tuple[list[Leaf], list[bytes]]:
        """Leaves in sequence and in time, up to the first that is not."""
        leaves: list[Leaf] = []
        at_s = state.at_s
        for sequence, body in enumerate(stretch.bodies, stretch.first):
            try:
                leaf = Leaf.decode(body)
                good = leaf.sequence == sequence and leaf.at_s >= at_s and is_plain(leaf)
            except (Refused, TypeError):
                good = False
            if not good:
                findings.add("LOG_BROKEN", self.system, f"leaf {sequence}", "not the next leaf of a log", body)
                store.set_followed(tx, replace(store.followed(tx, self.role, self.system), broken=1))
                break
            leaves.append(leaf)
            at_s = leaf.at_s
        return leaves, [leaf_hash(body) for body in stretch.bodies[: len(leaves)]]

    def _keep(
        self,
        tx: Transaction,
        state: store.Followed,
        leaves: Sequence[Leaf],
        hashes: Sequence[bytes],
        bodies: Sequence[bytes],
        roots_at: Sequence[int],
        now_us: int,
    ) -> None:
        """Store the leaves and move chain and frontier on, with a root wherever someone will ask for it."""
        chain = state.chain
        for digest in hashes:
            chain = chain_hash(chain, digest)
        stops = {leaf.sequence - 1 for leaf in leaves if leaf.event == "supply"} | set(roots_at)
        frontier = merkle.Frontier.decode(state.frontier, state.size)
        start = state.size
        for stop in sorted(size for size in stops if state.size <= size <= state.size + len(leaves)):
            frontier = frontier.append(list(hashes[frontier.size - start : stop - start]))
            store.add_root(tx, self.role, stop, frontier.root)
        frontier = frontier.append(list(hashes[frontier.size - start :]))
        store.add_leaves(
            tx,
            [
                store.LeafRow(self.role, leaf.sequence, digest, body, leaf.object_hash, leaf.event)
                for leaf, digest, body in zip(leaves, hashes, bodies, strict=True)
            ],
        )
        fresh = store.followed(tx, self.role, self.system)
        store.set_followed(
            tx,
            replace(
                fresh,
                size=frontier.size,
                chain=chain,
                frontier=frontier.encode(),
                at_s=leaves[-1].at_s,
                seen_us=now_us,
            ),
        )

    # SPEC ISSUANCE-5.4.8
    def _check_repeats(self, tx: Transaction, findings: Findings, leaves: Sequence[Leaf], size: int) -> None:
        """No object stands in two leaves of a log."""
        seen: set[bytes] = set()
        for leaf in leaves:
            if leaf.object_hash in seen:
                findings.add("OBJECT_TWICE", self.system, f"leaf {leaf.sequence}", f"{leaf.event}: named before")
            seen.add(leaf.object_hash)
        for seq, digest in store.repeated_objects(tx, self.role, sorted(seen), size + 1):
            findings.add("OBJECT_TWICE", self.system, digest.hex(), f"named by leaf {seq} and by a later one")

    def stop(self, tx: Transaction) -> None:
        """Read this log no further."""
        store.set_followed(tx, replace(store.followed(tx, self.role, self.system), broken=1))

    def _link(self, tx: Transaction, leaf: Leaf) -> LinkRow | None:
        """What this leaf names of another log, if that log is followed: there may be issuance systems that are not."""
        target = LINKS.get((self.role, leaf.event))
        if target is None or target not in self.configured:
            return None
        if leaf.event == "minted":
            keys = self.reader.load(tx, self.role).keys
            entry = keys.entries.get(leaf.actor) if keys is not None else None
            if entry is not None and entry.holder != self.configured[target]:
                return None
        return LinkRow(self.role, leaf.sequence, target, leaf.event, leaf.object_hash, leaf.previous, 0)

    def take_objects(self, tx: Transaction, findings: Findings, rows: Sequence[tuple[Leaf, bytes, bytes]]) -> None:
        """Verify objects and keep them; what is no object of its leaf is kept as evidence in the finding alone."""
        rules = [(leaf, data) for leaf, data, _ in rows if leaf.event in ("keys", "policy")]
        keys = self.reader.load(tx, self.role).keys
        opened = open_named(findings, self.role, self.system, keys, rows)
        kept = [store.ObjectRow(self.role, leaf.sequence, f"dc-{leaf.event}", b"", data, b"") for leaf, data in rules]
        kept += [row_of(self.role, each, each.leaf.sequence) for each in opened]
        store.add_objects(tx, kept)
        if keys is not None:
            check_requests(findings, self.system, keys, [each for each in opened if each.item.typ == Credential.typ])
        for each in opened:
            if each.item.typ == Credential.typ:
                digest = sha256(each.item.tbs).digest()
                facts.add_credential(tx, digest, each.item.hash, each.item.claims.cti, each.leaf.sequence)
            if each.leaf.event == REFIXED:
                self._give_to_first(tx, each)

    # SPEC ISSUANCE-12.1.5
    def _give_to_first(self, tx: Transaction, opened: Opened) -> None:
        """Bytes fixed anew speak for the leaf of the decision, whose own bytes are gone."""
        leaf: Leaf | None = opened.leaf
        while leaf is not None and leaf.event == REFIXED:
            row = store.leaf_named(tx, self.role, leaf.previous)
            leaf = Leaf.decode(row.body) if row is not None and row.seq < leaf.sequence else None
            if leaf is None:
                return
            if store.object_at(tx, self.role, leaf.sequence) is None:
                # without a key id: it is a copy, which its system does not hand out under this leaf
                store.add_objects(tx, [replace(row_of(self.role, opened, leaf.sequence), kid=b"")])
            store.found(tx, self.role, leaf.sequence)

    def take_late(self, tx: Transaction, findings: Findings, seq: int, data: bytes, behind: bytes) -> None:
        """An object that was not handed out at first."""
        (row,) = store.leaves_of(tx, self.role, seq, seq)
        if store.object_at(tx, self.role, seq) is None:
            self.take_objects(tx, findings, [(Leaf.decode(row.body), data, behind)])
        store.found(tx, self.role, seq)
        findings.resolve("OBJECT_WITHHELD", self.system, f"leaf {seq}")

    # SPEC ISSUANCE-1.4.6, ISSUANCE-20.16
    def compare(self, tx: Transaction, findings: Findings, stretch: Stretch) -> None:
        """Read a second time: every leaf and every object must be what it was."""
        copies = store.leaf_bodies(tx, self.role, stretch.first, len(stretch.named) or len(stretch.bodies))
        for place, copy in enumerate(copies):
            seq = stretch.first + place
            again = stretch.bodies[place] if place < len(stretch.bodies) else b""
            if again != copy:
                findings.add("LOG_EDITED", self.system, f"leaf {seq}", "it reads otherwise than it did", copy)
        kept = store.objects_between(tx, self.role, stretch.first, stretch.first + len(copies) - 1)
        for seq, (data, behind) in stretch.named.items():
            row = kept.get(seq)
            if row is None or (data, behind) == (row.data, row.behind):
                continue
            if not data and not row.kid and row.typ not in RULES:
                continue
            findings.add(
                "OBJECT_EDITED", self.system, f"leaf {seq}", f"{row.typ} reads otherwise than it did", row.data
            )


def is_plain(leaf: Leaf) -> bool:
    """Whether a leaf has values of the types that a log has."""
    hashes = all(isinstance(each, bytes) and len(each) == 32 for each in (leaf.object_hash, leaf.previous))
    return hashes and isinstance(leaf.event, str) and isinstance(leaf.actor, bytes) and type(leaf.at_s) is int


def row_of(role: str, opened: Opened, seq: int) -> store.ObjectRow:
    """An opened object as the store keeps it, for the leaf at `seq`."""
    return store.ObjectRow(role, seq, opened.item.typ, opened.item.kid, opened.item.data, opened.behind)
