"""The journal and the chronicle, recomputed from their own bytes (BANK sections 2 and 12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from specie.bank.errors import BankRefusal
from specie.bank.messages.accounts import DEBIT_SIDE, AccountState, AccountType
from specie.bank.messages.deeds import Deed, What, deed_hash
from specie.bank.messages.postings import START, Kind, Order, Posting, posting_hash
from specie.bank.protocol import kinds


@dataclass(slots=True)
class Known:
    """An account as the chronicle says."""

    currency: str
    type: AccountType
    owner: str
    wallet_key: bytes
    opened_s: int
    state: AccountState = AccountState.OPEN
    tier: int = 0
    until_s: int = 0
    coins_blocked: bool = False
    closed_s: int = 0


@dataclass(slots=True)
class Chronicle:
    """Accounts recomputed from the deeds."""

    accounts: dict[str, Known] = field(default_factory=dict)
    last: int = 0
    hash: bytes = START
    faults: list[str] = field(default_factory=list)

    def read(self, bodies: Iterable[bytes]) -> Chronicle:
        """Follow the deeds; what is wrong is noted in `faults`."""
        for body in bodies:
            self.last += 1
            try:
                deed = Deed.decode(body)
                if deed.id != self.last or deed.prev != self.hash:
                    self.faults.append(f"deed {self.last}: the chain is broken")
                self._apply(deed)
            except (BankRefusal, KeyError, ValueError):
                self.faults.append(f"deed {self.last}: it does not decode, or speaks of no account")
            self.hash = deed_hash(body)
        return self

    def _apply(self, deed: Deed) -> None:
        facts = deed.facts
        if deed.what == What.POLICY:
            return
        if deed.what == What.OPENED:
            if deed.account in self.accounts:
                raise ValueError(deed.account)
            kind = AccountType(facts["type"])
            self.accounts[deed.account] = Known(facts["currency"], kind, facts["owner"], facts["key"], deed.at_s)
            return
        account = self.accounts[deed.account]
        if deed.what == What.TIER:
            account.tier, account.until_s = facts["tier"], facts["until"]
            account.coins_blocked = facts["blocked"]
        elif deed.what == What.CLOSED:
            account.state, account.closed_s = AccountState.CLOSED, deed.at_s
        else:
            account.state = AccountState.FROZEN if deed.what == What.FROZEN else AccountState.OPEN


@dataclass(slots=True)
class Sums:
    """Balances and totals recomputed from the postings."""

    accounts: dict[str, Known]
    balances: dict[str, int] = field(default_factory=dict)
    by_kind: dict[tuple[Kind, str], int] = field(default_factory=dict)
    """(kind, currency) to the sum of the debits."""
    last: int = 0
    hash: bytes = START
    at_s: int = 0
    seen: dict[tuple[Kind, bytes], int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def read(self, bodies: Iterable[bytes]) -> list[Posting | None]:
        """Follow the postings; what is wrong is noted in `faults`."""
        found: list[Posting | None] = []
        for body in bodies:
            self.last += 1
            found.append(self._one(body))
            self.hash = posting_hash(body)
        return found

    def _one(self, body: bytes) -> Posting | None:
        where = f"posting {self.last}"
        try:
            posting = Posting.decode(body)
        except BankRefusal:
            self.faults.append(f"{where}: it does not decode")
            return None
        if posting.id != self.last or posting.prev != self.hash or posting.at_s < self.at_s:
            self.faults.append(f"{where}: the chain is broken")
        self.at_s = max(self.at_s, posting.at_s)
        # SPEC BANK-2.3
        if (posting.kind, posting.ref) in self.seen:
            self.faults.append(f"{where}: its reference was used by posting {self.seen[posting.kind, posting.ref]}")
        self.seen[posting.kind, posting.ref] = self.last
        self._legs(posting, where)
        return posting

    def _legs(self, posting: Posting, where: str) -> None:
        if any(leg.account not in self.accounts for leg in posting.legs):
            self.faults.append(f"{where}: an account that was never opened")
            return
        named = {leg.account: self.accounts[leg.account] for leg in posting.legs}
        order = Order(posting.kind, posting.ref, posting.legs, posting.memo)
        try:
            kinds.check_form(order)
            kinds.check_amounts(order)
            kinds.check_legs(order, {account: known.type for account, known in named.items()})
        except BankRefusal as refusal:
            self.faults.append(f"{where}: {refusal.detail}")
        currencies = {known.currency for known in named.values()}
        if len(currencies) != 1:
            self.faults.append(f"{where}: two currencies")
        for leg in posting.legs:
            balance = self.balances.get(leg.account, 0) + kinds.change_of(leg, named[leg.account].type)
            self.balances[leg.account] = balance
            if balance < 0:
                self.faults.append(f"{where}: {leg.account} goes below zero")
        key = posting.kind, min(currencies)
        self.by_kind[key] = self.by_kind.get(key, 0) + sum(leg.amount for leg in posting.legs if not leg.side)


# SPEC BANK-1.5, BANK-12.1
def unbalanced(balances: dict[str, int], accounts: dict[str, Known]) -> Sequence[str]:
    """Currencies where reserve + issued is not the sum of all credit balances."""
    rest: dict[str, int] = {}
    for account, balance in balances.items():
        known = accounts[account]
        sign = 1 if known.type in DEBIT_SIDE else -1
        rest[known.currency] = rest.get(known.currency, 0) + sign * balance
    return sorted(currency for currency, amount in rest.items() if amount)
