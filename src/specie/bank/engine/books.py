"""One batch over the books: loaded behind the locks, decided in memory in arrival order, written set-wise.

Theory of operation: the head row is locked first and then the accounts, so that batches follow one another; references
are looked up behind the locks. Every item is judged whole before it changes anything, so one that is refused leaves no
trace. Whatever the number of postings, an account's row is written once (BANK-2.6, BANK-2.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from specie.bank.errors import (
    AccountClosed,
    AccountFrozen,
    AccountUnknown,
    AmountRange,
    BalanceLow,
    HoldState,
    HoldUnknown,
    LimitExceeded,
    Malformed,
    RefReused,
)
from specie.bank.messages.accounts import AccountState, AccountType
from specie.bank.messages.deeds import Deed, What
from specie.bank.messages.holds import Hold
from specie.bank.messages.holds import HoldState as Standing
from specie.bank.messages.policy import LimitPolicy, Use
from specie.bank.messages.postings import Kind, Order, Posting, Receipt, posting_hash
from specie.bank.protocol import kinds, limits
from specie.bank.store import accounts as account_store
from specie.bank.store import journal as journal_store
from specie.bank.store.accounts import Account
from specie.bank.store.journal import Head, LegRow, PostingRow
from specie.crypto import merkle
from specie.kernel.amount import AMOUNT_MAX
from specie.kernel.db import Transaction

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Needs:
    """What an item reads: accounts, references of postings, holds."""

    accounts: tuple[str, ...] = ()
    refs: tuple[bytes, ...] = ()
    holds: tuple[bytes, ...] = ()


def needs_of(order: Order) -> Needs:
    named = tuple(leg.account for leg in order.legs)
    return Needs(named, (order.ref,), (order.hold,) if order.hold else ())


class Counting:
    """A transaction that counts what it changes."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        if name in ("run", "insert_many", "update_many"):
            self.count += 1
        return getattr(self._tx, name)


