"""Redemption of ledger value: the owner burns, the institution records PAID, quota control gives the quota back.

    CLAIMED ──burn is final──► ASKED ──operation 18 final──► PAID ──dc-redeem──► DONE
       └─────refused by us───► ASKED ──operation 19 final──► REFUNDED

The leg that takes value out of a pool is final before the next one is begun (DESIGN 3). What is signed is stored before
it is sent, and sent again until it is answered, so a crash at any point neither loses a burn nor redeems it twice. The
node is asked, never trusted: a burn and an operation count only with a proof under the genesis document (LEDGER-13.1).
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
from specie.ledger.errors import Expired, Unknown, WithdrawBank, WithdrawState
from specie.ledger.messages.bodies import WithdrawPaid, WithdrawRefund
from specie.ledger.messages.evidence import BurnProof
from specie.ledger.messages.frames import OpType, frame_head, op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.receipts import PRESENT
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.withdrawals import withdraw_reference
from specie.ledger.protocol.light import Trusted, verify_operation, verify_state_receipt
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
        row = self._row(token, beneficiary)
        try:
            await self.database.write(lambda tx: store.add(tx, row))
        except UniqueViolation:
            return await self.show(row.withdraw_ref)
        return row

    async def refuse(self, token: bytes) -> RedemptionRow:
        """Give a withdrawal back to whoever burned for it; once more, go on with it.

        Raises WithdrawState where no withdrawal waits for our answer, and as `settle`.
        """
        fresh = self._row(token, "")
        known = await self._find(fresh.withdraw_ref)
        if known is not None and known.is_refusal:
            return await self.settle(known.withdraw_ref)
        found = await self._withdrawal(fresh.withdraw_ref)
        if known is not None and known.state != RedemptionState.CLAIMED:
            raise WithdrawState("this withdrawal was answered")
        if found is None or found.status != WithdrawalStatus.PENDING:
            raise WithdrawState("there is no withdrawal that waits for our answer")
        frame = await self._sign_refund(known or fresh, await self._height())
        refusal = replace(known or fresh, state=RedemptionState.ASKED, amount=found.value, frame=frame)
        # in one step: a refusal that a crash cut in two must not be taken for a claim
        if known is None:
            try:
                await self.database.write(lambda tx: store.add(tx, refusal))
            except UniqueViolation:
                raise WithdrawState("this withdrawal is being answered") from None
        else:
            await self._move(known, refusal)
        return await self.settle(fresh.withdraw_ref)

    async def show(self, withdraw_ref: bytes) -> RedemptionRow:
        """How far a redemption has come. Raises Unknown."""
        row = await self._find(withdraw_ref)
        if row is None:
            raise Unknown("no such redemption was claimed here")
        return row

    async def rows(self) -> list[RedemptionRow]:
        """All redemptions, oldest first."""
        return list(await self.database.read(store.all_rows))

    async def settle_all(self) -> int:
        """Take every open redemption as far as it goes; how many are still open.

        A neighbour who is away is no fault, and one redemption that is refused does not hold up the others.
        """
        left = 0
        for row in await self.database.read(store.open_ones):
            try:
                done = await self.settle(row.withdraw_ref)
            except Unavailable:
                done = row
            except Refused as refusal:
                done = await self._note(await self.show(row.withdraw_ref), refusal)
            left += done.state < RedemptionState.DONE
        return left

    async def settle(self, withdraw_ref: bytes) -> RedemptionRow:
        """Take one redemption as far as it goes. Raises Unknown, Unavailable; Refused as the ledger judges."""
        row = await self.show(withdraw_ref)
        if row.state == RedemptionState.CLAIMED:
            row = await self._ask(row)
        if row.state == RedemptionState.ASKED:
            row = await self._record(row)
        # SPEC LEDGER-9.3.7
        if row.state == RedemptionState.PAID:
            row = await self._redeem(row)
        return row

    async def _ask(self, row: RedemptionRow) -> RedemptionRow:
        """The burn is there: fix the request and the operation, before either is shown to anybody."""
        found = await self._withdrawal(row.withdraw_ref)
        if found is None:
            return row
        if found.status != WithdrawalStatus.PENDING:
            return await self._ended(row, found)
        asked = replace(row, amount=found.value)
        request = await self._sign_request(asked)
        frame = await self._sign_paid(asked, request, await self._height())
        return await self._move(row, replace(asked, state=RedemptionState.ASKED, request=request, frame=frame))

    async def _record(self, row: RedemptionRow) -> RedemptionRow:
        """Operation 18 or 19, the same bytes until it is final."""
        try:
            return await self._submit(row)
        except (Expired, WithdrawBank):
            # it did not take effect: the same statement once more, under a fresh expiry and the key of today
            row = await self._move(row, replace(row, frame=await self._sign_again(row)))
        return await self._submit(row) if row.state == RedemptionState.ASKED else row

    async def _submit(self, row: RedemptionRow) -> RedemptionRow:
        assert row.frame is not None
        try:
            answer = await self.ledger.submit_operation(row.frame, FINAL_WITHIN_S)
        except WithdrawState:
            receipt = await self._receipt(row.frame)
            if receipt is None:
                found = await self._withdrawal(row.withdraw_ref)
                if found is None:
                    raise
                return await self._ended(row, found)
        else:
            if answer.state != "final":
                return row
            receipt = await self.ledger.receipt(op_id(row.frame))
        # SPEC LEDGER-13.1
        verify_operation(Trusted.of(self.genesis), receipt, row.frame)
        target = RedemptionState.REFUNDED if row.is_refusal else RedemptionState.PAID
        return await self._move(row, replace(row, state=target, detail=""))

    async def _receipt(self, frame: bytes) -> bytes | None:
        """Of this very operation, if it took effect before."""
        try:
            return await self.ledger.receipt(op_id(frame))
        except Unknown:
            return None

    async def _ended(self, row: RedemptionRow, found: WithdrawalState) -> RedemptionRow:
        """A withdrawal that another operation than ours answered. Raises WithdrawState where it was paid."""
        if found.status != WithdrawalStatus.REFUNDED:
            raise WithdrawState("the withdrawal was answered by an operation that is not kept here")
        detail = "the ledger gave the value back: the time for an answer had passed"
        return await self._move(row, replace(row, state=RedemptionState.REFUNDED, detail=detail))

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
            return await self._note(row, refusal)
        return await self._move(row, replace(row, state=RedemptionState.DONE, receipt=answer, detail=""))

    async def _move(self, old: RedemptionRow, fresh: RedemptionRow) -> RedemptionRow:
        """Store the next step, unless another call took one before; what stands there now."""
        if await self.database.write(lambda tx: store.replace(tx, old, fresh)):
            return fresh
        return await self.show(old.withdraw_ref)

    async def _note(self, row: RedemptionRow, refusal: Refused) -> RedemptionRow:
        """Keep what was refused, for people; the redemption stays where it is."""
        return await self._move(row, replace(row, detail=str(refusal)))

    def _row(self, token: bytes, beneficiary: str) -> RedemptionRow:
        reference = withdraw_reference(self.me, token)
        return RedemptionRow(reference, token, 0, beneficiary, self.clock.now_us(), RedemptionState.CLAIMED)

    async def _find(self, withdraw_ref: bytes) -> RedemptionRow | None:
        return await self.database.read(lambda tx: store.find(tx, withdraw_ref))

    async def _height(self) -> int:
        return (await self.ledger.status()).height

    async def _withdrawal(self, withdraw_ref: bytes) -> WithdrawalState | None:
        """What the chain says of it, proven. Raises ProofInvalid."""
        data = await self.ledger.state_receipt(Domain.WITHDRAWAL, withdraw_ref)
        found = verify_state_receipt(Trusted.of(self.genesis), data, Domain.WITHDRAWAL, withdraw_ref)
        return WithdrawalState.decode(found.value) if found.proof.kind == PRESENT else None

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

    async def _sign_again(self, row: RedemptionRow) -> bytes:
        if row.request is None:
            return await self._sign_refund(row, await self._height())
        return await self._sign_paid(row, row.request, await self._height())

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
