"""Reconciliation: everything that can be recomputed is recomputed, and whatever differs is named (BANK section 12).

The postings and the deeds are chained, so an edited, added, moved or missing row breaks a hash; all other tables are
consequences of them, so an edited row of theirs differs from what the chains give.
"""

from __future__ import annotations

from dataclasses import dataclass

from specie.bank.errors import BankRefusal
from specie.bank.messages.accounts import AccountType, house_account
from specie.bank.messages.deeds import deed_hash
from specie.bank.messages.postings import Kind, Posting, posting_hash
from specie.bank.messages.registry import POSTED
from specie.bank.messages.reputation import Event, event_id
from specie.bank.protocol import limits
from specie.bank.protocol.journal import Chronicle, Sums, unbalanced
from specie.bank.protocol.reputation import value_of
from specie.bank.store import accounts as account_store
from specie.bank.store import intents as intent_store
from specie.bank.store import journal as journal_store
from specie.bank.store import reputation as reputation_store
from specie.bank.store.journal import LegRow, PostingRow
from specie.crypto import merkle
from specie.kernel.db import Transaction

CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconciliation found."""

    size: int
    hash: bytes
    faults: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return not self.faults


# SPEC BANK-2.5, BANK-12.1, BANK-12.2, BANK-12.4, BANK-12.5, BANK-12.7
def reconcile(tx: Transaction) -> Report:
    """Recompute the books on one snapshot."""
    chronicle = Chronicle().read(body for _, _, body, _ in journal_store.deeds(tx))
    sums = Sums(chronicle.accounts)
    faults = chronicle.faults + _deed_rows(tx)
    used, roots, frontier = _postings(tx, sums, faults)
    faults += sums.faults
    head = journal_store.read_head(tx)
    if (head.seq, head.hash, head.frontier) != (sums.last, sums.hash, frontier):
        faults.append("the journal does not end where its head says")
    if (head.deed, head.deed_hash) != (chronicle.last, chronicle.hash):
        faults.append("the chronicle does not end where its head says")
    faults += _accounts(tx, chronicle, sums)
    faults += [f"{currency}: reserve + issued is not what is owed" for currency in unbalanced_of(chronicle, sums)]
    faults += _intents(tx, sums, chronicle)
    faults += _roots(tx, roots)
    faults += _events(tx)
    if account_store.all_sums(tx) != used:
        faults.append("sums per day and month are not those of the postings")
    for size, _, root, _ in journal_store.checkpoints(tx):
        if size > sums.last or merkle.root(journal_store.leaves(tx, size)) != root:
            faults.append(f"the checkpoint at {size} is not of this journal")
    return Report(sums.last, sums.hash, tuple(faults))


def unbalanced_of(chronicle: Chronicle, sums: Sums) -> list[str]:
    return list(unbalanced(sums.balances, chronicle.accounts))


def _deed_rows(tx: Transaction) -> list[str]:
    rows = journal_store.deeds(tx)
    return [
        f"deed {seq}: number or hash differ from its bytes"
        for place, (seq, _, body, digest) in enumerate(rows, 1)
        if seq != place or digest != deed_hash(body)
    ]


Used = dict[tuple[str, str, int], int]


def _postings(tx: Transaction, sums: Sums, faults: list[str]) -> tuple[Used, dict[bytes, bytes], bytes]:
    """Walk the journal; sums of use, issues (cti to hash), and the frontier of the tree."""
    used: Used = {}
    issues: dict[bytes, bytes] = {}
    frontier, legs_seen, first = b"", 0, 0
    while rows := journal_store.postings(tx, first, CHUNK):
        legs = journal_store.all_legs(tx, rows[0].seq, rows[-1].seq)
        leaves = [merkle.leaf_hash(row.body) for row in rows]
        before = sums.last
        frontier, _ = merkle.append_many(frontier, before, leaves)
        for row in rows:
            (posting,) = sums.read([row.body])
            if posting is None or not _agrees(row, posting, sums.last):
                faults.append(f"posting {row.seq}: its columns differ from its bytes")
                continue
            _add_use(used, posting)
            if posting.kind == Kind.ACCOUNT_ISSUE:
                issues[posting.ref] = row.hash
            stored = legs.get(row.seq, [])
            legs_seen += len(stored)
            if not _legs_agree(stored, posting, sums):
                faults.append(f"posting {row.seq}: its lines differ from its bytes")
        if journal_store.leaves_between(tx, rows[0].seq, rows[-1].seq) != leaves:
            faults.append(f"postings {rows[0].seq} to {rows[-1].seq}: a leaf differs from its bytes")
        first = rows[-1].seq + 1
    if legs_seen != journal_store.leg_count(tx):
        faults.append("there are lines of no posting")
    return used, issues, frontier


def _agrees(row: PostingRow, posting: Posting, place: int) -> bool:
    said = (row.seq, row.kind, row.ref, row.at_s, row.hash)
    return said == (place, posting.kind, posting.ref, posting.at_s, posting_hash(row.body))


def _legs_agree(stored: list[LegRow], posting: Posting, sums: Sums) -> bool:
    said = sorted((leg.account, leg.side, leg.amount, leg.after) for leg in stored)
    twice = len({leg.account for leg in posting.legs}) != len(posting.legs)
    if twice:
        return [each[:3] for each in said] == sorted((leg.account, int(leg.side), leg.amount) for leg in posting.legs)
    meant = [(leg.account, int(leg.side), leg.amount, sums.balances.get(leg.account, 0)) for leg in posting.legs]
    return said == sorted(meant)


def _add_use(used: Used, posting: Posting) -> None:
    use = limits.USES.get(posting.kind)
    leg = next(leg for leg in posting.legs if not leg.side)
    if use is None:
        return
    for period in (limits.day_of(posting.at_s), limits.month_of(posting.at_s)):
        key = (leg.account, str(use), period)
        used[key] = used.get(key, 0) + leg.amount


def _accounts(tx: Transaction, chronicle: Chronicle, sums: Sums) -> list[str]:
    """Account rows against chronicle, journal and holds."""
    faults = []
    rows = {row.id: row for row in account_store.all_accounts(tx)}
    held = account_store.held_sums(tx)
    for ident in sorted(rows.keys() ^ chronicle.accounts.keys()):
        faults.append(f"account {ident}: it is in the table or in the chronicle only")
    for ident in sorted(rows.keys() & chronicle.accounts.keys()):
        row, known = rows[ident], chronicle.accounts[ident]
        if row.balance != sums.balances.get(ident, 0):
            faults.append(f"account {ident}: the balance is not the sum of its lines")
        if row.held != held.get(ident, 0) or row.held > row.balance:
            faults.append(f"account {ident}: what is held is not the sum of its holds")
        said = (row.currency, row.type, row.owner, row.wallet_key, row.opened_s, row.closed_s)
        if said != (known.currency, known.type, known.owner, known.wallet_key, known.opened_s, known.closed_s):
            faults.append(f"account {ident}: it differs from its opening")
        standing = (row.state, row.tier, row.tier_until, row.blocked)
        if standing != (known.state, known.tier, known.until_s, known.coins_blocked):
            faults.append(f"account {ident}: state or tier differ from what was done")
    return faults


def _intents(tx: Transaction, sums: Sums, chronicle: Chronicle) -> list[str]:
    """`transit` and `issued` against what they stand for."""
    faults = []
    on_their_way = intent_store.outgoing_sum(tx)
    for currency in sorted({known.currency for known in chronicle.accounts.values()}):
        transit = sums.balances.get(house_account(AccountType.TRANSIT, currency), 0)
        if transit != on_their_way.get(currency, 0):
            faults.append(f"{currency}: transit is not what is on its way out")
        issued = sums.balances.get(house_account(AccountType.ISSUED, currency), 0)
        came = sum(sums.by_kind.get((kind, currency), 0) for kind in (Kind.ACCOUNT_ISSUE, Kind.BURN_IN))
        if issued != came - sums.by_kind.get((Kind.ACCOUNT_REDEEM, currency), 0):
            faults.append(f"{currency}: issued is not issues and burns less redemptions")
    return faults


# SPEC BANK-8.2
def _events(tx: Transaction) -> list[str]:
    """Every party's chain of reputation, from its own bytes."""
    faults = []
    for subject, rows in reputation_store.all_chains(tx).items():
        try:
            value_of(body for _, body, _ in rows)
            ids = all(ident == event_id(body) for _, body, ident in rows)
            meant = all(Event.decode(body).subject == subject for _, body, _ in rows)
            whole = [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1)) and ids and meant
        except BankRefusal:
            whole = False
        if not whole:
            faults.append(f"reputation of {subject.hex()[:16]}: the chain is broken")
    return faults


def _roots(tx: Transaction, issues: dict[bytes, bytes]) -> list[str]:
    """Every issue that is posted has its root, and the other way round."""
    said = {row.cti: row.posting for row in intent_store.all_roots(tx) if row.status == POSTED}
    return [] if said == issues else ["the roots of issues are not those of the postings"]
