"""OPEN and TOPUP, rule V-21 of a type 3 transaction: the checks K-01 to K-17 (E-1 to E-8)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.crypto import bip340, lockable, ring
from specie.kernel.amount import AMOUNT_MAX
from specie.ledger import errors
from specie.ledger.escrow.books import Books
from specie.ledger.escrow.verdict import Check, refusal, run_checks
from specie.ledger.messages.authority import BIP340, AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.escrow import EscrowStatus, Open, Record, TopUp, decode_funding
from specie.ledger.messages.state import Domain

LIMIT_MAX = 1000
"""LIMIT: 10.00 in minor units, the most that one micropayment moves."""
GRANT_TTL_MS = 600_000
DISPUTE_S_MIN, DISPUTE_S_MAX = 600, 2_592_000
WINDOW_MAX = 8
LANES_MAX = 16
WITNESSES_MAX = 2**20
TICKS_MAX = 4096
TIME_MS_MAX = 2**48 - 1
INDEX_MAX = 2**32 - 1

CMS_PV, CMS_L = 0x02, 0x03


@dataclass(frozen=True, slots=True)
class Opening:
    """An OPEN with what it is judged against."""

    books: Books
    open: Open
    burn: int


@dataclass(frozen=True, slots=True)
class Topping:
    """A TOPUP with what it is judged against; `record` is None if no escrow has this cid."""

    books: Books
    top_up: TopUp
    burn: int
    record: Record | None


# SPEC LEDGER-9.6.2
def _names_this_ledger(case: Opening) -> bool:
    body, genesis = case.open.body, case.books.genesis
    return body.ledger_id == genesis.chain_id and body.asset == genesis.asset


# SPEC LEDGER-9.6.3
def _is_new(case: Opening) -> bool:
    body = case.open.body
    known = case.books.get(Domain.ESCROW, body.cid), case.books.get(Domain.CHANNEL_KEY, body.client_key)
    return known == (None, None)


# SPEC LEDGER-9.9.1
def _admits(key: AuthorityEntry, signed_s: int, now_s: int) -> bool:
    """A grant is signed at ts_0 and used at once: the key must be active, in force at ts_0, and believed now."""
    in_time = key.is_in_force(signed_s) and key.nbf <= now_s < key.verify_until
    return key.alg == BIP340 and key.status == AuthorityStatus.ACTIVE and in_time


# SPEC LEDGER-9.6.4
def _is_granted_and_accepted(case: Opening) -> bool:
    body, now_s = case.open.body, case.books.time_ms // 1000
    keys = case.books.authorities(Role.BANK_CHANNEL, body.bank_key)
    if not any(_admits(key, body.opened_ms // 1000, now_s) for key in keys):
        return False
    signatures = [case.open.grant, case.open.acceptance]
    return all(
        bip340.verify_many([body.bank_key, body.vendor_key], [body.grant_digest, body.accept_digest], signatures)
    )


def _has_amounts(case: Opening) -> bool:
    body = case.open.body
    limits = 1 <= body.limit <= LIMIT_MAX and body.unit <= body.limit
    return limits and body.capacity <= body.index_max * body.limit and body.capacity + body.bond <= AMOUNT_MAX


def _has_ranges(case: Opening) -> bool:
    body = case.open.body
    # CMS-PV is opened with one lane and a window of one (MICROPAY section 2)
    lanes_max, window_max = (1, 1) if body.suite == CMS_PV else (LANES_MAX, WINDOW_MAX)
    return (
        DISPUTE_S_MIN <= body.dispute_s <= DISPUTE_S_MAX
        and 1 <= body.window <= window_max
        and 1 <= body.lanes <= lanes_max
        and all(1 <= lane.witnesses <= WITNESSES_MAX and 1 <= lane.ticks <= TICKS_MAX for lane in body.anchors)
    )


def _has_times(case: Opening) -> bool:
    body = case.open.body
    return body.opened_ms + 2000 * body.dispute_s < body.expires_ms <= TIME_MS_MAX


def _has_anchors(case: Opening) -> bool:
    return all(any(lane.witness_anchor) and any(lane.tick_anchor) for lane in case.open.body.anchors)


# SPEC LEDGER-9.6.7
def _has_addresses(case: Opening) -> bool:
    return ring.address_points_ok(case.open.pay_client) and ring.address_points_ok(case.open.pay_vendor)


# SPEC LEDGER-9.6.1, LEDGER-9.6.5, LEDGER-9.6.6
# SPEC MICROPAY-3.13.1, MICROPAY-3.4.3
OPEN_CHECKS: tuple[Check[Opening], ...] = (
    Check(
        "K-02",
        lambda case: case.open.body.version == 1 and case.open.body.suite in (CMS_PV, CMS_L),
        "the version is not 1 or the suite carries no value",
    ),
    Check("K-03", _names_this_ledger, "the channel is of another ledger or asset"),
    Check("K-04", _is_new, "the channel or its client key is in use"),
    Check("K-05", _is_granted_and_accepted, "the grant or the acceptance is not signed by an admitted key"),
    Check("K-06", lambda case: case.open.body.capacity > 0, "the capacity is zero"),
    Check("K-07", _has_amounts, "limit, unit, capacity and bond do not fit each other"),
    Check(
        "K-08",
        lambda case: case.open.body.bond == case.open.body.lanes * case.open.body.window * case.open.body.limit,
        "the bond is not lanes * W * limit",
    ),
    Check("K-09", _has_times, "the channel ends too early or too late"),
    Check("K-10", _has_ranges, "D, W, lanes or the length of a chain is out of range"),
    Check("K-11", _has_anchors, "an anchor is zero"),
    Check("K-12", lambda case: lockable.is_point(case.open.body.client_key), "the client key is no point"),
    Check("K-13", lambda case: case.books.time_ms <= case.open.body.opened_ms + GRANT_TTL_MS, "the grant has lapsed"),
    Check(
        "K-14",
        lambda case: case.burn == case.open.body.capacity + case.open.body.bond,
        "the burn is not capacity and bond",
    ),
    Check("K-17", _has_addresses, "a payout address holds bytes that are no point"),
)


def _raised_index_max(record: Record, amount: int) -> int:
    return record.index_max + -(-amount // record.limit)


# SPEC LEDGER-9.6.8
# SPEC MICROPAY-3.13.6
def _can_top_up(case: Topping) -> bool:
    record, top_up = case.record, case.top_up
    return (
        record is not None
        and record.status == EscrowStatus.OPEN
        and case.books.time_ms <= record.expires_ms <= top_up.expires_ms <= TIME_MS_MAX
        and record.capacity + top_up.amount + record.bond <= AMOUNT_MAX
        and _raised_index_max(record, top_up.amount) <= INDEX_MAX
    )


def _is_signed_by_wallet(case: Topping) -> bool:
    if case.record is None:
        return False
    items = case.top_up.signed_items(case.books.genesis.chain_id)
    return ring.schnorr_verify("esc/topup", case.record.pay_client[:32], items, case.top_up.signature)


TOPUP_CHECKS: tuple[Check[Topping], ...] = (
    Check("K-14", lambda case: case.burn == case.top_up.amount > 0, "the burn is not the amount of the top-up"),
    Check("K-15", _can_top_up, "the escrow is not open, or the new end or sum is out of range"),
    Check("K-16", _is_signed_by_wallet, "the top-up is not signed by the client's wallet"),
)


def _read(books: Books, operation: bytes, burn: int) -> Opening | Topping:
    try:
        funding = decode_funding(operation)
    except errors.NonCanonical as error:
        raise refusal("K-01", error.detail) from error
    if isinstance(funding, Open):
        return Opening(books, funding, burn)
    known = books.get(Domain.ESCROW, funding.cid)
    return Topping(books, funding, burn, None if known is None else Record.decode(known))


def _check(case: Opening | Topping) -> None:
    if isinstance(case, Opening):
        run_checks(OPEN_CHECKS, case)
    else:
        run_checks(TOPUP_CHECKS, case)


def check_funding(books: Books, operation: bytes, burn: int) -> None:
    """Rule V-21: refuse an OPEN or TOPUP that the state does not allow; nothing changes.

    operation: as it stands in a type 3 transaction. burn: minor units. Raises, in the order of K-01 to K-17:
    EscrowRefused, EscrowExists, EscrowSignature; EscrowState for a TOPUP.  Spec: LEDGER-7.15, MICROPAY section 3.9.
    """
    _check(_read(books, operation, burn))


# SPEC LEDGER-7.15
def open_or_topup(books: Books, operation: bytes, burn: int) -> None:
    """`check_funding`, and then its effect: the burned money stands in the escrow.

    Raises as `check_funding`, then BlockFull if the block cannot take the sum.
    """
    case = _read(books, operation, burn)
    _check(case)
    # SPEC LEDGER-8.5.5
    if books.totals.escrow_in + burn > AMOUNT_MAX:
        raise errors.BlockFull("the block's sum into escrows is full")
    if isinstance(case, Opening):
        record = Record.of(case.open)
        books.put(Domain.CHANNEL_KEY, record.client_key, record.cid)
    else:
        record = _topped_up(case)
    books.put(Domain.ESCROW, record.cid, record.encode())
    books.totals.escrow_in += burn


def _topped_up(case: Topping) -> Record:
    if case.record is None:
        raise AssertionError("a top-up of nothing passed its checks")
    record, top_up = case.record, case.top_up
    record.index_max = _raised_index_max(record, top_up.amount)
    record.capacity += top_up.amount
    record.expires_ms = top_up.expires_ms
    # operations are counted for each funding anew (LEDGER-9.6.11)
    record.operations = 0
    return record