@dataclass(slots=True)
class Books:
    """What one batch sees and changes."""

    tx: Transaction
    head: Head
    now_us: int
    policy: LimitPolicy
    accounts: dict[str, Account]
    known: dict[tuple[Kind, bytes], PostingRow]
    holds: dict[bytes, Hold]
    sums: dict[tuple[str, str, int], int]
    sums_before: Mapping[tuple[str, str, int], int]
    postings: list[tuple[Posting, bytes, bytes, bool]] = field(default_factory=list)
    legs: list[LegRow] = field(default_factory=list)
    deeds: list[tuple[int, str, bytes, bytes]] = field(default_factory=list)
    last: bytes = b""
    last_deed: bytes = b""
    new_accounts: list[str] = field(default_factory=list)
    new_holds: list[Hold] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)

    # SPEC BANK-2.6
    @classmethod
    def open(cls, tx: Transaction, needs: Needs, policies: list[tuple[int, LimitPolicy]]) -> Books:
        """Lock head and accounts, fix the time, then look up. policies: (in force from, policy), oldest first."""
        head = journal_store.read_head(tx, lock=True)
        now_us = max(tx.now_us(), head.at_us, head.high_us)
        now_s = now_us // SECOND_US
        found_holds = account_store.holds_by_ref(tx, needs.holds)
        ids = sorted({*needs.accounts, *(hold.account for hold in found_holds.values())})
        accounts = account_store.accounts_by_id(tx, ids, lock=True)
        sums = account_store.sums_used(tx, ids, limits.day_of(now_s), limits.month_of(now_s))
        policy = next(rule for from_us, rule in reversed(policies) if from_us <= now_us)
        known = journal_store.postings_by_ref(tx, needs.refs)
        counted: Any = Counting(tx)
        books = cls(counted, head, now_us, policy, accounts, known, found_holds, sums, dict(sums))
        books.last, books.last_deed = head.hash, head.deed_hash
        for hold in account_store.holds_ended(tx, ids, now_s):
            books.end_hold(hold, Standing.LAPSED)
        return books

    @property
    def now_s(self) -> int:
        return self.now_us // SECOND_US

    @property
    def changes(self) -> int:
        """Grows with every change, in memory or in the store: what is refused after one must be undone as a whole."""
        written: Any = self.tx
        return int(written.count) + len(self.postings) + len(self.deeds) + len(self.new_holds)

    def account(self, ident: str) -> Account:
        """Raises AccountUnknown."""
        found = self.accounts.get(ident)
        if found is None:
            raise AccountUnknown(f"there is no account {ident}")
        return found

    # -- postings

    # SPEC BANK-2.3, BANK-4.2
    def find(self, order: Order) -> Receipt | None:
        """The receipt of the same order. Raises RefReused where another stands under its reference."""
        row = self.known.get((order.kind, order.ref))
        if row is None:
            return None
        posted = Posting.decode(row.body)
        if (posted.legs, posted.memo) != (order.legs, order.memo):
            raise RefReused("another order was posted under this reference", posting=row.seq)
        return Receipt(row.seq, row.at_s, row.kind, row.ref, row.hash, row.marked)

    def post(self, order: Order) -> Receipt:
        """Post an order once.

        Raises, in this order: Malformed (its form), RefReused, AccountUnknown, Malformed (its legs), AccountClosed,
        AccountFrozen, AmountZero, AmountRange, HoldUnknown, HoldState, LimitExceeded, BalanceLow.
        """
        kinds.check_form(order)
        if (found := self.find(order)) is not None:
            return found
        named = {leg.account: self.account(leg.account) for leg in order.legs}
        hold = self.holds.get(order.hold) if order.hold else None
        if len({account.currency for account in named.values()}) != 1:
            raise Malformed("a posting has one currency")
        kinds.check_legs(order, {ident: account.type for ident, account in named.items()})
        self._check_states(order, named, hold)
        kinds.check_amounts(order)
        if order.hold:
            self._check_hold(order, hold)
        used = self._check_limits(order, named)
        marked = self._check_room(order, named)
        self._check_balances(order, named, hold)
        if hold is not None:
            taken = sum(leg.amount for leg in order.legs if leg.account == hold.account)
            self.end_hold(replace(hold, captured=taken), Standing.CAPTURED)
        for key, amount in used.items():
            self.sums[key] = self.sums.get(key, 0) + amount
        return self._write(order, named, marked=marked)

    # SPEC BANK-1.2, BANK-1.6
    @staticmethod
    def _check_states(order: Order, named: Mapping[str, Account], hold: Hold | None) -> None:
        for account in named.values():
            if account.state == AccountState.CLOSED:
                raise AccountClosed(f"account {account.id} is closed")
        for leg in order.legs:
            account = named[leg.account]
            taken = kinds.takes(leg, account.type)
            promised = hold is not None and hold.account == account.id
            if taken and account.state == AccountState.FROZEN and not promised:
                raise AccountFrozen(f"account {account.id} takes credits only")

    def _check_hold(self, order: Order, hold: Hold | None) -> None:
        if hold is None:
            raise HoldUnknown("there is no hold under this reference")
        # SPEC BANK-4.1
        if hold.state != Standing.HELD:
            raise HoldState(f"the hold is {hold.state.name.lower()}")
        taken = sum(leg.amount for leg in order.legs if leg.account == hold.account)
        if not 0 < taken <= hold.amount:
            raise HoldState("a capture takes at most what is held", held=hold.amount)

    # SPEC BANK-7.2, BANK-7.4
    def _check_limits(self, order: Order, named: Mapping[str, Account]) -> dict[tuple[str, str, int], int]:
        """What is to be added to the sums of the debited account. Raises LimitExceeded."""
        use = limits.USES.get(order.kind)
        if use is None:
            return {}
        leg = next(leg for leg in order.legs if leg.side == 0)
        account = named[leg.account]
        tier = account.tier_at(self.now_s)
        limits.check_tier(order.kind, tier)
        if order.kind == Kind.COIN_WITHDRAW and account.blocked:
            raise LimitExceeded("coin withdrawals of this account are blocked by a case", limit=0)
        return self.count(account, use, leg.amount)

    def count(self, account: Account, use: Use, amount: int) -> dict[tuple[str, str, int], int]:
        """The sums that a use adds to. Raises LimitExceeded."""
        rule = limits.rule_of(self.policy, account.tier_at(self.now_s))
        day = (account.id, str(use), limits.day_of(self.now_s))
        month = (account.id, str(use), limits.month_of(self.now_s))
        limits.check_use(rule, use, amount, self.sums.get(day, 0), self.sums.get(month, 0))
        return {day: amount, month: amount}

    # SPEC BANK-7.5
    def _check_room(self, order: Order, named: Mapping[str, Account]) -> bool:
        """Is a customer's balance above its maximum after this? Raises LimitExceeded where it may be refused."""
        marked = False
        for leg in order.legs:
            account = named[leg.account]
            change = kinds.change_of(leg, account.type)
            if account.balance + change > AMOUNT_MAX:
                raise AmountRange("the balance would be above 2^62-1")
            if change <= 0 or account.type != AccountType.CUSTOMER:
                continue
            limit = limits.rule_of(self.policy, account.tier_at(self.now_s)).balance_max
            if account.balance + change > limit:
                if order.kind not in kinds.FINAL_ALREADY:
                    raise LimitExceeded("the balance would be above the tier's maximum", limit=limit)
                marked = True
        return marked

    # SPEC BANK-2.4
    @staticmethod
    def _check_balances(order: Order, named: Mapping[str, Account], hold: Hold | None) -> None:
        for leg in order.legs:
            account = named[leg.account]
            free = account.balance - account.held
            if hold is not None and hold.account == account.id:
                free += hold.amount
            if free + kinds.change_of(leg, account.type) < 0:
                raise BalanceLow(f"account {account.id} has less than that", available=free)

    def _write(self, order: Order, named: Mapping[str, Account], *, marked: bool) -> Receipt:
        seq = self.head.seq + len(self.postings) + 1
        posting = Posting(seq, self.now_s, order.kind, order.ref, order.memo, order.legs, self.last)
        body = posting.encode()
        digest = posting_hash(body)
        for leg in order.legs:
            account = named[leg.account]
            account.balance += kinds.change_of(leg, account.type)
            self.legs.append(LegRow(account.id, seq, int(leg.side), leg.amount, account.balance))
            self.touched.add(account.id)
        self.last = digest
        self.postings.append((posting, body, digest, marked))
        self.known[order.kind, order.ref] = PostingRow(
            seq, order.kind, order.ref, self.now_s, body, digest, marked
        )  # fmt: skip
        return Receipt(seq, self.now_s, order.kind, order.ref, digest, marked)

    # -- holds

    def hold(self, hold: Hold) -> None:
        """Reserve. Raises BalanceLow."""
        account = self.account(hold.account)
        free = account.balance - account.held
        if free < hold.amount:
            raise BalanceLow(f"account {account.id} has less than that", available=free)
        account.held += hold.amount
        self.touched.add(account.id)
        self.holds[hold.ref] = hold
        self.new_holds.append(hold)

    # SPEC BANK-4.10
    def end_hold(self, hold: Hold, state: Standing) -> Hold:
        """HELD becomes something else, once. Raises HoldState."""
        ended = replace(hold, state=state)
        ended_s = hold.until_s if state == Standing.LAPSED else self.now_s
        fresh = next((place for place, each in enumerate(self.new_holds) if each.ref == hold.ref), None)
        if fresh is not None:
            self.new_holds[fresh] = ended
        elif not account_store.end_hold(self.tx, ended, ended_s):
            raise HoldState("the hold was ended meanwhile")
        account = self.account(hold.account)
        account.held -= hold.amount
        self.touched.add(account.id)
        self.holds[hold.ref] = ended
        return ended

    # -- deeds

    def record(self, what: What, account: str, facts: Mapping[str, Any]) -> None:
        """Chain what happened to an account."""
        deed = Deed(self.head.deed + len(self.deeds) + 1, self.now_s, what, account, facts, self.last_deed)
        body = deed.encode()
        self.last_deed = deed.hash
        self.deeds.append((deed.id, account, body, self.last_deed))

    def add_account(self, account: Account, facts: Mapping[str, Any]) -> None:
        """A new account, with the deed that opens it."""
        self.accounts[account.id] = account
        self.new_accounts.append(account.id)
        self.record(What.OPENED, account.id, facts)

    # -- the end

    def flush(self) -> None:
        """Write everything set-wise, and the head last."""
        with self.tx.together():
            self._flush()

    def _flush(self) -> None:
        tx, head = self.tx, self.head
        fresh = set(self.new_accounts)
        if fresh:
            account_store.add_accounts(tx, [self.accounts[ident] for ident in self.new_accounts])
        leaves = journal_store.add_postings(tx, self.postings, self.legs) if self.postings else []
        if self.deeds:
            journal_store.add_deeds(tx, self.deeds)
        if self.new_holds:
            account_store.add_holds(tx, self.new_holds, self.now_s)
        touched = sorted(self.touched - fresh)
        if touched:
            account_store.write_balances(tx, [self.accounts[ident] for ident in touched])
        moved = sorted(self.moved - fresh)
        if moved:
            account_store.write_states(tx, [self.accounts[ident] for ident in moved])
        account_store.write_sums(tx, dict(self.sums_before), self.sums)
        frontier, _ = merkle.append_many(head.frontier, head.seq, leaves) if leaves else (head.frontier, b"")
        if self.postings or self.deeds or self.now_us - head.high_us > SECOND_US:
            seq, deed = head.seq + len(self.postings), head.deed + len(self.deeds)
            at_us = self.now_us if self.postings else head.at_us
            journal_store.write_head(
                tx, Head(seq, self.last, frontier, deed, self.last_deed, at_us, self.now_us)
            )  # fmt: skip
