"""The ledger as issuance sees it: `Registry` and `Anchor` of `issuance.api`, over whatever `Ledger` is at hand.

An issuance system holds one with its unit key and registers issues; quota control holds one without keys and checks
receipts over their bytes, under the genesis document that its own configuration pins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specie.crypto import cose
from specie.crypto.transactions import build_mint, mint_size
from specie.issuance.api import Registration
from specie.issuance.errors import UnitInvalid
from specie.issuance.messages.claims import read_payload
from specie.issuance.messages.objects import Unit
from specie.kernel import codec
from specie.kernel.clock import Clock, Randomness
from specie.kernel.errors import Refused, Unavailable
from specie.kernel.ids import uuid7
from specie.kms.api import Keys, KeyUri
from specie.ledger.api import Ledger
from specie.ledger.errors import ControlBitCancelled, ControlBitUsed, ProofInvalid, Unknown
from specie.ledger.messages.address import Address
from specie.ledger.messages.bodies import SIGNATURE_BYTES, Anchor, mint_head
from specie.ledger.messages.evidence import RegistryReceipt
from specie.ledger.messages.frames import OpType, frame_head, frame_of, op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.record import BlockRecord
from specie.ledger.messages.state import AnchorState, Domain, MintState, MintStatus, anchor_ident
from specie.ledger.protocol import vouching

EXPIRY_BLOCKS = 20_000
FINAL_WITHIN_S = 20.0
UNITS_BYTES_MAX = 2**24
OUTPUTS = (2, 4, 8, 16)
KID_BYTES = 16


@dataclass(slots=True)
class LedgerRegistry:
    """One chain as a registry. keys and unit_key are the issuance system's; without them it only checks and reads.

    unit_key: the `is:unit` key in force now; it signs operation 16 and, as COSE, the cancellations.
    """

    genesis: Genesis
    ledger: Ledger
    clock: Clock
    randomness: Randomness
    keys: Keys | None = None
    unit_key: Callable[[], KeyUri] | None = None

    # SPEC ISSUANCE-13.2.1, ISSUANCE-13.2.4, ISSUANCE-13.2.5, ISSUANCE-13.2.8, ISSUANCE-13.4.3, LEDGER-9.1.16
    async def register(self, registration: Registration) -> bytes:
        """Mint the units of one control bit; once, whatever was tried before. The registry receipt.

        Raises ControlBitCancelled, UnitInvalid, AddressInvalid and what the ledger refuses; Unavailable: ask again.
        """
        found = await self._registered(registration)
        if found is not None:
            return found
        frame = await self._mint(registration)
        try:
            answer = await self.ledger.submit_operation(frame, FINAL_WITHIN_S)
        except Refused:
            # an earlier attempt under other outputs may have taken effect meanwhile
            found = await self._registered(registration)
            if found is None:
                raise
            return found
        if answer.state != "final":
            raise Unavailable("the mint is not final yet")
        receipt = RegistryReceipt(await self.ledger.receipt(op_id(frame)), frame).encode()
        self._check(receipt, registration)
        return receipt

    async def _registered(self, registration: Registration) -> bytes | None:
        """The receipt of an attempt that took effect before. Raises ControlBitCancelled, ProofInvalid."""
        state = await self._minted(registration.unit_root)
        if state is None:
            return None
        if state.status == MintStatus.CANCELLED:
            raise ControlBitCancelled("this control bit was given up")
        receipt = await self._receipt_of(state)
        self._check(receipt, registration)
        return receipt

    # SPEC LEDGER-13.1
    def _check(self, receipt: bytes, registration: Registration) -> None:
        cti = registration.credential_cti
        vouching.check_registered(self.genesis, receipt, registration.unit_root, cti, cancelled=False)

    # SPEC ISSUANCE-13.2.9
    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        """Give a control bit up for ever; the receipt. Raises ControlBitUsed where it is minted."""
        unit_root = vouching.cancelled_root(cancel)
        found = await self._cancelled(unit_root)
        if found is not None:
            return found
        height = (await self.ledger.status()).height
        body = len(bit).to_bytes(2, "little") + bit + len(cancel).to_bytes(2, "little") + cancel
        frame = frame_of(OpType.MINT_CANCEL, self.genesis.chain_id, height + EXPIRY_BLOCKS, body)
        try:
            answer = await self.ledger.submit_operation(frame, FINAL_WITHIN_S)
        except Refused:
            # a mint, or an earlier cancellation, may have taken effect meanwhile
            found = await self._cancelled(unit_root)
            if found is None:
                raise
            return found
        if answer.state != "final":
            raise Unavailable("the cancellation is not final yet")
        return RegistryReceipt(await self.ledger.receipt(op_id(frame)), frame).encode()

    async def _cancelled(self, unit_root: bytes) -> bytes | None:
        state = await self._minted(unit_root)
        if state is None:
            return None
        if state.status == MintStatus.MINTED:
            raise ControlBitUsed("this control bit is minted: it cannot be given up")
        return await self._receipt_of(state)

    async def receipt(self, unit_root: bytes) -> bytes | None:
        """The registry receipt of whatever happened to this root."""
        state = await self._minted(unit_root)
        return None if state is None else await self._receipt_of(state)

    async def _receipt_of(self, state: MintState) -> bytes:
        record = BlockRecord.decode(await self.ledger.block(state.height))
        frame = next((data for data in record.frames if op_id(data) == state.op_id), None)
        if frame is None:
            raise ProofInvalid("the block does not hold the operation that the state names")
        return RegistryReceipt(await self.ledger.receipt(state.op_id), frame).encode()

    def check_receipt(self, receipt: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool) -> None:
        vouching.check_registered(self.genesis, receipt, unit_root, credential_cti, cancelled=cancelled)

    def check_burn(self, proof: bytes, request: bytes) -> None:
        vouching.check_burned(self.genesis, proof, request)

    # SPEC ISSUANCE-13.2.13
    async def supply(self, currency: str) -> int:
        """hidden + escrow_pool, minor units; 0 of a currency that the chain does not carry."""
        if currency != self.genesis.currency:
            return 0
        figures = await self.ledger.supply()
        return figures.hidden.minor(self.genesis.scale) + figures.escrow_pool.minor(self.genesis.scale)

    async def _minted(self, unit_root: bytes) -> MintState | None:
        entry = await self.ledger.state_entry(Domain.MINT, unit_root)
        return None if entry.value is None else MintState.decode(bytes.fromhex(entry.value))

    async def _mint(self, registration: Registration) -> bytes:
        """A signed frame of type 16. Its outputs are fresh at every attempt; the ledger takes one of them."""
        if self.keys is None or self.unit_key is None:
            raise ProofInvalid("this registry has no unit key: it only checks")
        # SPEC ISSUANCE-13.2.2
        address = Address.decode(registration.address)
        values, denominations = read_units(registration.order)
        height = (await self.ledger.status()).height
        head = mint_head(registration.bit, address.owner, denominations, b"", registration.amount)
        count = next(count for count in OUTPUTS if count >= min(len(values), OUTPUTS[-1]))
        size = len(head) + mint_size(count) + KID_BYTES + SIGNATURE_BYTES
        prefix = frame_head(OpType.MINT, self.genesis.chain_id, height + EXPIRY_BLOCKS, size) + head
        body = build_mint(
            prefix,
            self.genesis.chain_id,
            registration.unit_root,
            address.pay,
            shared_out(values, count),
            self.randomness.bytes(64),
        )
        uri = self.unit_key()
        kid = cose.key_id((await self.keys.public_key(uri)).bytes)
        unsigned = prefix + body + kid
        ident = uuid7(self.clock.now_us(), self.randomness)
        return unsigned + bytes(await self.keys.sign(uri, "ledger-op", unsigned, ident))


def read_units(order: bytes) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Values of the units in their order, and the same packed as (value, count). Raises UnitInvalid."""
    try:
        items = codec.decode(order, bytes_max=UNITS_BYTES_MAX)
        parsed = cose.parse_sign1_many([bytes(item) for item in items])  # type: ignore[attr-defined]
        values = [read_payload(Unit, item.payload)[1].value for item in parsed]
    except (Refused, TypeError) as error:
        raise UnitInvalid("the order is not a list of units") from error
    packed: list[tuple[int, int]] = []
    for value in values:
        if packed and packed[-1][0] == value:
            packed[-1] = (value, packed[-1][1] + 1)
        else:
            packed.append((value, 1))
    return values, tuple(packed)


