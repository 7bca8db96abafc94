"""Accounts: opening, freezing, closing, licences, limits (BANK sections 1 and 7)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import SECOND_US, Desk, Item
from specie.bank.errors import (
    AccountClosed,
    AccountExists,
    AccountNotEmpty,
    AccountUnknown,
    Malformed,
    NotPermitted,
)
from specie.bank.messages.accounts import (
    HOUSE_TYPES,
    OWNER_BYTES_MAX,
    AccountState,
    AccountType,
    AccountView,
    check_account_id,
    house_account,
    is_house_name,
)
from specie.bank.messages.deeds import What
from specie.bank.messages.policy import LimitPolicy
from specie.bank.protocol.limits import LOOSER_DELAY_S, is_looser
from specie.bank.store import accounts as store
from specie.bank.store import intents as intent_store
from specie.bank.store import journal as journal_store
from specie.bank.store.accounts import Account
from specie.kernel.amount import check_currency_code
from specie.kernel.db import Transaction

TIER_MAX = 15
KEY_BYTES = 32
FOREVER_S = 2**62


@dataclass(slots=True)
class Accounts:
    """Everything about accounts that moves no money."""

    desk: Desk

    # -- reading

    async def view(self, ident: str) -> AccountView:
        """Raises AccountUnknown."""
        now_s = self.desk.now_s()
        found = await self.desk.read(lambda tx: store.accounts_by_id(tx, [ident]))
        if ident not in found:
            raise AccountUnknown(f"there is no account {ident}")
        return found[ident].view(now_s)

    async def all(self, owner: str | None = None) -> list[AccountView]:
        """Every account, or those of an owner."""
        now_s = self.desk.now_s()

        def read(tx: Transaction) -> list[Account]:
            return store.all_accounts(tx) if owner is None else store.accounts_of_owner(tx, owner)

        return [account.view(now_s) for account in await self.desk.read(read)]

    # -- opening and closing

    # SPEC BANK-1.1
    async def open_currency(self, currency: str) -> None:
        """The bank's own accounts of a currency; once more changes nothing."""
        check_currency_code(currency)
        idents = {house_account(kind, currency): kind for kind in HOUSE_TYPES}

        def run(books: Books) -> None:
            for ident, kind in idents.items():
                if ident not in books.accounts:
                    self._add(books, ident, currency, kind, self.desk.me, b"")

        await self.desk.submit(Item(Needs(tuple(idents)), run, debits=False))

    async def open(self, ident: str, currency: str, owner: str, wallet_key: bytes = b"") -> AccountView:
        """A customer's account; the same once more is the same account.

        Raises, in this order: Malformed, AccountExists.
        """
        check_account_id(ident)
        check_currency_code(currency)
        if is_house_name(ident) or not 1 <= len(owner.encode()) <= OWNER_BYTES_MAX:
            raise Malformed("a name that is the bank's own, or an owner without a name")
        if len(wallet_key) not in (0, KEY_BYTES):
            raise Malformed("a wallet key has 32 bytes")
        house = house_account(AccountType.ISSUED, currency)

        def run(books: Books) -> AccountView:
            if house not in books.accounts:
                raise Malformed(f"this bank keeps no accounts in {currency}")
            known = books.accounts.get(ident)
            if known is None:
                known = self._add(books, ident, currency, AccountType.CUSTOMER, owner, wallet_key)
            if (known.currency, known.owner, known.wallet_key) != (currency, owner, wallet_key):
                raise AccountExists(f"there is an account {ident} already")
            return known.view(books.now_s)

        return await self.desk.submit(Item(Needs((ident, house)), run, owner, debits=False))

    @staticmethod
    def _add(books: Books, ident: str, currency: str, kind: AccountType, owner: str, key: bytes) -> Account:
        account = Account(ident, currency, kind, owner, AccountState.OPEN, 0, 0, False, key, books.now_s, 0, 0, 0)
        books.add_account(account, {"currency": currency, "type": str(kind), "owner": owner, "key": key})
        return account

    # SPEC BANK-1.4
    async def freeze(self, ident: str, reason: str, person: str) -> AccountView:
        """Raises Malformed, AccountUnknown, AccountClosed."""
        _check_reason(reason, person)

        def run(books: Books) -> AccountView:
            account = _alive(books, ident)
            if account.state != AccountState.FROZEN:
                account.state = AccountState.FROZEN
                books.moved.add(ident)
                books.record(What.FROZEN, ident, {"reason": reason, "person": person})
            return account.view(books.now_s)

        return await self.desk.submit(Item(Needs((ident,)), run, debits=False))

    # SPEC BANK-1.4: unfreezing needs a second person
    async def unfreeze(self, ident: str, reason: str, person: str, second: str) -> AccountView:
        """Raises Malformed, NotPermitted (one person only), AccountUnknown, AccountClosed."""
        _check_reason(reason, person)
        if not second or second == person:
            raise NotPermitted("unfreezing needs a second person")

        def run(books: Books) -> AccountView:
            account = _alive(books, ident)
            if account.state == AccountState.FROZEN:
                account.state = AccountState.OPEN
                books.moved.add(ident)
                books.record(What.UNFROZEN, ident, {"reason": reason, "person": person, "second": second})
            return account.view(books.now_s)

        return await self.desk.submit(Item(Needs((ident,)), run, debits=False))

    # SPEC BANK-1.3
    async def close(self, ident: str, reason: str, person: str) -> AccountView:
        """Raises Malformed, NotPermitted (an account of the bank's own), AccountUnknown, AccountNotEmpty."""
        _check_reason(reason, person)
        if is_house_name(ident):
            raise NotPermitted("the bank's own accounts stay")

        def run(books: Books) -> AccountView:
            account = books.account(ident)
            if account.state == AccountState.CLOSED:
                return account.view(books.now_s)
            if account.balance or account.held or intent_store.open_intents_of(books.tx, ident):
                raise AccountNotEmpty("a balance, a hold or an open intent is left")
            account.state, account.closed_s = AccountState.CLOSED, books.now_s
            books.moved.add(ident)
            books.record(What.CLOSED, ident, {"reason": reason, "person": person})
            return account.view(books.now_s)

        return await self.desk.submit(Item(Needs((ident,)), run, debits=False))

    # -- licences and limits

    # SPEC BANK-7.4
    async def licence(self, ref: bytes, ident: str, tier: int, until_s: int, *, coins_blocked: bool) -> AccountView:
        """What the room of the coins says of an account's licence. Raises Malformed, AccountUnknown, AccountClosed."""
        if not 0 <= tier <= TIER_MAX or not 0 <= until_s <= FOREVER_S:
            raise Malformed("no such tier or time")

        def run(books: Books) -> AccountView:
            account = _alive(books, ident)
            said = (tier, until_s, coins_blocked)
            if (account.tier, account.tier_until, account.blocked) != said:
                account.tier, account.tier_until, account.blocked = said
                books.moved.add(ident)
                facts = {"tier": tier, "until": until_s, "blocked": coins_blocked, "ref": ref}
                books.record(What.TIER, ident, facts)
            return account.view(books.now_s)

        return await self.desk.submit(Item(Needs((ident,)), run, debits=False))

    async def policy(self) -> LimitPolicy:
        """What is in force now."""
        now_us = self.desk.clock.now_us()
        found = await self.desk.read(self.desk.policies)
        return next(policy for from_us, policy in reversed(found) if from_us <= now_us)

    # SPEC BANK-7.1
    async def propose_policy(self, policy: LimitPolicy, person: str) -> bytes:
        """The first person's half; the hash that the second one confirms. Raises Malformed."""
        data = policy.encode()
        LimitPolicy.decode(data)
        _check_reason("a policy", person)

        def write(tx: Transaction) -> None:
            if store.proposal(tx, policy.hash) is None:
                store.add_proposal(tx, policy.hash, data, person, self.desk.now_s())

        await self.desk.write(write)
        return policy.hash

    # SPEC BANK-7.1, BANK-7.3
    async def confirm_policy(self, digest: bytes, person: str) -> int:
        """The second person's half: the time from which it is in force, microseconds.

        Looser limits wait a day (not at all on `dev`). Raises Malformed, NotPermitted.
        """

        def run(books: Books) -> int:
            proposed = store.proposal(books.tx, digest)
            if proposed is None:
                raise Malformed("no such policy was proposed")
            data, first = proposed
            if not person or person == first:
                raise NotPermitted("a policy is changed by two persons")
            policy = LimitPolicy.decode(data)
            stored = store.policies(books.tx)
            if (known := next((row for row in stored if row[1] == data), None)) is not None:
                return known[2]
            newest = self.desk.policies(books.tx)[-1][1]
            if policy.version != newest.version + 1:
                raise Malformed(f"version {policy.version} does not follow version {newest.version}")
            waits = self.desk.environment != "dev" and is_looser(policy, books.policy)
            from_us = books.now_us + waits * LOOSER_DELAY_S * SECOND_US
            store.add_policy(books.tx, policy.version, data, from_us)
            books.record(What.POLICY, "", {"hash": digest, "first": first, "second": person})
            return from_us

        return await self.desk.submit(Item(Needs(), run, debits=False))

    async def deeds(self, ident: str) -> list[bytes]:
        """What happened to an account, for its owner and the staff."""
        return await self.desk.read(lambda tx: journal_store.deeds_of(tx, ident))


def _alive(books: Books, ident: str) -> Account:
    account = books.account(ident)
    if account.state == AccountState.CLOSED:
        raise AccountClosed(f"account {ident} is closed")
    return account


def _check_reason(reason: str, person: str) -> None:
    if not 1 <= len(reason.encode()) <= 256 or not 1 <= len(person.encode()) <= 64:
        raise Malformed("a reason and a person are named")
