"""Paying out to the ledger: debited first, then sent, then booked (BANK section 4).

    out_start ──► STARTED ──final──► out_done: DONE
                     └──proven dead──► out_back: BACK

The treasury stores the bytes of a transaction under the intent's id before it sends them, and sends the same bytes
again. What is debited stands in `transit` until the ledger has spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specie.bank.api import Fate, FateState, Treasury
from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import AccountUnknown, BalanceLow, BankUnavailable, PartyUnknown, RefReused, ReserveLow
from specie.bank.messages.accounts import AccountType, house_account
from specie.bank.messages.holds import Outgoing, OutState
from specie.bank.messages.postings import Kind, Order, credit, customer_ref, debit
from specie.bank.protocol.kinds import check_amount
from specie.bank.store import accounts as account_store
from specie.bank.store import intents as store
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable


@dataclass(slots=True)
class Payouts:
    """Everything on its way out. treasuries: by currency."""

    desk: Desk
    treasuries: Mapping[str, Treasury]

    # SPEC BANK-4.2, BANK-4.4, BANK-5.3
    async def pay_out(self, key: str, account: str, address: bytes, amount: int) -> Outgoing:
        """Pay an account's money to a ledger address, under a key that the payer chose.

        Raises, in this order: RefReused, AccountUnknown, those of `Books.post`, ReserveLow, BankUnavailable. The same
        key again is the same payment.
        """
        ident = customer_ref(account, key)
        known = await self.desk.read(lambda tx: store.outgoing(tx, ident))
        if known is None:
            known = await self._start(ident, account, address, amount)
        elif (known.address, known.amount) != (address, amount):
            raise RefReused("another payment was made under this key")
        return await self._try(known)

    async def _start(self, ident: bytes, account: str, address: bytes, amount: int) -> Outgoing:
        check_amount(amount)
        found = await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [account]))
        if account not in found:
            raise AccountUnknown(f"there is no account {account}")
        currency = found[account].currency
        fee = await self._treasury(currency).price(address, amount)
        transit, reserve = (house_account(each, currency) for each in (AccountType.TRANSIT, AccountType.RESERVE))

        def run(books: Books) -> Outgoing:
            known = store.outgoing(books.tx, ident)
            if known is not None:
                if (known.address, known.amount) != (address, amount):
                    raise RefReused("another payment was made under this key")
                return known
            spoken_for = books.account(transit).balance + amount + fee
            # SPEC BANK-5.3
            short = books.account(reserve).balance < spoken_for
            if short and books.account(account).balance >= amount + fee:
                raise ReserveLow("the bank's outputs do not carry this now")
            legs = (debit(account, amount + fee), credit(transit, amount + fee))
            posted = books.post(Order(Kind.OUT_START, ident, legs))
            row = Outgoing(ident, account, currency, amount, fee, address, OutState.STARTED, posted.at_s)
            store.add_outgoing(books.tx, row)
            return row

        needs = Needs((account, transit, reserve), (ident,))
        return await self.desk.submit(Item(needs, run, account))

    async def _try(self, row: Outgoing) -> Outgoing:
        """Go on as far as it goes now; what cannot go on stays open."""
        try:
            return await self.settle(row.id)
        except Unavailable:
            return row
        except Refused as refusal:
            await self._note(row.id, str(refusal))
            return row

    async def show(self, ident: bytes) -> Outgoing:
        """Raises PartyUnknown."""
        row = await self.desk.read(lambda tx: store.outgoing(tx, ident))
        if row is None:
            raise PartyUnknown("no such payment")
        return row

    async def settle_all(self) -> int:
        """Every open payment as far as it goes; how many are still open."""
        left = 0
        for row in await self.desk.read(store.open_outgoing):
            left += (await self._try(row)).state == OutState.STARTED
        return left

    # SPEC BANK-4.3, BANK-4.6
    async def settle(self, ident: bytes) -> Outgoing:
        """One payment as far as it goes. Raises ReserveLow, Unavailable, what the ledger refuses."""
        row = await self.show(ident)
        if row.state != OutState.STARTED:
            return row
        treasury, key = self._treasury(row.currency), ident.hex()
        fate = await treasury.fate(key)
        if fate.state in (FateState.NONE, FateState.OPEN):
            await treasury.send(key, row.address, row.amount)
            fate = await treasury.fate(key)
        if fate.state == FateState.FINAL:
            await self._done(row, fate)
        elif fate.state == FateState.DEAD:
            await self._back(row, fate)
        return await self.show(ident)

    async def _done(self, row: Outgoing, fate: Fate) -> None:
        """The transaction is final: it left the reserve, with the fee that it really cost."""
        own, fees, transit, reserve = self._house(row.currency)
        less, more = max(row.fee - fate.fee, 0), max(fate.fee - row.fee, 0)
        taken = row.amount + row.fee - less

        def run(books: Books) -> None:
            if not store.end_outgoing(books.tx, row.id, OutState.DONE):
                return
            if more:
                self._bear(books, row.id, more, (fees, own), reserve)
            books.post(Order(Kind.OUT_DONE, row.id, (debit(transit, taken), credit(reserve, taken))))
            if less:
                books.post(Order(Kind.OUT_BACK, row.id, (debit(transit, less), credit(row.account, less))))

        needs = Needs((own, fees, transit, reserve, row.account), (row.id,))
        await self.desk.submit(Item(needs, run, row.account, debits=False))

    @staticmethod
    def _bear(books: Books, ref: bytes, amount: int, payers: tuple[str, str], reserve: str) -> None:
        """A ledger fee above what was debited: the bank bears it. Raises BalanceLow."""
        payer = next((each for each in payers if books.account(each).balance >= amount), None)
        if payer is None:
            raise BalanceLow("the bank has nothing of its own to bear a higher ledger fee", missing=amount)
        books.post(Order(Kind.COST, ref, (debit(payer, amount), credit(reserve, amount))))

    # SPEC BANK-3.4
    async def _back(self, row: Outgoing, fate: Fate) -> None:
        """Proven dead: the customer has everything again."""
        transit = house_account(AccountType.TRANSIT, row.currency)
        total = row.amount + row.fee

        def run(books: Books) -> None:
            if not store.end_outgoing(books.tx, row.id, OutState.BACK):
                return
            store.note_outgoing(books.tx, row.id, fate.detail)
            books.post(Order(Kind.OUT_BACK, row.id, (debit(transit, total), credit(row.account, total))))

        await self.desk.submit(Item(Needs((transit, row.account), (row.id,)), run, row.account, debits=False))

    async def _note(self, ident: bytes, detail: str) -> None:
        """Keep what was refused, for people."""

        def write(tx: Transaction) -> None:
            store.note_outgoing(tx, ident, detail)

        await self.desk.write(write)

    def _treasury(self, currency: str) -> Treasury:
        found = self.treasuries.get(currency)
        if found is None:
            raise BankUnavailable(f"this bank has no wallet for {currency}")
        return found

    @staticmethod
    def _house(currency: str) -> tuple[str, str, str, str]:
        kinds = (AccountType.OWN, AccountType.FEES, AccountType.TRANSIT, AccountType.RESERVE)
        own, fees, transit, reserve = (house_account(kind, currency) for kind in kinds)
        return own, fees, transit, reserve