def shared_out(values: list[int], count: int) -> list[int]:
    """The units' values over so many outputs: one each while they fit, else the last outputs take several."""
    if len(values) <= count:
        return values + [0] * (count - len(values))
    shares = [0] * count
    for place, value in enumerate(sorted(values, reverse=True)):
        shares[place % count] += value
    return shares


@dataclass(slots=True)
class LedgerAnchor:
    """`Anchor` of issuance: checkpoints as operation 48, signed by the system's own anchor key."""

    genesis: Genesis
    ledger: Ledger
    keys: Keys
    anchor_key: KeyUri
    clock: Clock
    randomness: Randomness

    # SPEC ISSUANCE-13.4.5, ISSUANCE-15.2.3
    async def anchor(self, topic: int, source: str, size: int, root: bytes, signature: bytes) -> None:
        """Anchor size and root of a log; the same once more changes nothing. Raises as the ledger refuses."""
        entry = await self.ledger.state_entry(Domain.ANCHOR, anchor_ident(topic, source))
        last = None if entry.value is None else AnchorState.decode(bytes.fromhex(entry.value))
        if last is not None and (last.size, last.root) == (size, root):
            return
        height = (await self.ledger.status()).height
        kid = cose.key_id((await self.keys.public_key(self.anchor_key)).bytes)
        seq = 1 if last is None else last.sequence + 1
        body = Anchor(topic, source, seq, size, root, kid, bytes(SIGNATURE_BYTES)).encode()
        head = frame_head(OpType.ANCHOR, self.genesis.chain_id, height + EXPIRY_BLOCKS, len(body))
        prefix = head + body[:-SIGNATURE_BYTES]
        ident = uuid7(self.clock.now_us(), self.randomness)
        frame = prefix + bytes(await self.keys.sign(self.anchor_key, "ledger-op", prefix, ident))
        try:
            answer = await self.ledger.submit_operation(frame, FINAL_WITHIN_S)
        except Unknown as error:
            raise Unavailable("the ledger does not know the operation") from error
        if answer.state != "final":
            raise Unavailable("the anchor is not final yet")
