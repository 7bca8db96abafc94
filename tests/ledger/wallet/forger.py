"""A node that holds the validator's key and says whatever it likes: only what wallets check stops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger import makers
from specie.crypto import merkle
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.bulk import (
    PAGE_OUTPUTS,
    BlockImages,
    CompactBlock,
    CompactBlocks,
    CompactGroup,
    LoggedOutput,
    OutputPage,
    encode_images,
)
from specie.ledger.messages.hashing import framed_hash, hash8, hash16
from specie.ledger.messages.header import Header, block_signature_input
from specie.ledger.messages.outputs import OUTPUT_BYTES, Output, OutputKind, class_of
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.record import BlockRecord, BlockTotals, PublicOutput, record_hash
from specie.ledger.messages.views import OutputProof, Status, time_text
from specie.ledger.protocol.light_group import (
    add,
    base,
    commit,
    decode_point,
    encode_point,
    hash_number,
    multiply,
)

Group = tuple[int, bytes, Sequence[bytes]]
"""(kind, ctx, outputs)"""


@dataclass
class Forger:
    """Blocks of any outputs, under headers that are signed."""

    genesis_: Any = field(default_factory=makers.genesis)
    headers_: list[Header] = field(default_factory=list)
    blocks: list[CompactBlock] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    log: list[LoggedOutput] = field(default_factory=list)
    images: list[BlockImages] = field(default_factory=list)
    step_ms: int = 60_000

    def __post_init__(self) -> None:
        filler = [bytes([number]) * OUTPUT_BYTES for number in range(128)]
        self._add([(0, OutputKind.START, bytes(32), filler[:64]), (1, OutputKind.START, bytes(32), filler[64:])], [])

    @property
    def chain_id(self) -> bytes:
        found: bytes = self.genesis_.chain_id
        return found

    @property
    def height(self) -> int:
        return len(self.headers_) - 1

    def add(self, *groups: Group, images: Sequence[bytes] = (), record: dict[str, Any] | None = None) -> None:
        """The next block."""
        self._add([(class_of(kind), kind, ctx, outputs) for kind, ctx, outputs in groups], images, record)

    def _add(
        self,
        groups: Sequence[tuple[int, int, bytes, Sequence[bytes]]],
        images: Sequence[bytes],
        record: dict[str, Any] | None = None,
    ) -> None:
        height, first = len(self.headers_), len(self.log)
        time_ms = self.genesis_.time_ms + height * self.step_ms
        compact = []
        for class_, kind, ctx, outputs in groups:
            self.log += [LoggedOutput(class_, height, Output(data)) for data in outputs]
            compact.append(CompactGroup(kind, class_, ctx, b"".join(data[64:99] for data in outputs)))
        self.blocks.append(CompactBlock(height, time_ms, first, tuple(compact)))
        self.images.append(BlockImages(height, tuple(sorted(images))))
        public = tuple(
            PublicOutput(kind, class_, ctx, Output(data))
            for class_, kind, ctx, outputs in groups
            for data in outputs
            if kind > OutputKind.MINT
        )
        data = BlockRecord(height, public_outputs=public, **(record or {})).encode()
        self.records.append(data)
        before = self.headers_[-1].app_hash if self.headers_ else bytes(32)
        root, zero = merkle.root([merkle.leaf_hash(each.encode()) for each in self.log]), bytes(32)
        self.headers_.append(
            Header(
                *(self.chain_id, height, time_ms, before, merkle.EMPTY_ROOT, root, len(self.log), zero, zero),
                *(record_hash(data), zero, BlockTotals(), 0, zero, 0, 0),
            )
        )

    def finality(self, header: Header) -> bytes:
        message = block_signature_input(self.chain_id, header.height, header.app_hash)
        return Finality.embedded(0, makers.key("validator").sign(message)).encode()

    # -- what wallets ask

    async def genesis(self) -> bytes:
        found: bytes = self.genesis_.encode()
        return found

    async def status(self) -> Status:
        last = self.headers_[-1]
        return Status(
            chain_id=self.chain_id.hex(),
            currency="XTS",
            scale=2,
            dev=True,
            provider="embedded",
            height=last.height,
            time=time_text(last.time_ms),
            app_hash=last.app_hash.hex(),
            out_size=last.out_size,
            real_outputs=[0, 0],
            epoch=0,
            params_version=0,
            ring_size=16,
            validators=1,
            validators_up=1,
            block_interval_ms=200,
            mempool=0,
            enclave="simulated",
            separation_of_duties=False,
        )

    async def headers(self, first: int, limit: int) -> list[tuple[bytes, bytes]]:
        return [(each.data, self.finality(each)) for each in self.headers_[first : first + limit]]

    async def block(self, height: int) -> bytes:
        return self.records[height]

    async def compact(self, first: int, count: int) -> bytes:
        return CompactBlocks(first, tuple(self.blocks[first : first + count])).encode()

    async def outputs(self, page: int) -> bytes:
        start = page * PAGE_OUTPUTS
        return OutputPage(page, tuple(self.log[start : start + PAGE_OUTPUTS])).encode()

    async def key_images(self, first: int, count: int) -> bytes:
        return encode_images(tuple(self.images[first : first + count]))

    async def prove_output(self, index: int, height: int | None = None) -> OutputProof:
        size = self.headers_[self.height if height is None else height].out_size
        leaves = [merkle.leaf_hash(each.encode()) for each in self.log[:size]]
        path = [each.hex() for each in merkle.inclusion_proof(leaves, index)]
        at = self.height if height is None else height
        return OutputProof(height=at, leaf=self.log[index].encode().hex(), index=index, size=size, path=path)


def make_output(
    ctx: bytes,
    pay: bytes,
    value: int,
    n: bytes = bytes(16),
    *,
    found_as: bytes | None = None,
    committed: int | None = None,
) -> bytes:
    """An output from the formulas of LEDGER-4.2 alone.

    found_as: the spend key K_s of another subaddress, which the recipient will find instead: the Janus attack.
    committed: another amount in the commitment than the one that is written.
    """
    spend, view, detect = pay[:32], pay[32:64], pay[64:]
    named = found_as or spend
    r = hash_number("eph", n, ctx, put_u64(value), spend, view, detect)
    ephemeral = encode_point(multiply(r, decode_point(spend)))
    tag = framed_hash("vt", encode_point(multiply(r, decode_point(detect))), ephemeral, ctx)[:3]
    q = framed_hash("q", encode_point(multiply(r, decode_point(view))), ephemeral, ctx)
    key = encode_point(add(multiply(hash_number("otk", q), base()), decode_point(named)))
    mask = hash_number("mask", q, put_u64(value), named)
    commitment = encode_point(commit(value if committed is None else committed, mask))
    amount = _xor(put_u64(value), hash8("amt", q, key))
    return key + commitment + ephemeral + tag + amount + _xor(n, hash16("anc", q, key)) + bytes(144)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
