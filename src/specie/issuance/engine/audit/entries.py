"""The journals of buckets, computed anew from what was decided, against the rows (I1, I2; no bucket row is trusted)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from specie.issuance.engine.audit.books import Books, by
from specie.issuance.messages.policy import ANY, Kind, Limit, Policy
from specie.issuance.protocol.plans import root_keys_of
from specie.issuance.store.buckets import unpack_ids
from specie.issuance.store.reading import BucketRow
from specie.kernel.amount import AMOUNT_MAX
from specie.kernel.errors import Refused


@dataclass(slots=True)
class Expected:
    """The entries that there must be: (bucket id, leaf) to [d_used, d_reserved]."""

    buckets: dict[int, BucketRow]
    moves: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    cids: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """Leaf to the ids that its entries may carry."""

    def share(self, ident: int, amount: int) -> int:
        return 1 if self.buckets[ident].kind == Kind.COUNT else amount

    def take(self, ids: Sequence[int], sequence: int, cid: bytes, amount: int) -> None:
        """Counted as used at once."""
        for ident in ids:
            self.add(ident, sequence, cid, self.share(ident, amount), 0)

    def reserve(self, ids: Sequence[int], sequence: int, cid: bytes, amount: int) -> None:
        """Held; kinds without a hold are used at once."""
        for ident in ids:
            if self.buckets[ident].kind in (Kind.RATE, Kind.COUNT):
                self.add(ident, sequence, cid, self.share(ident, amount), 0)
            else:
                self.add(ident, sequence, cid, 0, amount)

    def settle(self, ids: Sequence[int], sequence: int, cid: bytes, amount: int) -> None:
        """A hold became a use."""
        for ident in ids:
            if self.buckets[ident].kind not in (Kind.RATE, Kind.COUNT):
                self.add(ident, sequence, cid, amount, -amount)

    def release(self, ids: Sequence[int], sequence: int, cid: bytes, amount: int) -> None:
        """A hold was let go."""
        for ident in ids:
            kind = self.buckets[ident].kind
            if kind == Kind.RATE:
                self.add(ident, sequence, cid, -amount, 0)
            elif kind != Kind.COUNT:
                self.add(ident, sequence, cid, 0, -amount)

    def give_back(self, ids: Sequence[int], sequence: int, cid: bytes, amount: int) -> None:
        """Stock came back."""
        for ident in ids:
            if self.buckets[ident].kind == Kind.STOCK:
                self.add(ident, sequence, cid, -amount, 0)

    def add(self, ident: int, sequence: int, cid: bytes, used: int, reserved: int) -> None:
        row = self.moves[ident, sequence]
        row[0] += used
        row[1] += reserved
        self.cids[sequence].add(cid)


def expected_of(books: Books) -> Expected:
    """An empty set of entries over the buckets of a system."""
    return Expected(by(books.tables["bucket"], "id"))


def ids_of(books: Books, packed: bytes, what: str) -> list[int]:
    """The bucket ids beside a credential; a list that names no bucket is a difference."""
    known = by(books.tables["bucket"], "id")
    try:
        ids = unpack_ids(packed)
    except Refused:
        ids = []
    books.expect(ids and all(ident in known for ident in ids), "ROW", f"{what}: its list of buckets was edited")
    return [ident for ident in ids if ident in known]


# SPEC ISSUANCE-5.4.1, ISSUANCE-5.4.2, ISSUANCE-15.6.1
def check_entries(books: Books, expected: Expected) -> None:
    """Entries are those of the decisions; buckets are the sums of their entries; nothing is below zero."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    moves = {place: row for place, row in expected.moves.items() if row != [0, 0]}
    for entry in books.tables["entry"]:
        found = moves.pop((entry.bucket, entry.seq), None)
        books.expect(
            found == [entry.d_used, entry.d_reserved] and entry.cid in expected.cids[entry.seq],
            "I2",
            f"entry of bucket {entry.bucket} at leaf {entry.seq} is not what was decided there",
            stored=[entry.d_used, entry.d_reserved],
            decided=found or [0, 0],
        )
        sums[entry.bucket][0] += entry.d_used
        sums[entry.bucket][1] += entry.d_reserved
    for (bucket, sequence), decided in moves.items():
        books.fault("I2", f"bucket {bucket} has no entry at leaf {sequence}", decided=decided)
    for row in books.tables["bucket"]:
        used, reserved = sums[row.id]
        books.expect(
            (row.used, row.reserved) == (used, reserved),
            "I2",
            f"bucket {row.key} is not the sum of its journal",
            used=row.used,
            reserved=row.reserved,
            journal=[used, reserved],
        )
        # a rate is bounded by its level, which refills, and not by what was ever used of it
        bounded = row.kind == Kind.RATE or row.lowered or row.used + row.reserved <= row.cap
        holds = row.used >= 0 and row.reserved >= 0 and bounded
        books.expect(holds, "I1", f"bucket {row.key} is over its cap or below zero", used=row.used, cap=row.cap)
        in_range = row.kind != Kind.RATE or row.lowered or row.level <= row.cap
        books.expect(in_range, "I1", f"bucket {row.key} is filled above its capacity", level=row.level, cap=row.cap)
        caps = caps_of(books.policies, row)
        books.expect(row.cap in caps, "ROW", f"bucket {row.key} has a cap that no policy gives it", cap=row.cap)


def caps_of(policies: Sequence[Policy], row: BucketRow) -> set[int]:
    """The caps that a bucket may show: what any accepted policy says of it; roots have one without a limit too."""
    found = {limit.cap for policy in policies for limit in policy.limits if is_bucket_of(limit, row.key)}
    return found | {AMOUNT_MAX}


def is_bucket_of(limit: Limit, key: str) -> bool:
    """Does this template make the bucket with this key?"""
    scope, *dimensions = key.partition("#")[0].split("/")
    if limit.zone and "/" in limit.zone:
        # a time zone has a slash of its own: Europe/Zurich
        head = f"{Kind(limit.kind).name.lower()}:{limit.currency}:{limit.window}@{limit.zone}"
        if not key.startswith(head):
            return False
        scope, *dimensions = head, *key[len(head) :].partition("#")[0].split("/")[1:]
    expected = f"{Kind(limit.kind).name.lower()}:{limit.currency}"
    if limit.window:
        expected += f":{limit.window}" + (f"@{limit.zone}" if limit.zone else "")
    wanted = {
        label: value
        for label, value in (
            ("issuer", limit.issuer),
            ("owner", limit.owner_class),
            ("purpose", limit.purpose),
            ("model", limit.model),
        )
        if value
    }
    actual = dict(part.partition("=")[::2] for part in dimensions)
    return (
        scope == expected
        and actual.keys() == wanted.keys()
        and all(wanted[label] in (ANY, value) for label, value in actual.items())
    )


def is_in_all(policies: Sequence[Policy], key: str) -> bool:
    """Did every accepted policy know this bucket? Roots always stood. Else a use may fall into it that was reserved
    before it was made, and its two sides are not compared (I7)."""
    currency = key.partition(":")[2].partition("/")[0]
    if key in root_keys_of(currency) or (key.startswith(f"stock:{currency}/issuer=") and key.count("/") == 1):
        return True
    return all(any(is_bucket_of(limit, key) for limit in policy.limits) for policy in policies)
