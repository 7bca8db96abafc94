"""Plaintexts of sealed sessions: their sizes say nothing but their kind, and nothing but their one form is read."""

from __future__ import annotations

import pytest

from specie.ledger.errors import NonCanonical
from specie.ledger.messages.bulk import MEMBER_BYTES, LoggedOutput, RingAnswer, RingMember
from specie.ledger.messages.outputs import OUTPUT_BYTES, Output
from specie.ledger.messages.sealed import (
    SCAN_BLOCKS_MAX,
    RingRequest,
    ScanRequest,
    decode_candidates,
    decode_rings,
    encode_candidates,
    encode_rings,
    ring_answer_bytes,
    ring_request_bytes,
    scan_answer_bytes,
    session_report,
)

RING_SIZES = [16, 32, 64]


def ring(size: int) -> RingAnswer:
    members = [
        RingMember(3 * place, LoggedOutput(0, 9, Output(bytes([place]) * OUTPUT_BYTES)), bytes(32), (bytes([1]) * 32,))
        for place in range(size)
    ]
    return RingAnswer(8, 300, bytes([2]) * 32, tuple(members))


# SPEC LEDGER-11.4.4
@pytest.mark.parametrize("size", RING_SIZES)
def test_requests_and_answers_have_one_size_for_each_ring_size(size: int) -> None:
    full, single = RingRequest(8, tuple(range(size))), RingRequest(8, (5,))
    assert len(full.encode(size)) == len(single.encode(size)) == ring_request_bytes(size) == 16 * size
    assert RingRequest.decode(full.encode(size), size) == full
    answer = encode_rings(ring(size), size)
    assert len(answer) == len(encode_rings(ring(1), size)) == ring_answer_bytes(size) == 1536 * size
    assert decode_rings(answer) == ring(size)
    assert MEMBER_BYTES == 1277


# SPEC LEDGER-10.4
@pytest.mark.parametrize("indices", [(), (2, 1), (1, 1), tuple(range(17)), (2**48,)], ids=str)
def test_positions_ascend_and_fit_into_a_ring(indices: tuple[int, ...]) -> None:
    if not 1 <= len(indices) <= 16:
        with pytest.raises(ValueError, match="ring"):
            RingRequest(8, indices).encode(16)
        data = (8).to_bytes(8, "little") + bytes([len(indices)]) + b"".join(i.to_bytes(8, "little") for i in indices)
        data = data.ljust(256, b"\0")
    else:
        data = RingRequest(8, indices).encode(16)
    with pytest.raises(NonCanonical):
        RingRequest.decode(data, 16)


def test_padding_is_zero_and_whole() -> None:
    good = RingRequest(8, (1, 2)).encode(16)
    for spoiled in (good[:-1], good + b"\0", good[:-1] + b"\1"):
        with pytest.raises(NonCanonical):
            RingRequest.decode(spoiled, 16)
    answer = encode_rings(ring(2), 16)
    for spoiled in (answer[:-1] + b"\1", answer[:60], b""):
        with pytest.raises(NonCanonical):
            decode_rings(spoiled)


# SPEC LEDGER-11.4.5
def test_a_scan_names_a_detection_key_and_a_run_of_blocks() -> None:
    asked = ScanRequest(bytes([7]) * 32, 10, 10 + SCAN_BLOCKS_MAX - 1)
    assert ScanRequest.decode(asked.encode()) == asked
    assert "07" not in repr(asked)
    for first, last in ((10, 9), (0, SCAN_BLOCKS_MAX), (2**48, 2**48)):
        with pytest.raises(NonCanonical):
            ScanRequest.decode(ScanRequest(bytes(32), first, last).encode())
    with pytest.raises(NonCanonical):
        ScanRequest.decode(asked.encode() + b"\0")


# SPEC LEDGER-11.4.4
@pytest.mark.parametrize("count", [0, 1, 1024, 1025, 5000])
def test_candidates_are_padded_to_a_multiple_of_1024(count: int) -> None:
    indices = list(range(0, 3 * count, 3))
    data = encode_candidates(indices)
    assert len(data) == scan_answer_bytes(count) == 4 + 8 * 1024 * max(1, -(-count // 1024))
    assert decode_candidates(data) == indices


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data + bytes(8), lambda data: data[:-1] + b"\1"]
)
def test_candidates_in_another_form_are_not_read(spoil: object) -> None:
    with pytest.raises(NonCanonical):
        decode_candidates(spoil(encode_candidates([1, 2])))  # type: ignore[operator]
    with pytest.raises(NonCanonical):
        decode_candidates(encode_candidates([2, 1]))


# SPEC LEDGER-11.4.6
def test_the_report_of_a_session_binds_chain_key_and_nonce() -> None:
    parts = [bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32]
    reports = {session_report(*parts)}
    for place in range(3):
        reports.add(session_report(*[bytes(32) if each == place else part for each, part in enumerate(parts)]))
    assert len(reports) == 4
    assert session_report(*parts)[32:] == parts[2]
