"""Statements of accounts, and what the books add up to (BANK sections 9 and 12)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from specie.bank.engine.desk import Desk
from specie.bank.errors import AccountUnknown, Malformed
from specie.bank.messages.accounts import AccountType
from specie.bank.messages.pool import Pool
from specie.bank.messages.postings import Kind, Posting, Side
from specie.bank.messages.statements import Promise, Row, Statement, StatementWord
from specie.bank.protocol.statements import rows_hash
from specie.bank.store import accounts as account_store
from specie.bank.store import journal as journal_store
from specie.bank.store.journal import LegRow
from specie.kernel import codec
from specie.kernel.db import Transaction

NAMED = frozenset({Kind.TRANSFER})
"""Kinds whose other side the owner may know: he paid it, or was paid by it."""


@dataclass(slots=True)
class Statements:
    """Statements, signed."""

    desk: Desk

    # SPEC BANK-9.1, BANK-9.3
    async def statement(self, account: str, from_s: int, to_s: int) -> tuple[Statement, bytes]:
        """A period that has ended, and the signed word for it. Raises Malformed, AccountUnknown."""
        if not 0 <= from_s < to_s or to_s > self.desk.now_s():
            raise Malformed("a period has ended, and its beginning comes before its end")
        found = await self.desk.read(lambda tx: statement_of(tx, account, from_s, to_s))
        body = StatementWord(
            *(account, found.currency, from_s, to_s, rows_hash(found)),
            *(found.opening, found.closing, found.position, found.hash),
        )
        cti = sha256(codec.encode(body.to_wire())).digest()[:16]
        return found, await self.desk.sign(body, to_s, cti)


def statement_of(tx: Transaction, account: str, from_s: int, to_s: int) -> Statement:
    """Raises AccountUnknown."""
    known = account_store.accounts_by_id(tx, [account])
    if account not in known:
        raise AccountUnknown(f"there is no account {account}")
    types: dict[str, AccountType] = {
        row.id: row.type for row in account_store.all_accounts(tx) if row.type != AccountType.CUSTOMER
    }
    rows = []
    for leg, row in journal_store.legs_of_account(tx, account, from_s, to_s):
        posting = Posting.decode(row.body)
        rows.append(
            Row(
                *(leg.seq, row.at_s, row.kind, row.ref, Side(leg.side), leg.amount),
                *(_other(posting, leg, types), leg.after),
            )
        )
    opening = journal_store.balance_before(tx, account, from_s)
    position, digest = journal_store.position_at(tx, to_s)
    holds = tuple(Promise(each.ref, each.amount, each.until_s) for each in account_store.holds_at(tx, account, to_s))
    closing = rows[-1].balance if rows else opening
    return Statement(
        account, known[account].currency, from_s, to_s, opening, tuple(rows), holds, closing, position, digest
    )  # fmt: skip


def _other(posting: Posting, leg: LegRow, types: dict[str, AccountType]) -> str:
    """Accounts on the other side: customers by name where the owner may know them, the bank's own by type."""
    others = [each.account for each in posting.legs if int(each.side) != leg.side]
    shown = {str(types.get(each, each if posting.kind in NAMED else "customer")) for each in others}
    return ", ".join(sorted(shown))


def pool_of(tx: Transaction, currency: str) -> Pool:
    """The terms of the supply equation that this bank knows."""
    head = journal_store.read_head(tx)
    sums = dict.fromkeys(AccountType, 0)
    for row in account_store.all_accounts(tx):
        if row.currency == currency:
            sums[row.type] += row.balance
    apart = {AccountType.COINS, AccountType.TRANSIT, AccountType.RESERVE, AccountType.ISSUED}
    accounts = sum(amount for kind, amount in sums.items() if kind not in apart)
    return Pool(
        currency=currency,
        reserve=sums[AccountType.RESERVE],
        issued=sums[AccountType.ISSUED],
        accounts=accounts,
        coins=sums[AccountType.COINS],
        transit=sums[AccountType.TRANSIT],
        size=head.seq,
        hash=head.hash,
        at_s=head.at_us // 1_000_000,
    )
