"""What goes over HTTP between rooms beside signed objects: arrays in the canonical encoding (BANK section 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specie.bank.errors import BankRefusal, BankUnavailable, Malformed, TooLarge, refusal_class, unavailable_class
from specie.bank.messages.accounts import AccountState, AccountType, AccountView
from specie.bank.messages.holds import Burn, BurnState, Hold, HoldState, Outgoing, OutState
from specie.bank.messages.pool import Pool
from specie.bank.messages.postings import Kind, Leg, Order, Receipt, Side
from specie.kernel import codec

CBOR = "application/cbor"
COSE = "application/cose"
BODY_BYTES_MAX = 4 * 2**20
ORDERS_MAX = 1_000


def encode(value: Any) -> bytes:
    return codec.encode(value)


def decode(data: bytes, fields: int | None = None) -> Any:
    """A value, an array of so many fields where that is said. Raises TooLarge, Malformed."""
    try:
        value: Any = codec.decode(data, bytes_max=BODY_BYTES_MAX)
    except codec.TooLarge as error:
        raise TooLarge(error.detail) from error
    except (codec.Malformed, codec.NonCanonical) as error:
        raise Malformed(error.detail) from error
    if fields is not None and (not isinstance(value, list) or len(value) != fields):
        raise Malformed(f"an array of {fields} expected")
    return value


def check(value: Any, kind: type) -> Any:
    """Raises Malformed for another type; a bool is no integer."""
    if type(value) is not kind:
        raise Malformed(f"{kind.__name__} expected")
    return value


def pack_order(order: Order) -> list[Any]:
    legs = [[leg.account, int(leg.side), leg.amount] for leg in order.legs]
    return [str(order.kind), order.ref, legs, order.memo, order.hold]


def unpack_order(value: Any) -> Order:
    """Raises Malformed."""
    try:
        kind, ref, legs, memo, hold = value
        lines = tuple(Leg(check(a, str), Side(check(side, int)), check(n, int)) for a, side, n in legs)
        return Order(Kind(kind), check(ref, bytes), lines, check(memo, bytes), check(hold, bytes))
    except (TypeError, ValueError) as error:
        raise Malformed("not an order") from error


def unpack_orders(data: bytes) -> list[Order]:
    """Raises TooLarge, Malformed."""
    value = decode(data)
    if not isinstance(value, list):
        raise Malformed("an array of orders expected")
    if len(value) > ORDERS_MAX:
        raise TooLarge(f"at most {ORDERS_MAX} orders at a time")
    return [unpack_order(item) for item in value]


def pack_receipt(receipt: Receipt) -> list[Any]:
    head = [receipt.posting, receipt.at_s, str(receipt.kind), receipt.ref]
    return [*head, receipt.hash, receipt.over_limit]


def unpack_receipt(value: Any) -> Receipt:
    posting, at_s, kind, ref, digest, over = value
    return Receipt(posting, at_s, Kind(kind), ref, digest, over)


Answer = Receipt | BankRefusal | BankUnavailable


def pack_answers(answers: Sequence[Answer]) -> bytes:
    """[[0, receipt] | [status, code, detail], ...]"""
    return encode([_pack_answer(answer) for answer in answers])


def _pack_answer(answer: Answer) -> list[Any]:
    if isinstance(answer, Receipt):
        return [0, pack_receipt(answer)]
    return [answer.status, answer.code, answer.detail]


def unpack_answers(data: bytes) -> list[Answer]:
    return [_unpack_answer(item) for item in decode(data)]


def _unpack_answer(item: Any) -> Answer:
    if item[0] == 0:
        return unpack_receipt(item[1])
    status, code, detail = item
    return unavailable_class(code)(detail) if status == 503 else refusal_class(code)(detail)


def pack_hold(hold: Hold) -> bytes:
    return encode([hold.ref, hold.account, hold.amount, hold.until_s, int(hold.state), hold.captured])


def unpack_hold(data: bytes) -> Hold:
    ref, account, amount, until_s, state, captured = decode(data, 6)
    return Hold(ref, account, amount, until_s, HoldState(state), captured)


def pack_account(view: AccountView) -> bytes:
    head = [view.id, view.currency, str(view.type), view.owner, int(view.state), view.tier, view.balance, view.held]
    return encode([*head, view.wallet_key, view.opened_s, view.closed_s, view.coins_blocked])


def unpack_account(data: bytes) -> AccountView:
    ident, currency, kind, owner, state, *rest = decode(data, 12)
    return AccountView(ident, currency, AccountType(kind), owner, AccountState(state), *rest)


def pack_outgoing(row: Outgoing) -> bytes:
    head = [row.id, row.account, row.currency, row.amount, row.fee, row.address]
    return encode([*head, int(row.state), row.at_s, row.detail])


def unpack_outgoing(data: bytes) -> Outgoing:
    ident, account, currency, amount, fee, address, state, at_s, detail = decode(data, 9)
    return Outgoing(ident, account, currency, amount, fee, address, OutState(state), at_s, detail)


def pack_burn(row: Burn) -> bytes:
    head = [row.withdraw_ref, row.token, row.account, row.currency, row.amount]
    return encode([*head, int(row.state), row.at_s, row.frame, row.detail])


def unpack_burn(data: bytes) -> Burn:
    reference, token, account, currency, amount, state, at_s, frame, detail = decode(data, 9)
    return Burn(reference, token, account, currency, amount, BurnState(state), at_s, frame, detail)


def pack_pool(pool: Pool) -> bytes:
    terms = [pool.reserve, pool.issued, pool.accounts, pool.coins, pool.transit]
    return encode([pool.currency, *terms, pool.size, pool.hash, pool.at_s])


def unpack_pool(data: bytes) -> Pool:
    return Pool(*decode(data, 9))
