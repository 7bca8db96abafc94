"""Redemption of ledger value: the owner burns, the institution records PAID, quota control gives the quota back.

    CLAIMED ──burn is final──► ASKED ──operation 18 final──► PAID ──dc-redeem──► DONE
       └─────refused by us───► ASKED ──operation 19 final──► REFUNDED

The leg that takes value out of a pool is final before the next one is begun (DESIGN 3). What is signed is stored before
it is sent, and sent again until it is answered, so a crash at any point neither loses a burn nor redeems it twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from specie.crypto import cose
from specie.issuance.api import Parcel
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.objects import RedemptionRequest
from specie.kernel.clock import Clock, Randomness
from specie.kernel.db import Database, UniqueViolation
from specie.kernel.errors import Refused, Unavailable
from specie.kernel.ids import uuid7
from specie.kms.api import Keys, KeyUri
from specie.ledger.api import Ledger
from specie.ledger.errors import Unknown, WithdrawState
from specie.ledger.messages.bodies import WithdrawPaid, WithdrawRefund
from specie.ledger.messages.evidence import BurnProof
from specie.ledger.messages.frames import OpType, frame_head, op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.withdrawals import withdraw_reference
from specie.ledger.store import institution as store
from specie.ledger.store.institution import RedemptionRow, RedemptionState

OUTCOME_REDEEMED = 2
CAUSE_REFUSED = 1
EXPIRY_BLOCKS = 20_000
SIGNATURE_BYTES = 64
FINAL_WITHIN_S = 20.0
Redeem = Callable[[Parcel], Awaitable[bytes]]
"""Quota control's call: dc-redreq with its proof to dc-redeem."""


