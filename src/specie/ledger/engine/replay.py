"""A chain executed again from its public records alone: what every auditor can do, without key or enclave.

Every header must follow from the records: frames and tails are executed by the rules that the nodes keep, and roots,
totals, counters and the equation of LEDGER-8.4 must come out as the header says. What a record does not show stays
trusted to the verification nodes: that ps_sum is the sum of pseudo-outputs of valid rings (LEDGER section 9.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from specie.crypto import ed25519, transactions
from specie.crypto.trees import OutputTable, SparseTree
from specie.ledger import escrow
from specie.ledger.engine.closing import counters_after, header_of, log_of, totals_of, trees_after
from specie.ledger.engine.execute import Operation, run_operation
from specie.ledger.engine.founding import found
from specie.ledger.engine.loading import own_rules
from specie.ledger.engine.next_rules import with_next_rules
from specie.ledger.engine.overlay import Block, Turn
from specie.ledger.engine.tip import LogAt, Tip, entry_of_epoch
from specie.ledger.errors import Deferred, ProofInvalid, Rejected
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.hashing import framed_hash
from specie.ledger.messages.header import Header
from specie.ledger.messages.receipts import EMBEDDED, Finality, image_key, state_key, value_hash
from specie.ledger.messages.record import BlockRecord, ProofsSegment, record_hash
from specie.ledger.messages.state import AuthorityEntry, Counters, Domain
from specie.ledger.messages.transaction import FundTail, TransactionType, WithdrawTail
from specie.ledger.protocol.dispatch import prove_many
from specie.ledger.protocol.equation import Sides, is_balanced
from specie.ledger.protocol.light_block import verify_record
from specie.ledger.protocol.supply import Held, find_fault, held_after
from specie.ledger.protocol.withdrawals import open_withdrawal


class RecordChain:
    """What stood before a block, from the records so far; a `ChainReader`."""

    def __init__(self) -> None:
        self.table = OutputTable()
        self.entries: dict[tuple[int, bytes], bytes] = {}
        self.leaves: set[bytes] = set()
        self.log_at: dict[int, LogAt] = {}

    def used(self, points: bytes) -> bytes:
        return self.table.used(points)

    def entry(self, domain: int, ident: bytes) -> bytes | None:
        return self.entries.get((domain, ident))

    def outputs_at(self, height: int) -> int:
        found_at = self.log_at.get(height)
        return 0 if found_at is None else found_at.size

    def is_final(self, leaf: bytes) -> bool:
        return leaf in self.leaves


class Replay:
    """Follows a chain from block 0. After a fault it must not be used any further."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.chain = RecordChain()
        founding = found(genesis)
        header = Header.decode(founding.rows.header)
        self.chain.table.append([(class_, height, data) for _, class_, height, data in founding.rows.outputs])
        self.chain.entries = {(domain, ident): value for domain, ident, _, value in founding.rows.entries}
        self.chain.log_at[0] = LogAt(header.out_size, header.out_root)
        self._founded = founding.rows
        self.tip = self._first_tip(header)

    def _first_tip(self, header: Header) -> Tip:
        state = SparseTree()
        entries = self.chain.entries
        state.update([(state_key(domain, ident), value_hash(value)) for (domain, ident), value in entries.items()])
        authority = {
            ident: AuthorityEntry.decode(value)
            for (domain, ident), value in entries.items()
            if domain == Domain.AUTHORITY
        }
        rules = own_rules(header, self.genesis.parameters(), [], authority)
        counters = Counters.decode(entries[Domain.COUNTERS, b""])
        chain_id, app_hash = self.genesis.chain_id, header.app_hash
        tip = Tip(
            self.genesis, chain_id, header, app_hash, b"", SparseTree(), state, rules, (), counters, Held()
        )  # fmt: skip
        return with_next_rules(tip, ())

    @property
    def height(self) -> int:
        return self.tip.height

    def check_first(self, header: bytes, finality: bytes, record: bytes) -> None:
        """Block 0 is the one that the genesis document gives. Raises ProofInvalid."""
        rows = self._founded
        if (header, record) != (rows.header, rows.record):
            raise ProofInvalid("block 0 is not that of the genesis document")
        self._check_finality(Header.decode(header), finality)

    # SPEC LEDGER-8.4.1, LEDGER-13.1
    def follow(self, data: bytes, finality: bytes, record: bytes, proofs: bytes | None) -> None:
        """Execute the next block. proofs: its range proofs, where they were not dropped yet. Raises ProofInvalid."""
        header = Header.decode(data)
        self._check_finality(header, finality)
        if header.height != self.height + 1 or header.prev_app_hash != self.tip.app_hash:
            raise ProofInvalid(f"block {header.height} does not follow block {self.height}")
        if header.time_ms <= self.tip.time_ms:
            raise ProofInvalid("time does not pass")
        opened = verify_record(header, record)
        if proofs is not None:
            self._check_proofs(header, opened, proofs)
        block = Block(self.tip, header.time_ms, self.chain)
        self._take_transactions(block, opened)
        self._take_frames(block, opened)
        self._finish(block, header, opened)

    # SPEC LEDGER-16.2.5
    def _check_finality(self, header: Header, data: bytes) -> None:
        """The validator of the genesis document signed this block; the core checks it, since a chain is long."""
        finality = Finality.decode(data)
        message = framed_hash("block", header.chain_id, put_u64(header.height), header.app_hash)
        key = self.genesis.validators[0]
        if finality.kind != EMBEDDED or finality.key_index or header.chain_id != self.genesis.chain_id:
            raise ProofInvalid("the header is of another chain, or final in another way")
        if not ed25519.is_signature(key, message, finality.signature):
            raise ProofInvalid(f"the signature of block {header.height} does not verify")

    def _check_proofs(self, header: Header, record: BlockRecord, proofs: bytes) -> None:
        if record_hash(proofs) != header.proofs_hash:
            raise ProofInvalid("the range proofs are not those of the header")
        segment = ProofsSegment.decode(proofs)
        places = [place for entry in segment.entries for place in entry.positions]
        if sorted(places) != list(range(len(record.outputs))):
            raise ProofInvalid("an output has no range proof, or two")
        items = [
            (b"".join(record.outputs[place].C for place in entry.positions), entry.proof, entry.bp_ctx)
            for entry in segment.entries
        ]
        if not all(transactions.verify_range_proofs(items)):
            raise ProofInvalid("a range proof does not verify")

    def _take_transactions(self, block: Block, record: BlockRecord) -> None:
        """Key images, outputs and tails: fresh ones only, and what the tails do."""
        images = record.key_images
        if block.is_any_spent(images) or len(set(images)) != len(images):
            raise ProofInvalid("a key image is spent twice")
        points = [point for output in record.outputs for point in (output.R, output.P)]
        if (points and block.is_any_point_used(points)) or len(set(points)) != len(points):
            raise ProofInvalid("an output key was used before")
        block.images.update(images)
        block.points.update(points)
        block.leaves.update(record.tx_leaves)
        block.totals.fee = record.totals.fee
        for operation in record.operations:
            if operation.type not in (TransactionType.WITHDRAW, TransactionType.FUND):
                continue
            turn = Turn(block)
            try:
                if operation.type == TransactionType.WITHDRAW:
                    open_withdrawal(turn, WithdrawTail.decode(operation.data))
                else:
                    tail = FundTail.decode(operation.data)
                    escrow.open_or_topup(turn, tail.operation, tail.burn)
                block.merge(turn)
            except (Rejected, Deferred) as refusal:
                raise ProofInvalid(f"a tail of the record does not hold: {refusal}") from refusal

    def _take_frames(self, block: Block, record: BlockRecord) -> None:
        frames = [(data, Frame.decode(data)) for data in record.frames]
        faults = prove_many([frame for _, frame in frames])
        for (data, frame), fault in zip(frames, faults, strict=True):
            operation = Operation(sha256(data).digest(), frame, data, frame.op_id)
            refusal = fault or run_operation(block, operation)
            if refusal is not None:
                raise ProofInvalid(f"an operation of the record does not hold: {refusal}") from refusal

    def _finish(self, block: Block, header: Header, record: BlockRecord) -> None:
        """Roots, totals, counters and identities, and then the next tip."""
        log = log_of(block, [output.data for output in record.outputs])
        made = [(each.kind, each.class_, each.ctx, each.output) for each in block.made]
        said = [(each.kind, each.class_, each.ctx, each.output.data) for each in record.public_outputs]
        if made != said or totals_of(block) != record.totals:
            raise ProofInvalid("outputs of the ledger or totals are not what the operations give")
        totals = record.totals
        sides = Sides(
            record.ps_sum,
            block.kernels,
            [each.mask for each in block.made],
            [output[32:64] for _, _, output in log],
            totals.mint,
            totals.refund,
            totals.escrow_out,
            totals.burn,
            totals.escrow_in,
        )
        if not is_balanced(sides):
            raise ProofInvalid(f"the equation of block {header.height} does not hold")
        counters = counters_after(block, len(log))
        writes = dict(block.entries)
        if counters != block.tip.counters:
            writes[Domain.COUNTERS, b""] = counters.encode()
        held = held_after(block.tip.held, block.changed())
        if fault := find_fault(counters, held):
            raise ProofInvalid(fault)
        images, state = trees_after(block, writes)
        leaves = [*record.tx_leaves, *block.frame_leaves]
        expected = header_of(
            block, self.chain.table, log, leaves, (header.record_hash, header.proofs_hash), images, state
        )  # fmt: skip
        if expected.data != header.data:
            raise ProofInvalid(f"the header of block {header.height} does not follow from its record")
        self._advance(block, header, log, writes, (images, state), counters, held)

    def _advance(
        self,
        block: Block,
        header: Header,
        log: Sequence[tuple[int, int, bytes]],
        writes: dict[tuple[int, bytes], bytes],
        trees: tuple[SparseTree, SparseTree],
        counters: Counters,
        held: Held,
    ) -> None:
        chain = self.chain
        if log:
            chain.table.append(list(log))
        if block.reserved:
            chain.table.reserve(b"".join(block.reserved))
        chain.entries.update(writes)
        chain.leaves.update(block.leaves)
        chain.log_at[header.height] = LogAt(header.out_size, header.out_root)
        epochs = (*self.tip.epochs, *(entry_of_epoch(key, header.height) for _, key, _ in block.epoch_keys))
        after = replace(
            self.tip,
            header=header,
            app_hash=header.app_hash,
            images=trees[0],
            state=trees[1],
            epochs=epochs,
            counters=counters,
            held=held,
        )
        self.tip = with_next_rules(after, [change for change, _ in block.changes])

    def is_spent(self, image: bytes) -> bool:
        """Whether a key image is in the set."""
        return self.tip.images.get(image_key(image)) is not None
