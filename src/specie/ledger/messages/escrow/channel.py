"""What a channel is made of on the ledger: body of Tx_0, states, locks, claims (MICROPAY sections 3.4, 3.5, 3.9).

| here | chapter | | here | chapter |
|---|---|---|---|---|
| `capacity` | F | | `index` | i |
| `index_max` | n_max | | `amount` | A_i, cumulative |
| `window` | W | | `time_ms` | ts_i |
| `expires_ms` | T_exp | | `point` | T_i |
| `dispute_s` | D | | `chain` | Tx_i |
| `opened_ms` | ts_0 | | `tick_anchor` | v_0 |
| `bank_key`, `client_key`, `vendor_key` | P_B, P_C, P_V | | `ticks`, `tick` | j, v_j |
| `witness_anchor`, `witnesses` | w_0, N_w | | `nonce`, `scalar` | R^, k |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from struct import Struct

from specie.crypto.tagged import tagged_hash
from specie.ledger.errors import NonCanonical
from specie.ledger.messages.escrow.layout import NO_SIGNATURE, ZERO, Cursor

_HEAD = Struct(">BB32s4s16s16sQQIIIBBQIQ32s32s32s32s32s32s")
_LANE = Struct(">32sI32sI")
_STATE = Struct(">IQQB32s32sI32s")
_TICKS = Struct(">64sI32s")
_LOCK_TAIL = Struct(">32s32s")

HEAD_BYTES = _HEAD.size
LANE_BYTES = _LANE.size
STATE_BYTES = _STATE.size
CLAIM_BYTES = 1 + _STATE.size + _TICKS.size
LOCK_BYTES = _STATE.size + _LOCK_TAIL.size


@dataclass(frozen=True, slots=True)
class LaneAnchors:
    """Where the two hash chains of a lane end."""

    witness_anchor: bytes
    witnesses: int
    tick_anchor: bytes
    ticks: int

    def encode(self) -> bytes:
        return _LANE.pack(self.witness_anchor, self.witnesses, self.tick_anchor, self.ticks)


@dataclass(frozen=True)
class ChannelBody:
    """The body of Tx_0: what client, vendor and bank agree on and sign. 312 bytes and 72 for each lane."""

    version: int
    suite: int
    ledger_id: bytes
    asset: bytes
    client_nonce: bytes
    vendor_nonce: bytes
    capacity: int
    bond: int
    index_max: int
    limit: int
    unit: int
    lanes: int
    """As the body says; `anchors` has as many entries in every body that was decoded."""
    window: int
    expires_ms: int
    dispute_s: int
    opened_ms: int
    bank_key: bytes
    client_key: bytes
    vendor_key: bytes
    client_owner: bytes
    """O_C, the client's partial identity."""
    vendor_owner: bytes
    reputations: bytes
    anchors: tuple[LaneAnchors, ...]

    @classmethod
    def decode(cls, data: bytes) -> ChannelBody:
        """Raises NonCanonical for a wrong length or another number of lanes than the body says."""
        cursor = Cursor(data)
        fields = cursor.unpack(_HEAD)
        lanes = fields[11]
        if len(data) != HEAD_BYTES + LANE_BYTES * lanes:
            raise NonCanonical(f"a body of {lanes} lanes has not {len(data)} bytes")
        values = [*fields, tuple(LaneAnchors(*cursor.unpack(_LANE)) for _ in range(lanes))]
        return cls(*values)

    @cached_property
    def _head(self) -> bytes:
        return _HEAD.pack(
            self.version,
            self.suite,
            self.ledger_id,
            self.asset,
            self.client_nonce,
            self.vendor_nonce,
            self.capacity,
            self.bond,
            self.index_max,
            self.limit,
            self.unit,
            self.lanes,
            self.window,
            self.expires_ms,
            self.dispute_s,
            self.opened_ms,
            self.bank_key,
            self.client_key,
            self.vendor_key,
            self.client_owner,
            self.vendor_owner,
            self.reputations,
        )

    @cached_property
    def _tail(self) -> bytes:
        return b"".join(lane.encode() for lane in self.anchors)

    def encode(self) -> bytes:
        return self._head + self._tail

    @cached_property
    def cid(self) -> bytes:
        """The channel's id: over all fields before the lanes."""
        return tagged_hash("CMS/cid", self._head)

    @cached_property
    def tx_0(self) -> bytes:
        """What the bank grants and the vendor accepts; the start of every lane's Tx chain."""
        return tagged_hash("CMS/tx0", self.cid + self._tail)

    @property
    def grant_digest(self) -> bytes:
        """What sigma_0 signs."""
        return tagged_hash("CMS/grant", self.tx_0)

    @property
    def accept_digest(self) -> bytes:
        """What sigma_V signs."""
        return tagged_hash("CMS/accept", self.tx_0)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One cumulative state of a lane. 121 bytes."""

    index: int
    amount: int
    time_ms: int
    kind: int
    point: bytes
    chain: bytes
    epoch: int
    tick_anchor: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> ChannelState:
        return cls(*cursor.unpack(_STATE))

    def encode(self) -> bytes:
        return _STATE.pack(
            self.index,
            self.amount,
            self.time_ms,
            self.kind,
            self.point,
            self.chain,
            self.epoch,
            self.tick_anchor,
        )

    def digest(self, cid: bytes, lane: int) -> bytes:
        """m_i: what the client signs, complete or locked."""
        return tagged_hash("CMS/state", cid + lane.to_bytes(1, "big") + self.encode())


@dataclass(frozen=True, slots=True)
class LaneClaim:
    """A state with the client's signature and the ticks taken under it. 222 bytes."""

    lane: int
    state: ChannelState
    signature: bytes
    ticks: int
    tick: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> LaneClaim:
        return cls(cursor.number(1), ChannelState.read(cursor), *cursor.unpack(_TICKS))

    @classmethod
    def of_ticks(cls, lane: int, tx_0: bytes, tick_anchor: bytes, ticks: int, tick: bytes) -> LaneClaim:
        """The claim before the first state: ticks alone, against the anchor of Tx_0."""
        return cls(lane, ChannelState(0, 0, 0, 0, ZERO, tx_0, 0, tick_anchor), NO_SIGNATURE, ticks, tick)

    def encode(self) -> bytes:
        head = self.lane.to_bytes(1, "big") + self.state.encode()
        return head + _TICKS.pack(self.signature, self.ticks, self.tick)


@dataclass(frozen=True, slots=True)
class Lock:
    """A state with a pre-signature: whoever knows t completes it. 185 bytes."""

    state: ChannelState
    nonce: bytes
    scalar: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> Lock:
        return cls(ChannelState.read(cursor), *cursor.unpack(_LOCK_TAIL))

    def encode(self) -> bytes:
        return self.state.encode() + self.nonce + self.scalar
