"""All routes of a bank. CBOR between rooms, JSON for people, COSE for issuance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Router, get, post
from litestar.params import FromPath

from specie.bank.engine.bank import BankEngine
from specie.bank.engine.orders import ALLOWED
from specie.bank.errors import AccountUnknown, Malformed, NotPermitted, TooLarge
from specie.bank.messages import wire
from specie.bank.messages.accounts import AccountView
from specie.bank.messages.holds import Outgoing
from specie.bank.messages.postings import Kind
from specie.bank.protocol.statements import to_csv, to_json
from specie.bank.service.answering import (
    ANY_ROOM,
    CBOR,
    COSE,
    JSON,
    Answer,
    Answered,
    Http,
    account_json,
    amount_of,
    answer_json,
    check_owner,
    check_staff,
    fields_of,
    key_of,
    room_of,
    unhex,
)
from specie.issuance.api import Registration
from specie.kernel.amount import format_minor

Digits = Mapping[str, int]


def bank_routes(bank: BankEngine, digits: Digits) -> list[Any]:
    """`/bank`, below the prefix of the service. digits: decimal places by currency, for amounts in JSON."""
    routes = [
        *account_routes(bank, digits),
        *statement_routes(bank, digits),
        *payment_routes(bank, digits),
        *room_routes(bank),
        *registry_routes(bank),
    ]
    return [Router("/bank", route_handlers=routes)]


async def owned(request: Http, bank: BankEngine, account: str) -> AccountView:
    """An account, for its owner and the staff: NotPermitted comes before AccountUnknown, so nobody learns names."""
    try:
        view = await bank.account(account)
    except AccountUnknown:
        check_staff(request)
        raise
    check_owner(request, view)
    return view


def account_routes(bank: BankEngine, digits: Digits) -> list[Any]:
    """Accounts, for their owners and the staff."""

    @post("/accounts", status_code=200, opt={"consumes": JSON})
    async def post_account(request: Http) -> Answered:
        """Open an account: id, currency, owner, optionally wallet_key in hex. For the staff."""
        check_staff(request)
        ident, currency, owner, key = await fields_of(request, "id", "currency", "owner", "wallet_key")
        view = await bank.accounts.open(ident, currency, owner, unhex(key))
        return answer_json(account_json(view, digits.get(currency, 0)))

    @get("/accounts")
    async def get_accounts(request: Http) -> Answered:
        """All accounts, for the staff."""
        check_staff(request)
        return answer_json([account_json(view, digits.get(view.currency, 0)) for view in await bank.accounts.all()])

    @get("/accounts/{account:str}")
    async def get_account(request: Http, account: FromPath[str]) -> Answered:
        """One account, for its owner and the staff; in CBOR for rooms."""
        if request.headers.get("accept") == CBOR:
            room_of(request)
            return Answer(wire.pack_account(await bank.account(account)))
        view = await owned(request, bank, account)
        return answer_json(account_json(view, digits.get(view.currency, 0)))

    @post("/accounts/{account:str}/freeze", status_code=200, opt={"consumes": JSON})
    async def post_freeze(request: Http, account: FromPath[str]) -> Answered:
        """Stop its debits: reason, person. For the staff."""
        check_staff(request)
        view = await bank.accounts.freeze(account, *await fields_of(request, "reason", "person"))
        return answer_json(account_json(view, digits.get(view.currency, 0)))

    @post("/accounts/{account:str}/unfreeze", status_code=200, opt={"consumes": JSON})
    async def post_unfreeze(request: Http, account: FromPath[str]) -> Answered:
        """Let it go: reason, person, second. For the staff."""
        check_staff(request)
        view = await bank.accounts.unfreeze(account, *await fields_of(request, "reason", "person", "second"))
        return answer_json(account_json(view, digits.get(view.currency, 0)))

    @post("/accounts/{account:str}/close", status_code=200, opt={"consumes": JSON})
    async def post_close(request: Http, account: FromPath[str]) -> Answered:
        """Close it for ever: reason, person. For the staff."""
        check_staff(request)
        view = await bank.accounts.close(account, *await fields_of(request, "reason", "person"))
        return answer_json(account_json(view, digits.get(view.currency, 0)))

    @get("/accounts/{account:str}/address")
    async def get_address(request: Http, account: FromPath[str]) -> Answered:
        """The ledger address whose outputs are credited to the account."""
        await owned(request, bank, account)
        return answer_json({"address": (await bank.arrivals.address(account)).hex()})

    return [post_account, get_accounts, get_account, post_freeze, post_unfreeze, post_close, get_address]


def statement_routes(bank: BankEngine, digits: Digits) -> list[Any]:
    """Statements, and what the books add up to."""

    @get("/accounts/{account:str}/statement")
    async def get_statement(request: Http, account: FromPath[str]) -> Answered:
        """A period that has ended, `from` and `to` in seconds since 1970; CSV or JSON by `Accept`."""
        await owned(request, bank, account)
        said = [request.query_params.get(name, "") for name in ("from", "to")]
        if not all(text.isdecimal() and len(text) < 12 for text in said):
            raise Malformed("from and to are seconds since 1970")
        found, word = await bank.statements.statement(account, int(said[0]), int(said[1]))
        places = digits.get(found.currency, 0)
        if request.headers.get("accept", "").startswith("text/csv"):
            return Answer(to_csv(found, places), "text/csv; charset=utf-8")
        return Answer(to_json(found, places, word), JSON)

    @get("/pool/{currency:str}")
    async def get_pool(currency: FromPath[str]) -> Answered:
        """The terms of the supply equation that this bank knows, with the place of its journal."""
        return Answer(wire.pack_pool(await bank.pool(currency)))

    return [get_statement, get_pool]


def outgoing_json(row: Outgoing, digits: int) -> dict[str, Any]:
    return {
        "ref": row.id.hex(),
        "account": row.account,
        "amount": format_minor(row.amount, digits),
        "fee": format_minor(row.fee, digits),
        "state": row.state.name.lower(),
        "detail": row.detail,
    }


def payment_routes(bank: BankEngine, digits: Digits) -> list[Any]:
    """What customers do with their money. Each call needs an `Idempotency-Key`."""

    @post("/transfers", status_code=200, opt={"consumes": JSON})
    async def post_transfer(request: Http) -> Answered:
        """To another account of this bank: from, to, amount, optionally memo (a hash in hex)."""
        payer, payee, text, memo = await fields_of(request, "from", "to", "amount", "memo")
        view = await owned(request, bank, payer)
        amount = amount_of(text, digits.get(view.currency, 0))
        receipt = await bank.transfer(key_of(request), payer, payee, amount, unhex(memo))
        said = {"posting": receipt.posting, "hash": receipt.hash.hex(), "ref": receipt.ref.hex()}
        return answer_json({**said, "at": receipt.at_s})

    @post("/payouts", status_code=200, opt={"consumes": JSON})
    async def post_payout(request: Http) -> Answered:
        """To a ledger address: account, address in hex, amount."""
        account, address, text = await fields_of(request, "account", "address", "amount")
        view = await owned(request, bank, account)
        places = digits.get(view.currency, 0)
        row = await bank.pay_out(key_of(request), account, unhex(address), amount_of(text, places))
        return answer_json(outgoing_json(row, places))

    @get("/payouts/{ref:str}")
    async def get_payout(request: Http, ref: FromPath[str]) -> Answered:
        """How far a pay-out has come."""
        row = await bank.payouts.show(unhex(ref))
        await owned(request, bank, row.account)
        return answer_json(outgoing_json(row, digits.get(row.currency, 0)))

    @post("/withdrawals", status_code=200, opt={"consumes": JSON})
    async def post_withdrawal(request: Http) -> Answered:
        """A burn on the ledger for an account: account, salt in hex; its own id, so no key."""
        account, salt = await fields_of(request, "account", "salt")
        view = await owned(request, bank, account)
        row = await bank.claim(account, unhex(salt))
        said = {"ref": row.withdraw_ref.hex(), "state": row.state.name.lower(), "detail": row.detail}
        return answer_json({**said, "amount": format_minor(row.amount, digits.get(view.currency, 0))})

    return [post_transfer, post_payout, get_payout, post_withdrawal]


def check_orders(room: str, kinds: set[Kind]) -> str:
    """The room to order as. Raises NotPermitted."""
    if room != ANY_ROOM:
        return room
    fit = next((name for name, allowed in ALLOWED.items() if kinds <= allowed), None)
    if fit is None:
        raise NotPermitted("no room may order these kinds together")
    return fit


def room_routes(bank: BankEngine) -> list[Any]:
    """What other rooms ask (mutual TLS)."""

    @post("/orders", status_code=200, request_max_body_size=wire.BODY_BYTES_MAX, opt={"consumes": CBOR})
    async def post_orders(request: Http) -> Answered:
        """Up to 1,000 debits and credits; an answer in each place."""
        orders = wire.unpack_orders(await request.body())
        room = check_orders(room_of(request), {order.kind for order in orders})
        return Answer(wire.pack_answers(await bank.post_many(orders, room=room)))

    @post("/holds", status_code=200, opt={"consumes": CBOR})
    async def post_hold(request: Http) -> Answered:
        """[ref, account, minor units, until]"""
        room_of(request)
        ref, account, amount, until = wire.decode(await request.body(), 4)
        held = (wire.check(ref, bytes), wire.check(account, str), wire.check(amount, int), wire.check(until, int))
        return Answer(wire.pack_hold(await bank.hold(*held)))

    @post("/holds/{ref:str}/capture", status_code=200, opt={"consumes": CBOR})
    async def post_capture(request: Http, ref: FromPath[str]) -> Answered:
        """[kind, minor units]"""
        said, amount = wire.decode(await request.body(), 2)
        kind = next((each for each in Kind if each == said), None)
        if kind is None:
            raise Malformed("no such kind")
        room = check_orders(room_of(request), {kind})
        receipt = await bank.capture(unhex(ref), kind, wire.check(amount, int), room=room)
        return Answer(wire.encode(wire.pack_receipt(receipt)))

    @post("/holds/{ref:str}/release", status_code=200)
    async def post_release(request: Http, ref: FromPath[str]) -> Answered:
        """Let a hold go."""
        room_of(request)
        return Answer(wire.pack_hold(await bank.release(unhex(ref))))

    @post("/accounts/{account:str}/licence", status_code=200, opt={"consumes": CBOR})
    async def post_licence(request: Http, account: FromPath[str]) -> Answered:
        """[ref, tier, until, coins blocked]"""
        if room_of(request) not in ("ecash", ANY_ROOM):
            raise NotPermitted("licences are kept by the room of the coins")
        ref, tier, until, blocked = wire.decode(await request.body(), 4)
        said = (wire.check(ref, bytes), account, wire.check(tier, int), wire.check(until, int))
        return Answer(wire.pack_account(await bank.licence(*said, coins_blocked=wire.check(blocked, bool))))

    return [post_orders, post_hold, post_capture, post_release, post_licence]


REGISTRY_BYTES_MAX = 65_536


def registry_routes(bank: BankEngine) -> list[Any]:
    """Account money (BANK section 6): the objects are signed, so anybody may bring them."""

    @post("/registry/issues", status_code=200, request_max_body_size=REGISTRY_BYTES_MAX, opt={"consumes": CBOR})
    async def post_issue(request: Http) -> Answered:
        """[cti, bit, dc-acct, unit root, currency, minor units]; answers the `bank-rcpt`."""
        cti, bit, order, root, currency, amount = wire.decode(await _body(request), 6)
        octets = (wire.check(cti, bytes), wire.check(bit, bytes), wire.check(order, bytes), wire.check(root, bytes))
        asked = Registration(*octets, wire.check(currency, str), wire.check(amount, int))
        return Answer(await bank.money.register(asked), COSE)

    @post("/registry/cancels", status_code=200, request_max_body_size=REGISTRY_BYTES_MAX, opt={"consumes": CBOR})
    async def post_cancel(request: Http) -> Answered:
        """[dc-cancel, bit]; answers the `bank-rcpt`."""
        cancel, bit = wire.decode(await _body(request), 2)
        return Answer(await bank.money.cancel(wire.check(cancel, bytes), wire.check(bit, bytes)), COSE)

    @get("/registry/{unit_root:str}")
    async def get_root(unit_root: FromPath[str]) -> Answered:
        """[] or [`bank-rcpt`]: what became of a root."""
        found = await bank.money.receipt(unhex(unit_root))
        return Answer(wire.encode([] if found is None else [found]))

    @get("/supply/{currency:str}")
    async def get_supply(currency: FromPath[str]) -> Answered:
        """The balance of `issued`, minor units."""
        return Answer(wire.encode(await bank.money.supply(currency)))

    return [post_issue, post_cancel, get_root, get_supply]


async def _body(request: Http) -> bytes:
    data = await request.body()
    if len(data) > REGISTRY_BYTES_MAX:
        raise TooLarge(f"at most {REGISTRY_BYTES_MAX} bytes")
    return data
