"""Money that comes from the ledger to the bank's own addresses (BANK-3.2), and the reserve against the books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specie.bank.api import Arrival, Treasury
from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import AccountClosed, AccountUnknown, BankUnavailable
from specie.bank.messages.accounts import AccountState, AccountType, house_account
from specie.bank.messages.postings import Kind, Order, credit, debit
from specie.bank.store import accounts as account_store
from specie.bank.store import intents as store
from specie.kernel.db import Transaction

CHANGE = ""
"""No account: what is paid there is nobody's until a case decides."""


@dataclass(slots=True)
class Arrivals:
    """Subaddresses, and what was paid to them."""

    desk: Desk
    treasuries: Mapping[str, Treasury]

    # SPEC BANK-3.2: every account has its own
    async def address(self, account: str, *, fresh: bool = False) -> bytes:
        """The subaddress of an account; fresh: another one. Raises AccountUnknown, AccountClosed, BankUnavailable."""
        found = (await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [account]))).get(account)
        if found is None:
            raise AccountUnknown(f"there is no account {account}")
        if found.state == AccountState.CLOSED:
            raise AccountClosed(f"account {account} is closed")
        known = await self.desk.read(lambda tx: store.subaddress_of(tx, found.currency, account))
        if known is not None and not fresh:
            return known
        treasury = self.treasuries.get(found.currency)
        if treasury is None:
            raise BankUnavailable(f"this bank has no wallet for {found.currency}")
        name, address = await treasury.address(account)

        def write(tx: Transaction) -> None:
            store.add_subaddress(tx, found.currency, name, account, address)

        await self.desk.write(write)
        return address

    # SPEC BANK-3.2, BANK-3.7
    async def scan(self) -> int:
        """Book every final output that is not booked; 0, since nothing stays open here."""
        for currency, treasury in self.treasuries.items():
            arrivals = await treasury.arrivals()
            names = await self.desk.read(lambda tx, code=currency: store.accounts_of_names(tx, code))  # type: ignore[misc]
            items = [_booking(arrival, names.get(arrival.subaddress, CHANGE), currency) for arrival in arrivals]
            for answer in await self.desk.submit_many(items):
                if isinstance(answer, Exception):
                    raise answer
        return 0

    # SPEC BANK-5.1, BANK-12.6
    async def reserve_gap(self, currency: str) -> int:
        """Unspent outputs less `reserve`, after everything final was booked; 0 is right."""
        treasury = self.treasuries.get(currency)
        if treasury is None:
            raise BankUnavailable(f"this bank has no wallet for {currency}")
        ident = house_account(AccountType.RESERVE, currency)
        found = await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [ident]))
        return await treasury.unspent() - (found[ident].balance if ident in found else 0)


def _booking(arrival: Arrival, account: str, currency: str) -> Item[None]:
    """Credit the account of the subaddress; `case` where there is none, or none that takes credits."""
    reserve, case = (house_account(each, currency) for each in (AccountType.RESERVE, AccountType.CASE))

    def run(books: Books) -> None:
        if (Kind.LEDGER_IN, arrival.name) in books.known:
            return
        owner = books.accounts.get(account)
        credited = case if owner is None or owner.state == AccountState.CLOSED else account
        legs = (debit(reserve, arrival.amount), credit(credited, arrival.amount))
        books.post(Order(Kind.LEDGER_IN, arrival.name, legs))

    named = (reserve, case, account) if account else (reserve, case)
    return Item(Needs(named, (arrival.name,)), run, debits=False)
