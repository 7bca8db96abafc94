"""Finding what is the wallet's: compact blocks, detection by view tag, whole pages, then opening.

Spec: LEDGER-4.3, 21.4.

Blocks are taken in ranges; each range is one database transaction, so that a scan can stop anywhere and go on later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from specie.crypto.ring import OwnedOutput, WalletKeys
from specie.kernel.db import Database, Transaction
from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.bulk import (
    PAGE_OUTPUTS,
    SCAN_BYTES,
    CompactBlock,
    CompactBlocks,
    LoggedOutput,
    decode_images,
)
from specie.ledger.messages.escrow import decode_funding
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import HIDDEN, OutputKind, class_of, ctx_fee, ctx_transfer
from specie.ledger.messages.record import RecordedOperation
from specie.ledger.messages.transaction import FundTail, TransactionType, WithdrawTail
from specie.ledger.wallet.chain import Chain, Final
from specie.ledger.wallet.decoys import Extent
from specie.ledger.wallet.lookahead import LookAhead
from specie.ledger.wallet.memos import ChangeMemo
from specie.ledger.wallet.openings import masks_of
from specie.ledger.wallet.store import holding, outputs
from specie.ledger.wallet.store.outputs import Expense, Owned
from specie.ledger.wallet.store.payments import Departure, add_departure
from specie.ledger.wallet.taking import settle_seen

RANGE_BLOCKS = 500

Report = Callable[[int, int, int], None]
"""(height reached, height of the tip, outputs found): called after every range."""


class Finder(Protocol):
    """A scan service behind a sealed, attested session. It learns k_d: which outputs are ours, for ever."""

    async def scan(self, detection_key: bytes, first: int, last: int, *, consent: bool) -> Sequence[int]:
        """Global indices of candidates in these blocks, both ends included. What it leaves out nobody can know."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """An output whose tag matches: one in 2^24 of them is a stranger's."""

    number: int
    kind: int
    ctx: bytes
    header: Header


@dataclass
class Range:
    """One range of blocks, read and checked, on its way into the tables."""

    finals: Sequence[Final]
    extents: list[Extent] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    found: list[Owned] = field(default_factory=list)
    refs: dict[int, bytes] = field(default_factory=dict)
    """Index of a change output to the withdraw_ref that its transaction burned for."""
    images: list[tuple[int, tuple[bytes, ...]]] = field(default_factory=list)

    @property
    def last(self) -> Final:
        return self.finals[-1]


