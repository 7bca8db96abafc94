"""Withdrawals from the ledger that credit an account: WITHDRAW_PAID with outcome 1 (LEDGER section 9.3).

    CLAIMED ──burn is there──► ASKED ──operation 18 final──► PAID ──burn_in──► DONE
                 └──────────── the ledger gave it back ────► REFUNDED

The holder burns for the token H(account, salt) and tells the bank the salt; so a claim can only name the account that
the holder meant. PAID is final on the ledger before the account is credited.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from specie.bank.api import Chain
from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import AccountClosed, BankUnavailable, Malformed, OrderMismatch, PartyUnknown
from specie.bank.messages.accounts import AccountState, AccountType, house_account
from specie.bank.messages.holds import Burn, BurnState
from specie.bank.messages.postings import Kind, Order, credit, debit
from specie.bank.store import intents as store
from specie.crypto import cose
from specie.kernel import codec
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable
from specie.kms.api import KeyUri
from specie.ledger.errors import Expired, WithdrawBank, WithdrawState
from specie.ledger.messages.bodies import WithdrawPaid
from specie.ledger.messages.frames import OpType, frame_head
from specie.ledger.messages.state import WithdrawalState, WithdrawalStatus
from specie.ledger.messages.withdrawals import TOKEN_SALT_BYTES, account_token, withdraw_reference

OUTCOME_CREDITED = 1
EXPIRY_BLOCKS = 20_000
SIGNATURE_BYTES = 64
EVIDENCE = b"bank/1/burn"


def booking_evidence(row: Burn) -> bytes:
    """SHA-256 of the booking intent: what operation 18 says that the bank will do."""
    return sha256(EVIDENCE + codec.encode([row.withdraw_ref, row.account, row.currency, row.amount])).digest()


@dataclass(slots=True)
class Burns:
    """Burns for accounts of this bank. withdrawal_key: `bank:wd`."""

    desk: Desk
    chain: Chain | None
    withdrawal_key: KeyUri | None

    async def claim(self, account: str, salt: bytes) -> Burn:
        """Take a withdrawal for an account; the same salt again changes nothing.

        Raises Malformed, AccountUnknown, AccountClosed, OrderMismatch (another currency), BankUnavailable.
        """
        if len(salt) != TOKEN_SALT_BYTES:
            raise Malformed(f"a salt has {TOKEN_SALT_BYTES} bytes")
        chain = self._chain()
        token = account_token(account, salt)
        reference = withdraw_reference(self.desk.me, token)

        def run(books: Books) -> Burn:
            known = store.burn(books.tx, reference)
            if known is not None:
                return known
            found = books.account(account)
            if found.state == AccountState.CLOSED:
                raise AccountClosed(f"account {account} is closed")
            if found.currency != chain.currency:
                raise OrderMismatch("the ledger carries another currency than the account")
            row = Burn(reference, token, account, chain.currency, 0, BurnState.CLAIMED, books.now_s)
            store.add_burn(books.tx, row)
            return row

        row: Burn = await self.desk.submit(Item(Needs((account,)), run, account, debits=False))
        return await self._try(row)

    async def show(self, reference: bytes) -> Burn:
        """Raises PartyUnknown."""
        row = await self.desk.read(lambda tx: store.burn(tx, reference))
        if row is None:
            raise PartyUnknown("no such withdrawal was claimed here")
        return row

    async def settle_all(self) -> int:
        """Every open burn as far as it goes; how many are still open."""
        rows = await self.desk.read(store.open_burns)
        if not rows or self.chain is None:
            return len(rows)
        return sum([(await self._try(row)).state < BurnState.DONE for row in rows])

    async def _try(self, row: Burn) -> Burn:
        try:
            return await self.settle(row.withdraw_ref)
        except Unavailable:
            return await self.show(row.withdraw_ref)
        except Refused as refusal:
            known = await self.show(row.withdraw_ref)
            return await self._move(known, replace(known, detail=str(refusal)))

    async def settle(self, reference: bytes) -> Burn:
        """One burn as far as it goes. Raises Unavailable, what the ledger refuses."""
        row = await self.show(reference)
        if row.state == BurnState.CLAIMED:
            row = await self._ask(row)
        if row.state == BurnState.ASKED:
            row = await self._record(row)
        # SPEC LEDGER-9.3.7
        if row.state == BurnState.PAID:
            row = await self._credit(row)
        return row

    async def _ask(self, row: Burn) -> Burn:
        """The burn is there: fix operation 18 before it is shown to anybody."""
        found = await self._chain().withdrawal(row.withdraw_ref)
        if found is None:
            return row
        if found.status != WithdrawalStatus.PENDING:
            return await self._answered(row, found)
        asked = replace(row, amount=found.value, state=BurnState.ASKED)
        asked = replace(asked, frame=await self._sign(asked))

        def run(books: Books) -> Burn:
            if books.account(row.account).state == AccountState.CLOSED:
                raise AccountClosed(f"account {row.account} is closed")
            moved = store.move_burn(books.tx, row, asked)
            return asked if moved else (store.burn(books.tx, row.withdraw_ref) or asked)

        return await self.desk.submit(Item(Needs((row.account,)), run, debits=False))

    async def _record(self, row: Burn) -> Burn:
        """Operation 18, the same bytes until it is final."""
        try:
            final = await self._chain().submit(row.frame)
        except (Expired, WithdrawBank):
            # it did not take effect: the same statement once more, under a fresh expiry and the key of today
            return await self._move(row, replace(row, frame=await self._sign(row)))
        except WithdrawState:
            final = True
        if not final:
            return row
        found = await self._chain().withdrawal(row.withdraw_ref)
        return row if found is None else await self._answered(row, found)

    # SPEC BANK-3.3
    async def _answered(self, row: Burn, found: WithdrawalState) -> Burn:
        """What the proven state says of the withdrawal decides, whoever's call brought it about."""
        if found.status == WithdrawalStatus.PENDING:
            return row
        if found.status == WithdrawalStatus.REFUNDED:
            detail = "the ledger gave the value back"
            return await self._move(row, replace(row, state=BurnState.REFUNDED, detail=detail))
        if found.outcome != OUTCOME_CREDITED:
            detail = "the withdrawal was redeemed, not credited"
            return await self._move(row, replace(row, state=BurnState.REFUNDED, detail=detail))
        return await self._move(row, replace(row, amount=found.value, state=BurnState.PAID, detail=""))

    async def _credit(self, row: Burn) -> Burn:
        """PAID is final: credit the account, once."""
        issued = house_account(AccountType.ISSUED, row.currency)
        done = replace(row, state=BurnState.DONE, detail="")

        def run(books: Books) -> Burn:
            legs = (debit(issued, row.amount), credit(row.account, row.amount))
            books.post(Order(Kind.BURN_IN, row.withdraw_ref, legs))
            store.move_burn(books.tx, row, done)
            return done

        needs = Needs((issued, row.account), (row.withdraw_ref,))
        return await self.desk.submit(Item(needs, run, debits=False))

    async def _move(self, old: Burn, fresh: Burn) -> Burn:
        """Store the next step, unless another call took one before; what stands there now."""

        def write(tx: Transaction) -> bool:
            return store.move_burn(tx, old, fresh)

        return fresh if await self.desk.write(write) else await self.show(old.withdraw_ref)

    async def _sign(self, row: Burn) -> bytes:
        """Operation 18 with outcome 1; the signature ends the body, over all that stands before it."""
        chain = self._chain()
        if self.withdrawal_key is None:
            raise BankUnavailable("this bank has no key for withdrawals")
        kid = cose.key_id((await self.desk.keys.public_key(self.withdrawal_key)).bytes)
        evidence = booking_evidence(row)
        fields = (row.withdraw_ref, self.desk.me, row.token, OUTCOME_CREDITED, evidence, kid, bytes(SIGNATURE_BYTES))
        body = WithdrawPaid(*fields).encode()
        head = frame_head(OpType.WITHDRAW_PAID, chain.chain_id, await chain.height() + EXPIRY_BLOCKS, len(body))
        prefix = head + body[:-SIGNATURE_BYTES]
        signature = await self.desk.keys.sign(self.withdrawal_key, "ledger-op", prefix, self.desk.new_id())
        return prefix + bytes(signature)

    def _chain(self) -> Chain:
        if self.chain is None:
            raise BankUnavailable("this bank has no ledger")
        return self.chain
