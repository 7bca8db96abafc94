"""Money between accounts: orders, transfers, holds (BANK sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specie.bank.engine.books import Books, Needs, needs_of
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import (
    AccountClosed,
    AccountFrozen,
    AccountUnknown,
    BankRefusal,
    BankUnavailable,
    HoldState,
    HoldUnknown,
    Malformed,
    NotPermitted,
    RefReused,
    TooLarge,
)
from specie.bank.messages.accounts import AccountState, AccountType, house_account
from specie.bank.messages.holds import Hold
from specie.bank.messages.holds import HoldState as Standing
from specie.bank.messages.postings import Kind, Leg, Order, Posting, Receipt, Side, credit, customer_ref, debit
from specie.bank.protocol import kinds
from specie.bank.store import accounts as account_store
from specie.bank.store import journal as journal_store

ORDERS_MAX = 1_000
HOLD_S_MAX = 24 * 3600
LONG_HOLD_S_MAX = 400 * 24 * 3600
"""Holds of a grant, or of an escrow of the suite CMS-P, end with these (BANK-4.1)."""

COINS = frozenset(kind for kind in Kind if kind.startswith("coin_"))
# SPEC BANK-4.9
ALLOWED: Mapping[str, frozenset[Kind]] = {
    "ecash": COINS | {Kind.GUARANTEE},
    "micropay": frozenset(),
}
"""Calling room to the kinds of its own rows. What channels move begins with an intent of the bank, never with an order:
an `out_start` without its row would be value that nobody follows."""


# SPEC BANK-4.9: another kind is `NOT_PERMITTED`
def check_room(room: str, kind: Kind) -> None:
    """Raises NotPermitted. The bank itself (no room) may order what it begins."""
    if room and kind not in ALLOWED.get(room, frozenset()):
        raise NotPermitted(f"{room} may not order {kind}")


@dataclass(slots=True)
class Orders:
    """Postings and holds."""

    desk: Desk

    async def post(self, order: Order, *, room: str = "") -> Receipt:
        """Post once. Raises NotPermitted and as `Books.post`."""
        check_room(room, order.kind)
        return await self.desk.submit(self._item(order))

    # SPEC BANK-2.6: items are decided one by one in arrival order
    async def post_many(
        self, orders: Sequence[Order], *, room: str = ""
    ) -> Sequence[Receipt | BankRefusal | BankUnavailable]:
        """Each order on its own; a refusal stands in its place. Raises TooLarge."""
        if len(orders) > ORDERS_MAX:
            raise TooLarge(f"at most {ORDERS_MAX} orders at a time")
        answers: list[Receipt | BankRefusal | BankUnavailable | None] = [None] * len(orders)
        waiting = []
        for place, order in enumerate(orders):
            try:
                check_room(room, order.kind)
                waiting.append(place)
            except NotPermitted as refusal:
                answers[place] = refusal
        decided = await self.desk.submit_many([self._item(orders[place]) for place in waiting])
        for place, answer in zip(waiting, decided, strict=True):
            answers[place] = answer
        return answers  # type: ignore[return-value]

    @staticmethod
    def _item(order: Order) -> Item[Receipt]:
        return Item(needs_of(order), lambda books: books.post(order))

    # SPEC BANK-4.2
    async def debit(self, ref: bytes, kind: Kind, account: str, amount: int, *, room: str = "") -> Receipt:
        """From a customer to where this kind goes. Raises as `post`."""
        check_room(room, kind)
        counter = await self._counter(kind, account, Side.CREDIT)
        return await self.post(Order(kind, ref, (debit(account, amount), credit(counter, amount))), room=room)

    async def credit(
        self, ref: bytes, kind: Kind, shares: Sequence[tuple[str, int]], *, room: str = ""
    ) -> Receipt:  # fmt: skip
        """From where this kind comes to customers. Raises as `post`."""
        check_room(room, kind)
        if not shares:
            raise Malformed("nobody is credited")
        counter = await self._counter(kind, shares[0][0], Side.DEBIT)
        total = sum(amount for _, amount in shares)
        legs = (debit(counter, total), *(credit(account, amount) for account, amount in shares))
        return await self.post(Order(kind, ref, legs), room=room)

    async def _counter(self, kind: Kind, account: str, side: Side) -> str:
        """The house account on the other side of a kind, in the account's currency."""
        rule = kinds.TABLE.get(kind)
        types = frozenset() if rule is None else (rule.debits if side == Side.DEBIT else rule.credits)
        others = sorted(types - {AccountType.CUSTOMER, AccountType.CASE})
        if len(others) != 1:
            raise Malformed(f"{kind} does not name its other side")
        return house_account(others[0], await self.currency_of(account))

    async def currency_of(self, account: str) -> str:
        """Raises AccountUnknown; a currency never changes."""
        found = await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [account]))
        if account not in found:
            raise AccountUnknown(f"there is no account {account}")
        return found[account].currency

    # SPEC BANK-3.8
    async def transfer(self, key: str, debited: str, credited: str, amount: int, memo: bytes = b"") -> Receipt:
        """Between two accounts of this bank, under a key that the payer chose. Raises as `post`."""
        ref = customer_ref(debited, key)
        order = Order(Kind.TRANSFER, ref, (debit(debited, amount), credit(credited, amount)), memo)
        return await self.post(order)

    # SPEC BANK-2.2, BANK-3.6
    async def reverse(self, posting: int) -> Receipt:
        """Put back what one posting moved, where that may be done. Raises Malformed, NotPermitted, and as `post`."""
        row = await self.desk.read(lambda tx: journal_store.posting(tx, posting))
        if row is None:
            raise Malformed("there is no such posting")
        if row.kind in kinds.NEVER_REVERSED:
            raise NotPermitted(f"{row.kind} is a leg of a movement between rooms: the other leg stands")
        legs = kinds.reversed_legs(Posting.decode(row.body).legs)
        return await self.post(Order(Kind.REVERSAL, posting.to_bytes(8, "big"), legs))

    # -- holds

    # SPEC BANK-4.1, BANK-4.2
    async def hold(self, ref: bytes, account: str, amount: int, until_s: int, *, granted: bool = False) -> Hold:
        """Reserve. granted: it ends with a grant or an escrow, else at most a day ahead.

        Raises, in this order: Malformed, RefReused, AccountUnknown, AccountClosed, AccountFrozen, AmountZero,
        AmountRange, BalanceLow.
        """
        if not 1 <= len(ref) <= 64:
            raise Malformed("a reference has 1 to 64 bytes")

        def run(books: Books) -> Hold:
            known = books.holds.get(ref)
            if known is not None:
                if (known.account, known.amount, known.until_s) != (account, amount, until_s):
                    raise RefReused("another hold has this reference")
                return known
            found = books.account(account)
            if found.state == AccountState.CLOSED:
                raise AccountClosed(f"account {account} is closed")
            if found.state == AccountState.FROZEN:
                raise AccountFrozen(f"account {account} takes credits only")
            kinds.check_amount(amount)
            limit = books.now_s + (LONG_HOLD_S_MAX if granted else HOLD_S_MAX)
            if not books.now_s < until_s <= limit:
                raise Malformed("a hold ends in the future, and soon")
            fresh = Hold(ref, account, amount, until_s, Standing.HELD)
            books.hold(fresh)
            return fresh

        return await self.desk.submit(Item(Needs((account,), (), (ref,)), run))

    async def capture(self, ref: bytes, kind: Kind, amount: int, *, room: str = "") -> Receipt:
        """Take at most what is held; the rest is free again. Raises HoldUnknown, and as `post`."""
        check_room(room, kind)
        found = await self.find_hold(ref)
        counter = await self._counter(kind, found.account, Side.CREDIT)
        legs: tuple[Leg, ...] = (debit(found.account, amount), credit(counter, amount))
        return await self.post(Order(kind, ref, legs, hold=ref), room=room)

    async def release(self, ref: bytes) -> Hold:
        """Let a hold go. Raises HoldUnknown, HoldState (captured or lapsed)."""

        def run(books: Books) -> Hold:
            known = books.holds.get(ref)
            if known is None:
                raise HoldUnknown("there is no hold under this reference")
            if known.state == Standing.RELEASED:
                return known
            if known.state != Standing.HELD:
                raise HoldState(f"the hold is {known.state.name.lower()}")
            return books.end_hold(known, Standing.RELEASED)

        return await self.desk.submit(Item(Needs((), (), (ref,)), run, debits=False))

    async def find_hold(self, ref: bytes) -> Hold:
        """Raises HoldUnknown."""
        found = await self.desk.read(lambda tx: account_store.holds_by_ref(tx, [ref]))
        if ref not in found:
            raise HoldUnknown("there is no hold under this reference")
        return found[ref]
