"""What is said inside a sealed session with a trusted node (LEDGER §11.4, §21.6): plaintexts, their padding, labels.

    rings: h_a u64 | n u8 | n × index u64, zeros up to 256 B            answer: PLG1, zeros up to 24 KiB
    scan:  k_d 32 | from u64 | to u64                                   answer: n u32 | n × index u64, zeros up to
                                                                                a multiple of 1024 indices

The sizes are those of rings of 16; with 32 or 64 they are doubled or quadrupled. The size of a message says nothing but
its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from specie.enclave.messages import report_data
from specie.ledger.messages.binary import Reader, is_ascending, put_u8, put_u32, put_u64
from specie.ledger.messages.bulk import MEMBER_BYTES, RingAnswer

RINGS_PATH = "/v1/ledger/trusted/rings"
SCAN_PATH = "/v1/ledger/trusted/scan"
"""Also the associated data of the sealed request."""

SESSION_HEADER = "specie-session"
"""HTTP header that names the session of a sealed request."""

ANSWER_LABEL = b"PL1/tn/answer"
ANSWER_NONCE = bytes(12)
SESSION_LABEL = "pl1-tn-v1"
"""Label of the report data of a session's quote."""

NONCE_BYTES = 32
DETECTION_KEY_BYTES = 32
SCAN_REQUEST_BYTES = 48
SCAN_BLOCKS_MAX = 10_000
"""Blocks that one scan goes over."""

INDEX_MAX = 2**48 - 1
"""The largest index or height that is asked for: above any that will be."""

_RING_HEAD_BYTES = 4 + 8 + 8 + 32 + 1
_RING_REQUEST_BYTES = 256
_RING_ANSWER_BYTES = 24 * 1024
_SCAN_PAGE = 1024


def session_info(chain_id: bytes) -> bytes:
    """The `info` of HPKE in a session."""
    return b"PL1/tn" + chain_id


# SPEC LEDGER-11.4.6
def session_report(chain_id: bytes, public_key: bytes, nonce: bytes) -> bytes:
    """Report data of the quote that binds a session key to a chain and to the nonce of whoever asked; 64 bytes."""
    return report_data(SESSION_LABEL, chain_id, public_key, nonce)


def ring_request_bytes(ring_size: int) -> int:
    """How long a request for one ring is."""
    return _RING_REQUEST_BYTES * ring_size // 16


def ring_answer_bytes(ring_size: int) -> int:
    """How long the answer to it is."""
    return _RING_ANSWER_BYTES * ring_size // 16


def scan_answer_bytes(count: int) -> int:
    """How long an answer with so many indices is."""
    return 4 + 8 * _SCAN_PAGE * max(1, -(-count // _SCAN_PAGE))


@dataclass(frozen=True, slots=True)
class RingRequest:
    """All positions of one ring, in one request (LEDGER-10.4)."""

    height: int
    """h_a"""

    indices: tuple[int, ...]
    """Strictly ascending, at most RING_SIZE."""

    def encode(self, ring_size: int) -> bytes:
        """Padded. Raises ValueError for more indices than a ring has."""
        if not 1 <= len(self.indices) <= ring_size:
            raise ValueError("a ring has 1 to RING_SIZE positions")
        body = put_u64(self.height) + put_u8(len(self.indices)) + b"".join(put_u64(each) for each in self.indices)
        return body.ljust(ring_request_bytes(ring_size), b"\0")

    @classmethod
    def decode(cls, data: bytes, ring_size: int) -> RingRequest:
        """Raises NonCanonical, also for another length than this ring size has."""
        reader = Reader(data)
        if len(data) != ring_request_bytes(ring_size):
            reader.fail(f"a request for a ring of {ring_size} has {ring_request_bytes(ring_size)} bytes")
        height, count = reader.u64(), reader.u8()
        if not 1 <= count <= ring_size:
            reader.fail("a ring has 1 to RING_SIZE positions")
        indices = tuple(reader.u64() for _ in range(count))
        ascending = all(one < other for one, other in pairwise(indices))
        if not ascending or height > INDEX_MAX or indices[-1] > INDEX_MAX:
            reader.fail("positions of a ring ascend")
        _check_padding(reader)
        return cls(height, indices)


def encode_rings(answer: RingAnswer, ring_size: int) -> bytes:
    """The answer of the ring service, padded."""
    return answer.encode().ljust(ring_answer_bytes(ring_size), b"\0")


def decode_rings(data: bytes) -> RingAnswer:
    """Raises NonCanonical. Nothing in it is proven before its paths are checked (LEDGER-11.1.1)."""
    reader = Reader(data)
    reader.take(_RING_HEAD_BYTES - 1)
    size = _RING_HEAD_BYTES + reader.u8() * MEMBER_BYTES
    answer = RingAnswer.decode(data[:size])
    reader.take(size - _RING_HEAD_BYTES)
    _check_padding(reader)
    return answer


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """Look for outputs of a detection key in the blocks `first` to `last`, both included."""

    # SPEC LEDGER-11.4.5
    detection_key: bytes = field(repr=False)
    """k_d, never k_v."""

    first: int
    last: int

    def encode(self) -> bytes:
        """48 bytes."""
        return self.detection_key + put_u64(self.first) + put_u64(self.last)

    @classmethod
    def decode(cls, data: bytes) -> ScanRequest:
        """Raises NonCanonical."""
        reader = Reader(data)
        found = cls(reader.take(DETECTION_KEY_BYTES), reader.u64(), reader.u64())
        reader.done()
        if not found.first <= found.last <= INDEX_MAX or found.last - found.first >= SCAN_BLOCKS_MAX:
            reader.fail(f"a scan goes over 1 to {SCAN_BLOCKS_MAX} blocks")
        return found


def encode_candidates(indices: list[int]) -> bytes:
    """The answer of a scan, padded."""
    body = put_u32(len(indices)) + b"".join(put_u64(index) for index in indices)
    return body.ljust(scan_answer_bytes(len(indices)), b"\0")


def decode_candidates(data: bytes) -> list[int]:
    """Raises NonCanonical."""
    reader = Reader(data)
    count = reader.u32()
    if scan_answer_bytes(count) != len(data):
        reader.fail("an answer is padded to a multiple of 1024 indices")
    items = reader.many(count, 8)
    _check_padding(reader)
    if not is_ascending(tuple(item[::-1] for item in items)):
        reader.fail("indices ascend")
    return [int.from_bytes(item, "little") for item in items]


def _check_padding(reader: Reader) -> None:
    if any(reader.rest()):
        reader.fail("padding is zero")