class Scanner:
    """Brings a wallet up to the tip of its chain."""

    def __init__(
        self,
        database: Database,
        chain: Chain,
        keys: WalletKeys,
        ahead: LookAhead,
        birthday: int,
        *,
        finder: Finder | None = None,
        threads: int = 0,
    ) -> None:
        self._database = database
        self._chain = chain
        self._keys = keys
        self._birthday = birthday
        self._finder = finder
        self._threads = threads
        self._ahead = ahead

    async def run(self, report: Report | None = None, *, until: int | None = None) -> Header:
        """Take in every block up to the tip, or to a height; the header reached.

        Raises ProofInvalid, HistoryDiffers, and what the ledger raises; what was taken in before stays.
        """
        tip = (await self._chain.ledger.status()).height
        end = tip if until is None else min(tip, until)
        progress = await self._database.read(holding.read_progress)
        last = None if progress is None else Header.decode(progress.header)
        await self._ahead.extend()
        found = 0
        while last is None or last.height < end:
            first = 0 if last is None else last.height + 1
            finals = await self._chain.headers(first, min(RANGE_BLOCKS, end - first + 1), last)
            if not finals:
                raise ProofInvalid("the node ends before the height that it states")
            taken = await self._read(Range(finals), last)
            reached: Header = await self._database.write(lambda tx, taken=taken: self._take(tx, taken))  # type: ignore[misc]
            await self._ahead.extend()
            last, found = reached, found + len(taken.found)
            if report is not None:
                report(last.height, tip, found)
        assert last is not None
        min_age = (await self._chain.parameters(last)).min_age
        await self._database.write(lambda tx: holding.write_min_age(tx, min_age))
        return last

    # -- reading a range

    async def _read(self, taken: Range, before: Header | None) -> Range:
        first, count = taken.finals[0].header.height, len(taken.finals)
        compact = CompactBlocks.decode(await self._chain.ledger.compact(first, count))
        if compact.from_height != first or len(compact.blocks) != count:
            raise ProofInvalid("the node left compact blocks out")
        await self._detect(taken, compact.blocks, before)
        await self._open(taken)
        images = decode_images(await self._chain.ledger.key_images(first, count))
        if [each.height for each in images] != list(range(first, first + count)):
            raise ProofInvalid("the node left key images out")
        taken.images = [(each.height, each.images) for each in images]
        return taken

    async def _detect(self, taken: Range, blocks: Sequence[CompactBlock], before: Header | None) -> None:
        size = before.out_size if before else 0
        groups: list[tuple[bytes, bytes]] = []
        places: list[tuple[int, int, Header]] = []
        for block, final in zip(blocks, taken.finals, strict=True):
            extent = self._check(block, final.header, size)
            if extent.end > extent.first:
                taken.extents.append(extent)
            at = size
            for group in block.groups:
                if group.kind != OutputKind.START and block.height >= self._birthday:
                    groups.append((group.ctx, group.candidates))
                    places.append((at, group.kind, final.header))
                at += group.count
            size = extent.end
        matches = await self._matches(taken, groups, [start for start, _, _ in places])
        for (ctx, _), (start, kind, header), positions in zip(groups, places, matches, strict=True):
            taken.candidates += [Candidate(start + position, kind, ctx, header) for position in positions]

    async def _matches(
        self, taken: Range, groups: Sequence[tuple[bytes, bytes]], starts: Sequence[int]
    ) -> list[list[int]]:
        """Positions in each group whose tag matches: found here, or by a scan service that was given k_d."""
        if not groups:
            return []
        if self._finder is None:
            return await asyncio.to_thread(self._keys.detect, list(groups), self._threads)
        first, last = taken.finals[0].header.height, taken.last.header.height
        found = await self._finder.scan(self._keys.export_detect(), first, last, consent=True)
        counts = [len(candidates) // SCAN_BYTES for _, candidates in groups]
        return [
            sorted(index - start for index in set(found) if start <= index < start + count)
            for start, count in zip(starts, counts, strict=True)
        ]

    def _check(self, block: CompactBlock, header: Header, first: int) -> Extent:
        """Compact blocks must fit the headers: a node that leaves outputs out, or moves them, is found out."""
        counts = [0, 0]
        for group in block.groups:
            # class 0 stands before class 1, in block 0 too
            if group.class_ == HIDDEN and counts[1]:
                raise ProofInvalid("the groups of a compact block are not in order")
            expected = {
                OutputKind.TRANSFER: ctx_transfer(self._chain.chain_id),
                OutputKind.FEE: ctx_fee(self._chain.chain_id, header.height),
            }.get(OutputKind(group.kind), group.ctx)
            if group.ctx != expected or (group.kind != OutputKind.START and class_of(group.kind) != group.class_):
                raise ProofInvalid("a group of a compact block has another context or class than its kind")
            counts[group.class_] += group.count
        stated = (block.height, block.time_ms, block.first_index, first + sum(counts))
        if stated != (header.height, header.time_ms, first, header.out_size):
            raise ProofInvalid("a compact block does not fit its header", height=header.height)
        return Extent(header.height, header.time_ms, first, *counts)

    # SPEC LEDGER-21.4.1
    async def _open(self, taken: Range) -> None:
        """Fetch the pages of all candidates, and open what is ours."""
        header = taken.last.header
        pages: dict[int, list[LoggedOutput]] = {}
        for number in sorted({each.number // PAGE_OUTPUTS for each in taken.candidates}):
            pages[number] = await self._chain.page(number, header)
        masks = await masks_of(self._chain, [(each.kind, each.ctx, each.header) for each in taken.candidates])
        items: list[tuple[bytes, bytes, int, bytes]] = []
        for each, mask in zip(taken.candidates, masks, strict=True):
            entry = pages[each.number // PAGE_OUTPUTS][each.number % PAGE_OUTPUTS]
            if (entry.class_, entry.height) != (class_of(each.kind), each.header.height):
                raise ProofInvalid("a page and a compact block differ")
            items.append((each.ctx, entry.output.data, each.kind, mask))
        opened = await asyncio.to_thread(self._keys.open, items) if items else []
        for each, item, ours in zip(taken.candidates, items, opened, strict=True):
            if ours is not None:
                taken.found.append(_owned(each, item, ours))
        await self._find_refs(taken)

    async def _find_refs(self, taken: Range) -> None:
        """The withdraw_ref or cid that a change memo names by 30 bytes stands whole in the record of its block."""
        heights = {final.header.height: final.header for final in taken.finals}
        for each in taken.found:
            memo = ChangeMemo.decode(each.memo) if each.own else None
            if memo is not None and memo.type != TransactionType.TRANSFER:
                record = await self._chain.record(heights[each.height])
                refs = [tail_ref(tail) for tail in record.operations if tail.type == memo.type]
                ref = next((ref for ref in refs if ref.startswith(memo.recipient)), None)
                if ref is not None:
                    taken.refs[each.number] = ref

    # -- taking a range in

    def _take(self, tx: Transaction, taken: Range) -> Header:
        """One transaction: outputs, spends, expenses, payments that came through, and how far we are.

        Where another program has taken blocks of this wallet in meanwhile, its progress stands, and this range is read
        again from there.
        """
        progress = holding.read_progress(tx)
        if progress is not None and progress.height >= taken.finals[0].header.height:
            return Header.decode(progress.header)
        times = {final.header.height: final.header.time_ms for final in taken.finals}
        holding.add_extents(tx, taken.extents)
        for each in taken.found:
            kept = outputs.add_output(tx, each)
            if kept.status == outputs.OURS:
                self._understand(tx, kept, taken.refs.get(kept.number))
        for height, images in taken.images:
            outputs.spend_by_images(tx, images, height, times[height])
        last = taken.last
        settle_seen(tx, taken.finals[0].header.height, last.header.height)
        holding.write_progress(tx, holding.Progress(last.header.height, last.header.data, last.finality))
        return last.header

    def _understand(self, tx: Transaction, output: Owned, ref: bytes | None) -> None:
        """What a new output tells: from whom it is, or, as change, what its transaction spent and paid."""
        memo = ChangeMemo.decode(output.memo) if output.own else None
        if memo is None:
            outputs.add_tags(tx, output.number, [tag_of(output)])
            return
        outputs.spend_by_numbers(tx, memo.indices, output.height, output.time_ms)
        known = outputs.tags(tx, memo.indices)
        inherited = frozenset[str]().union(*(known.get(number, frozenset()) for number in memo.indices))
        outputs.add_tags(tx, output.number, inherited or {"own"})
        where = (output.number, output.height, output.time_ms, memo.type, output.account)
        outputs.add_expense(tx, Expense(*where, memo.amount_out, memo.fee, memo.recipient, memo.indices, ref))
        if ref is not None:
            state = "pending" if memo.type == TransactionType.WITHDRAW else "open"
            paid = memo.amount_out
            place = (ref, memo.type, output.number, output.account, paid, output.height, paid, state)
            add_departure(tx, Departure(*place))


def tail_ref(tail: RecordedOperation) -> bytes:
    """The withdraw_ref or cid of a tail in a block record."""
    if tail.type == TransactionType.WITHDRAW:
        return WithdrawTail.decode(tail.data).withdraw_ref
    return decode_funding(FundTail.decode(tail.data).operation).cid


def tag_of(output: Owned) -> str:
    """From whom: one subaddress is one counterparty; the issuer and the public outputs are one each."""
    if output.kind == OutputKind.TRANSFER:
        return "own" if output.own else f"{output.account}/{output.place}"
    return "issuer" if output.kind == OutputKind.MINT else "public"


# SPEC LEDGER-4.3.1, LEDGER-4.3.2
def _owned(candidate: Candidate, item: tuple[bytes, bytes, int, bytes], ours: OwnedOutput) -> Owned:
    ctx, data, kind, mask = item
    # the core opens: `ours` only if C is b*G + v*H and R is r*K_s of the subaddress that was found
    return Owned(
        *(candidate.number, candidate.header.height, candidate.header.time_ms, kind, ctx, data, mask),
        *(ours.status, ours.account, ours.index, ours.value, ours.key_image, ours.memo, ours.memo_own),
    )
