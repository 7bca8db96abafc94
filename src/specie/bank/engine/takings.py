"""Account money: issues are posted, given up, and stated (BANK section 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import AccountClosed, BankUnavailable, OrderMismatch, RootCancelled, RootPosted
from specie.bank.messages.accounts import AccountState, AccountType, house_account
from specie.bank.messages.postings import Kind, Order, credit, debit
from specie.bank.messages.registry import CANCELLED, POSTED, BankReceipt
from specie.bank.protocol.takings import KeysInForce, Taking, check_giving_up, check_taking
from specie.bank.store import accounts as account_store
from specie.bank.store import intents as store
from specie.bank.store.intents import Root
from specie.issuance.api import Registration
from specie.kernel.db import Transaction

NOTHING = bytes(32)


@dataclass(slots=True)
class AccountMoney:
    """The registry's side of the bank. keys: the verified key manifest in force, or None before there is one."""

    desk: Desk
    keys: Callable[[], KeysInForce | None]

    # SPEC BANK-6.1
    # SPEC ISSUANCE-13.3.1, ISSUANCE-13.3.2, ISSUANCE-13.4.3
    async def register(self, registration: Registration) -> bytes:
        """Post a dc-acct once; the signed `bank-rcpt`.

        Raises, in this order: those of `check_taking`, RootCancelled, those of `Books.post`.
        """
        now_s = self.desk.now_s()
        taking = check_taking(registration.bit, registration.order, self.desk.me, self._keys(), now_s)
        said = (registration.unit_root, registration.credential_cti, registration.currency, registration.amount)
        if said != (taking.unit_root, taking.credential_cti, taking.currency, taking.amount):
            raise OrderMismatch("the call speaks of another issue than the bit")
        issued = house_account(AccountType.ISSUED, taking.currency)
        word = self.desk.new_id()
        needs = Needs((issued, taking.account), (taking.credential_cti,))
        root = await self.desk.submit(Item(needs, lambda books: _post(books, taking, issued, word), debits=False))
        return await self._receipt(root)

    # SPEC BANK-6.3
    # SPEC ISSUANCE-13.3.5
    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        """Enter a root as given up, unless it is posted; the signed `bank-rcpt`.

        Raises, in this order: those of `check_giving_up`, RootPosted.
        """
        gone = check_giving_up(cancel, bit, self.desk.me, self._keys(), self.desk.now_s())
        word = self.desk.new_id()

        def run(books: Books) -> Root:
            known = store.root(books.tx, gone.unit_root)
            if known is None:
                cti, currency = gone.credential_cti, gone.currency
                known = Root(gone.unit_root, cti, CANCELLED, NOTHING, "", currency, 0, books.now_s, word)
                store.add_root(books.tx, known)
            if known.status == POSTED:
                raise RootPosted("this issue is posted: it cannot be given up")
            return known

        root = await self.desk.submit(Item(Needs(), run, debits=False))
        return await self._receipt(root)

    async def receipt(self, unit_root: bytes) -> bytes | None:
        """What became of a root, if anything did."""
        root = await self.desk.read(lambda tx: store.root(tx, unit_root))
        return None if root is None else await self._receipt(root)

    # SPEC BANK-6.5
    # SPEC ISSUANCE-13.3.3
    async def supply(self, currency: str) -> int:
        """The balance of `issued`, minor units."""
        ident = house_account(AccountType.ISSUED, currency)
        found = await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [ident]))
        return found[ident].balance if ident in found else 0

    def _keys(self) -> KeysInForce:
        keys = self.keys()
        if keys is None:
            raise BankUnavailable("the bank has no key manifest yet")
        return keys

    # SPEC BANK-6.2
    async def _receipt(self, root: Root) -> bytes:
        """The receipt that is stored; signed now where a crash came between posting and signing."""
        known = await self.desk.read(lambda tx: store.receipt(tx, root.unit_root))
        if known is not None:
            return known
        body = BankReceipt(root.unit_root, root.cti, root.status, root.posting, root.at_s)
        data = await self.desk.sign(body, root.at_s, root.word)

        def write(tx: Transaction) -> bytes:
            return store.add_receipt(tx, root.unit_root, data)

        return await self.desk.write(write)


def _post(books: Books, taking: Taking, issued: str, word: bytes) -> Root:
    """The posting and the root that it stands for, in one transaction."""
    known = store.root(books.tx, taking.unit_root)
    if known is not None:
        if known.status == CANCELLED:
            raise RootCancelled("this issue was given up")
        return known
    account = books.account(taking.account)
    if account.state == AccountState.CLOSED:
        raise AccountClosed(f"account {account.id} is closed")
    if account.currency != taking.currency or account.type != AccountType.CUSTOMER:
        raise OrderMismatch("the account is of another currency, or the bank's own")
    legs = (debit(issued, taking.amount), credit(taking.account, taking.amount))
    posted = books.post(Order(Kind.ACCOUNT_ISSUE, taking.credential_cti, legs))
    root = Root(
        *(taking.unit_root, taking.credential_cti, POSTED, posted.hash, taking.account, taking.currency),
        *(taking.amount, books.now_s, word),
    )
    store.add_root(books.tx, root)
    return root
