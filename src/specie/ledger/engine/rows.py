"""A block as rows of the tables."""

from __future__ import annotations

from collections.abc import Mapping

from specie.ledger.engine.closing import Closed
from specie.ledger.engine.overlay import Block
from specie.ledger.errors import Rejected
from specie.ledger.store.blocks import BlockRows, SubmissionState

SubmissionEnd = tuple[bytes, int, str | None, str | None, int, bytes | None]
"""(id, state, code, rule, height, leaf)"""
NEVER = "never"


def is_remembered(refusal: Exception) -> bool:
    """Whether the same bytes get the same refusal again (LEDGER-21.1.6): neither time, state nor load may lift it."""
    return isinstance(refusal, Rejected) and refusal.retry == NEVER


def refused_end(ident: bytes, refusal: Rejected, height: int) -> SubmissionEnd:
    """A refusal as a row."""
    return ident, SubmissionState.REFUSED, refusal.code, refusal.rule, height, None


# SPEC LEDGER-8.7.2
def rows_of(
    block: Block, closed: Closed, final: Mapping[bytes, bytes], refusals: Mapping[bytes, Exception]
) -> BlockRows:
    """All rows of a block. final: id of each frame that took effect, to its leaf."""
    header, height = closed.header, block.height
    first = header.out_size - len(closed.log)
    submissions: list[SubmissionEnd] = [
        (ident, SubmissionState.FINAL, None, None, height, leaf) for ident, leaf in final.items()
    ]
    # SPEC LEDGER-21.1.6
    submissions += [
        refused_end(ident, refusal, height)
        for ident, refusal in refusals.items()
        if isinstance(refusal, Rejected) and is_remembered(refusal)
    ]
    return BlockRows(
        height,
        block.time_ms,
        closed.app_hash,
        header.data,
        closed.record,
        closed.proofs,
        header.out_size,
        [(first + place, class_, at, output) for place, (class_, at, output) in enumerate(closed.log)],
        [(point,) for point in block.new_points],
        [(image, height) for image in block.images],
        [(leaf, height, place) for place, leaf in enumerate(closed.leaves)],
        [(int(domain), ident, height) for domain, ident in block.made_once],
        [(int(domain), ident, height, value) for (domain, ident), value in closed.writes.items()],
        [(change.version, change.op_id, height, change.effective_height, frame) for change, frame in block.changes],
        [(key.epoch, op_id, height, frame) for op_id, key, frame in block.epoch_keys],
        submissions,
    )
