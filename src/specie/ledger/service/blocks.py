"""Blocks and outputs, mostly in bulk (LEDGER §21.4).

A light wallet takes whole pages or compact blocks; single outputs tell a node what somebody is interested in
(LEDGER-21.4.1).
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.params import FromPath, QueryParameter

from specie.ledger.api import Ledger
from specie.ledger.messages.bulk import COMPACT_BLOCKS_MAX, PAGE_OUTPUTS, decode_images
from specie.ledger.messages.views import OutputView, block_view
from specie.ledger.service.answering import (
    JSON,
    Answered,
    From,
    Http,
    accepts,
    encode,
    fixed,
    json_of,
    moving,
    octets,
    place,
)
from specie.ledger.service.answering import OCTETS as OCTETS_TYPE
from specie.ledger.service.chain import Units

Count = Annotated[int, QueryParameter(name="count", ge=1, le=COMPACT_BLOCKS_MAX)]

_COMPACT_COUNT = slice(12, 16)
_PAGE_COUNT = slice(12, 16)


def block_routes(ledger: Ledger) -> list[Any]:
    """All of §21.4."""
    return [*record_routes(ledger), *output_routes(ledger)]


def record_routes(ledger: Ledger) -> list[Any]:
    """Records, proofs segments, compact blocks, key images."""
    units = Units(ledger)

    @get("/ledger/blocks/{height:int}", responses=octets("the block record (LEDGER 8.2); JSON where it is asked for"))
    async def get_block(request: Http, height: FromPath[int]) -> Answered:
        """A block record in octets; a JSON view for people on `Accept: application/json`."""
        record = await ledger.block(place(height))
        if accepts(request, JSON) and not accepts(request, OCTETS_TYPE):
            return fixed(request, encode(block_view(record, *await units())), JSON)
        return fixed(request, record)

    @get("/ledger/blocks/{height:int}/proofs", responses=octets("the proofs segment"))
    async def get_block_proofs(request: Http, height: FromPath[int]) -> Answered:
        """The range proofs of a block; 410 when they were dropped."""
        return fixed(request, await ledger.block_proofs(place(height)))

    @get("/ledger/compact", responses=octets("`PLC1`"))
    async def get_compact(request: Http, first: From = 0, count: Count = COMPACT_BLOCKS_MAX) -> Answered:
        """What a wallet needs to find its outputs: R and tag of each, 35 bytes, of up to 1000 blocks."""
        data = await ledger.compact(first, count)
        is_full = int.from_bytes(data[_COMPACT_COUNT], "little") == count
        return fixed(request, data) if is_full else moving(data)

    @get("/ledger/key-images", responses=octets("per block height u64, n u32, n × 32"))
    async def get_key_images(request: Http, first: From = 0, count: Count = COMPACT_BLOCKS_MAX) -> Answered:
        """The key images that blocks made known, of up to 1000 blocks."""
        data = await ledger.key_images(first, count)
        return fixed(request, data) if len(decode_images(data)) == count else moving(data)

    return [get_block, get_block_proofs, get_compact, get_key_images]


def output_routes(ledger: Ledger) -> list[Any]:
    """Outputs by index and by page."""

    @get("/ledger/outputs/{index:int}", responses=json_of(OutputView, "the output with its path"))
    async def get_output(request: Http, index: FromPath[int]) -> Answered:
        """One output with its proof. Asking for single outputs tells the node which one is of interest."""
        view = await ledger.output(place(index))
        is_fixed = view.proof.height == view.height
        return fixed(request, encode(view), JSON) if is_fixed else moving(encode(view), JSON)

    @get("/ledger/outputs/pages/{page:int}", responses=octets("`PLO1`"))
    async def get_page(request: Http, page: FromPath[int]) -> Answered:
        """A page of 4096 outputs; the last one grows."""
        data = await ledger.outputs(place(page))
        is_full = int.from_bytes(data[_PAGE_COUNT], "little") == PAGE_OUTPUTS
        return fixed(request, data) if is_full else moving(data)

    return [get_output, get_page]
