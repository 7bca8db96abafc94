"""What a wallet believes of the ledger: headers by their finality, and every other fact by a proof to a header.

The node is asked, never trusted. Spec: LEDGER-13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from specie.crypto import merkle
from specie.kernel.errors import Refused
from specie.ledger.api import Ledger
from specie.ledger.errors import NetworkMismatch, ProofInvalid, Unknown
from specie.ledger.messages.bodies import EpochKeyOp, ParameterChange
from specie.ledger.messages.bulk import PAGE_OUTPUTS, LoggedOutput, OutputPage
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.parameters import Parameters, decode_changes
from specie.ledger.messages.proofs import OutputPlace
from specie.ledger.messages.receipts import Finality, StateReceipt
from specie.ledger.messages.record import BlockRecord, record_hash
from specie.ledger.messages.state import Domain
from specie.ledger.protocol.light import Trusted, verify_finality, verify_operation, verify_state_receipt
from specie.ledger.wallet.errors import HistoryDiffers

HEADERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Final:
    """A header that is final, with what shows it."""

    header: Header
    finality: bytes


@dataclass
class Chain:
    """One ledger, as checked from its genesis document on."""

    ledger: Ledger
    genesis: Genesis
    _parameters: dict[int, Parameters] = field(default_factory=dict)
    _operations: set[tuple[str, str]] = field(default_factory=set)
    """(frame, receipt) that were checked: epoch keys and changes of parameters, so they are few."""
    _trusted: Trusted = field(init=False)

    def __post_init__(self) -> None:
        self._trusted = Trusted.of(self.genesis)

    @property
    def chain_id(self) -> bytes:
        return self.genesis.chain_id

    @property
    def trusted(self) -> Trusted:
        return self._trusted

    # -- headers

    # SPEC LEDGER-13.1
    async def header(self, height: int) -> Final:
        """One header, final by itself. Raises Unknown, ProofInvalid."""
        found = await self.ledger.headers(height, 1)
        if not found:
            raise Unknown("there is no such block yet", height=height)
        final = self._final(*found[0])
        if final.header.height != height:
            raise ProofInvalid("the node answered with another header")
        return final

    async def tip(self) -> Final:
        """The newest header that the node shows."""
        return await self.header((await self.ledger.status()).height)

    async def headers(self, first: int, count: int, before: Header | None) -> list[Final]:
        """Headers from a height on, each the next of the one before; the finality of the last stands for all.

        before: the header of first - 1 that was verified earlier; None for the first block of all. Raises ProofInvalid,
        HistoryDiffers.
        """
        found = await self.ledger.headers(first, min(count, HEADERS_MAX))
        finals = [Final(Header.decode(header), finality) for header, finality in found]
        if not finals:
            return []
        self._final(*found[-1])
        line = [] if before is None else [before]
        line += [final.header for final in finals]
        if finals[0].header.height != first or any(each.chain_id != self.chain_id for each in line):
            raise ProofInvalid("the node answered with other headers")
        for old, new in pairwise(line):
            if new.prev_app_hash != old.app_hash or new.height != old.height + 1:
                raise HistoryDiffers("the node shows another history than this wallet has verified", height=new.height)
            if new.out_size < old.out_size:
                raise ProofInvalid("a ledger does not lose outputs")
        return finals

    def _final(self, data: bytes, finality: bytes) -> Final:
        header = Header.decode(data)
        verify_finality(self._trusted, header, Finality.decode(finality))
        return Final(header, finality)

    # -- facts that hang from headers

    async def record(self, header: Header) -> BlockRecord:
        """The block record of a header. Raises Unknown, ProofInvalid."""
        data = await self.ledger.block(header.height)
        if record_hash(data) != header.record_hash:
            raise ProofInvalid("the block record is not the one that its header names")
        return BlockRecord.decode(data)

    # SPEC LEDGER-21.4.1
    async def page(self, number: int, header: Header) -> list[LoggedOutput]:
        """One whole page of the output log, as far as this header, checked as one subtree of out_root.

        Raises Unknown, ProofInvalid.
        """
        return (await self._page(number, header))[0]

    async def place(self, index: int, header: Header) -> OutputPlace:
        """An output and its path to out_root, without telling the node which output is meant. Raises as `page`."""
        number, at = divmod(index, PAGE_OUTPUTS)
        entries, above = await self._page(number, header)
        if at >= len(entries):
            raise Unknown("there is no such output yet", index=index)
        inside = merkle.inclusion_proof([merkle.leaf_hash(each.encode()) for each in entries], at)
        return OutputPlace(index, entries[at], (*inside, *above))

    async def _page(self, number: int, header: Header) -> tuple[list[LoggedOutput], list[bytes]]:
        """A page and the path from it to out_root, taken from the proof of its first output."""
        first = number * PAGE_OUTPUTS
        end = min(first + PAGE_OUTPUTS, header.out_size)
        if first >= end:
            raise Unknown("there is no such page yet", page=number)
        page = OutputPage.decode(await self.ledger.outputs(number))
        if page.page != number or len(page.outputs) < end - first:
            raise ProofInvalid("the page is not whole")
        entries = list(page.outputs[: end - first])
        proof = await self.ledger.prove_output(first, header.height)
        if (proof.size, proof.index) != (header.out_size, first):
            raise ProofInvalid("the proof speaks of another output")
        above = [bytes.fromhex(step) for step in proof.path][(end - first - 1).bit_length() :]
        await asyncio.to_thread(self._check_page, entries, first, end, above, header)
        return entries, above

    @staticmethod
    def _check_page(
        entries: Sequence[LoggedOutput], first: int, end: int, above: Sequence[bytes], header: Header
    ) -> None:
        leaves = [merkle.leaf_hash(each.encode()) for each in entries]
        try:
            # a page begins at a multiple of its size, so its outputs stand under one node of the tree
            merkle.verify_subtree_consistency(first, end, header.out_size, above, merkle.root(leaves), header.out_root)
        except Refused as error:
            raise ProofInvalid("the page does not belong to the log of its header") from error

    async def state(self, domain: Domain, ident: bytes) -> StateReceipt:
        """One entry of the state, present or absent, under a recent header. Raises Unknown, ProofInvalid."""
        data = await self.ledger.state_receipt(domain, ident)
        return verify_state_receipt(self._trusted, data, domain, ident)

    async def parameters(self, header: Header) -> Parameters:
        """The parameters in force after a header, rebuilt change by change from genesis. Raises ProofInvalid."""
        newest = max((version for version in self._parameters if version <= header.params_version), default=0)
        found = self._parameters.get(newest) or self.genesis.parameters()
        for version in range(newest + 1, header.params_version + 1):
            change = await self.change(version)
            found = found.apply(decode_changes(change.changes), version)
            self._parameters[version] = found
        return found

    async def change(self, version: int) -> ParameterChange:
        """One accepted change of parameters, in force or waiting. Raises Unknown, ProofInvalid."""
        view = await self.ledger.parameters(version)
        frame = self._operation(view.operation or "", view.receipt or "", OpType.PARAMETERS)
        change = ParameterChange.decode(frame.body)
        if change.version != version:
            raise ProofInvalid("the node answered with another change of parameters")
        return change

    async def epoch_key(self, header: Header) -> EpochKeyOp:
        """The key that envelopes are sealed to now. It stands on the ledger, so enclaves signed it (LEDGER-9.10)."""
        view = await self.ledger.epoch()
        frame = self._operation(view.operation, view.receipt, OpType.EPOCH_KEY)
        key = EpochKeyOp.decode(frame.body)
        if not key.start <= header.height + 1 <= key.end:
            raise ProofInvalid("the node names a key of an epoch that is over or has not begun")
        return key

    # SPEC LEDGER-12.1.1
    def _operation(self, frame: str, receipt: str, kind: OpType) -> Frame:
        data = bytes.fromhex(frame)
        if (frame, receipt) not in self._operations:
            verify_operation(self._trusted, bytes.fromhex(receipt), data)
            self._operations.add((frame, receipt))
        opened = Frame.decode(data)
        if opened.type != kind or opened.chain_id != self.chain_id:
            raise ProofInvalid("the node answered with another operation")
        return opened


# SPEC LEDGER-1.3
async def join(ledger: Ledger, *, dev: bool, chain_id: bytes | None = None) -> Chain:
    """The chain of a node, for a wallet of this network. chain_id: the one that the wallet belongs to, if it has one.

    Raises NetworkMismatch, NonCanonical.
    """
    genesis = Genesis.decode(await ledger.genesis())
    if genesis.dev != dev:
        raise NetworkMismatch(
            "this wallet is of a live network and refuses play money"
            if genesis.dev
            else "this wallet is of a sandbox and refuses a live ledger"
        )
    if chain_id is not None and genesis.chain_id != chain_id:
        raise NetworkMismatch("the node serves another ledger than the wallet's")
    return Chain(ledger, genesis)