@dataclass(slots=True)
class Institution:
    """One institution. withdrawal_key signs operations 18 and 19, register_key (`bank:reg`) signs dc-redreq."""

    me: str
    issuer: str
    """The issuance system whose stock is relieved (ISSUANCE-14.13)."""
    genesis: Genesis
    ledger: Ledger
    redeem_at_quota_control: Redeem
    keys: Keys
    withdrawal_key: KeyUri
    register_key: KeyUri
    database: Database
    clock: Clock
    randomness: Randomness

    async def claim(self, token: bytes, beneficiary: str) -> RedemptionRow:
        """Take a token whose withdrawal is to be redeemed for a beneficiary; the same token again changes nothing.

        token: 32 bytes that the owner made with its withdrawal (LEDGER section 9.3).
        """
        reference = withdraw_reference(self.me, token)
        row = RedemptionRow(reference, token, 0, beneficiary, self.clock.now_us(), RedemptionState.CLAIMED)
        try:
            await self.database.write(lambda tx: store.add(tx, row))
        except UniqueViolation:
            return await self.show(reference)
        return row

    async def refuse(self, token: bytes) -> RedemptionRow:
        """Give a withdrawal back to whoever burned for it. Raises Unknown, WithdrawState where it is answered."""
        row = await self.claim(token, "")
        found = await self._withdrawal(row.withdraw_ref)
        if row.state != RedemptionState.CLAIMED or found is None or found.status != WithdrawalStatus.PENDING:
            raise WithdrawState("there is no withdrawal that waits for our answer")
        frame = await self._sign_refund(row, (await self.ledger.status()).height)
        fresh = replace(row, state=RedemptionState.ASKED, amount=found.value, frame=frame)
        await self._move(row, fresh)
        return await self.settle(row.withdraw_ref)

    async def show(self, withdraw_ref: bytes) -> RedemptionRow:
        """How far a redemption has come. Raises Unknown."""
        row = await self.database.read(lambda tx: store.find(tx, withdraw_ref))
        if row is None:
            raise Unknown("no such redemption was claimed here")
        return row

    async def settle_all(self) -> int:
        """Take every open redemption as far as it goes; how many are still open. An absent neighbour is no fault."""
        rows = await self.database.read(store.open_ones)
        left = 0
        for row in rows:
            try:
                done = await self.settle(row.withdraw_ref)
            except Unavailable:
                done = row
            left += done.state < RedemptionState.DONE
        return left

    # SPEC LEDGER-9.3.7
    async def settle(self, withdraw_ref: bytes) -> RedemptionRow:
        """Take one redemption as far as it goes. Raises Unknown, Unavailable; Refused as the ledger judges."""
        row = await self.show(withdraw_ref)
        if row.state == RedemptionState.CLAIMED:
            row = await self._ask(row)
        if row.state == RedemptionState.ASKED:
            row = await self._record(row)
        if row.state == RedemptionState.PAID:
            row = await self._redeem(row)
        return row

    async def _ask(self, row: RedemptionRow) -> RedemptionRow:
        """The burn is there: fix the request and the operation, before either is shown to anybody."""
        found = await self._withdrawal(row.withdraw_ref)
        if found is None or found.status != WithdrawalStatus.PENDING:
            return row
        height = (await self.ledger.status()).height
        asked = replace(row, amount=found.value)
        request = await self._sign_request(asked)
        frame = await self._sign_paid(asked, request, height)
        return await self._move(row, replace(asked, state=RedemptionState.ASKED, request=request, frame=frame))

    async def _record(self, row: RedemptionRow) -> RedemptionRow:
        """Operation 18 or 19, the same bytes until it is final."""
        assert row.frame is not None
        target = RedemptionState.PAID if row.request is not None else RedemptionState.REFUNDED
        try:
            answer = await self.ledger.submit_operation(row.frame, FINAL_WITHIN_S)
        except WithdrawState:
            if await self._is_recorded(row):
                return await self._move(row, replace(row, state=target))
            raise
        return await self._move(row, replace(row, state=target)) if answer.state == "final" else row

    async def _is_recorded(self, row: RedemptionRow) -> bool:
        """This very operation took effect before."""
        try:
            await self.ledger.receipt(op_id(row.frame or b""))
        except Unknown:
            return False
        return True

    # SPEC ISSUANCE-14.11
    async def _redeem(self, row: RedemptionRow) -> RedemptionRow:
        """Show quota control the burn; what it answers with *later* is asked again (ISSUANCE-14.13)."""
        assert row.frame is not None and row.request is not None
        state = await self.ledger.state_receipt(Domain.WITHDRAWAL, row.withdraw_ref)
        receipt = await self.ledger.receipt(op_id(row.frame))
        proof = BurnProof(state, receipt, row.frame).encode()
        try:
            answer = await self.redeem_at_quota_control(Parcel(row.request, proof=proof))
        except Refused as refusal:
            noted = replace(row, detail=str(refusal))
            await self.database.write(lambda tx: store.replace(tx, row.state, noted))
            return noted
        return await self._move(row, replace(row, state=RedemptionState.DONE, receipt=answer, detail=""))

    async def _move(self, old: RedemptionRow, fresh: RedemptionRow) -> RedemptionRow:
        if await self.database.write(lambda tx: store.replace(tx, old.state, fresh)):
            return fresh
        return await self.show(old.withdraw_ref)

    async def _withdrawal(self, withdraw_ref: bytes) -> WithdrawalState | None:
        entry = await self.ledger.state_entry(Domain.WITHDRAWAL, withdraw_ref)
        return WithdrawalState.decode(bytes.fromhex(entry.value)) if entry.value is not None else None

    # SPEC ISSUANCE-14.13
    async def _sign_request(self, row: RedemptionRow) -> bytes:
        """The dc-redreq in the amount form: no exp, aud is the issuance system."""
        body = RedemptionRequest(self.genesis.currency, row.amount, row.beneficiary, reference=row.withdraw_ref)
        now_us = self.clock.now_us()
        cti = uuid7(now_us, self.randomness)
        payload = payload_of(Claims(self.me, now_us // 1_000_000, cti, aud=self.issuer), body)
        public = await self.keys.public_key(self.register_key)
        kid = cose.key_id(public.bytes)
        tbs = cose.to_be_signed(body.typ, kid, payload, cose.EDDSA)
        signature = await self.keys.sign(self.register_key, "cose", tbs, cti)
        return cose.assemble_sign1(body.typ, kid, payload, bytes(signature), cose.EDDSA)

    async def _sign_paid(self, row: RedemptionRow, request: bytes, height: int) -> bytes:
        kid = await self._kid()
        body = WithdrawPaid(
            row.withdraw_ref, self.me, row.token, OUTCOME_REDEEMED, sha256(request).digest(), kid, bytes(64)
        )
        return await self._sign_frame(OpType.WITHDRAW_PAID, body.encode(), height)

    async def _sign_refund(self, row: RedemptionRow, height: int) -> bytes:
        body = WithdrawRefund(row.withdraw_ref, CAUSE_REFUSED, self.me, row.token, await self._kid(), bytes(64))
        return await self._sign_frame(OpType.WITHDRAW_REFUND, body.encode(), height)

    async def _sign_frame(self, kind: OpType, body: bytes, height: int) -> bytes:
        """[op]: the signature ends the body, over all that stands before it."""
        head = frame_head(kind, self.genesis.chain_id, height + EXPIRY_BLOCKS, len(body))
        prefix = head + body[:-SIGNATURE_BYTES]
        ident = uuid7(self.clock.now_us(), self.randomness)
        return prefix + bytes(await self.keys.sign(self.withdrawal_key, "ledger-op", prefix, ident))

    async def _kid(self) -> bytes:
        return cose.key_id((await self.keys.public_key(self.withdrawal_key)).bytes)
