"""The log that every system keeps: leaves, a hash chain over them, and a Merkle tree (ISSUANCE section 15.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.kernel import codec

ZERO_HASH = bytes(32)
ZERO_KID = bytes(16)
CHAIN_START = bytes(32)


# SPEC ISSUANCE-15.1.2
@dataclass(frozen=True, slots=True)
class Leaf:
    """One state change."""

    sequence: int
    """From 1, without gaps."""
    at_s: int
    """Time of the decision, seconds since 1970; never before the leaf before it."""
    event: str
    object_hash: bytes
    previous: bytes = ZERO_HASH
    """Hash of the object of the step before; zero where there is none."""
    actor: bytes = ZERO_KID
    """Key id of who caused it; zero where it was the system itself."""

    def encode(self) -> bytes:
        return codec.encode(
            {
                1: self.sequence,
                2: self.at_s,
                3: self.event,
                4: self.object_hash,
                5: self.previous,
                6: self.actor,
            }
        )

    @classmethod
    def decode(cls, body: bytes) -> Leaf:
        value = codec.decode(body, bytes_max=1024)
        if not isinstance(value, dict) or set(value) != {1, 2, 3, 4, 5, 6}:
            raise codec.Malformed("not a log leaf")
        return cls(value[1], value[2], value[3], value[4], value[5], value[6])


# SPEC ISSUANCE-15.1.1
def leaf_hash(body: bytes) -> bytes:
    return sha256(b"\x00" + body).digest()


def chain_hash(before: bytes, leaf: bytes) -> bytes:
    return sha256(b"\x02" + before + leaf).digest()


def check_chain(bodies: Iterable[bytes], start: bytes = CHAIN_START, first: int = 1) -> tuple[bytes, list[bytes]]:
    """Recompute chain and leaf hashes of a stretch of log; returns the last chain hash and the leaf hashes.

    Raises ValueError naming the first leaf that is out of sequence or out of time.
    """
    chain, leaves, at_s = start, [], 0
    for sequence, body in enumerate(bodies, first):
        leaf = Leaf.decode(body)
        if leaf.sequence != sequence or leaf.at_s < at_s:
            raise ValueError(f"leaf {sequence} is out of place")
        at_s = leaf.at_s
        leaves.append(leaf_hash(body))
        chain = chain_hash(chain, leaves[-1])
    return chain, leaves


def origin_of(environment: str, system: str) -> str:
    """The origin line of a system's checkpoints."""
    return f"specie/{environment}/{system}"


def repeated(hashes: Sequence[bytes]) -> list[bytes]:
    """Object hashes that stand in more than one leaf; there must be none (I8)."""
    seen: set[bytes] = set()
    return [value for value in hashes if value in seen or seen.add(value)]  # type: ignore[func-returns-value]
