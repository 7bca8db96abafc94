"""`specie wallet pay | send | withdraw`: what moves money. Each has a key, so that running it again is safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from specie.ledger.cli.desk import Desk, Money, Wrong, at_work, money_of
from specie.ledger.cli.place import Terminal
from specie.ledger.cli.showing import payment_json, payment_text
from specie.ledger.errors import ConsentMissing
from specie.ledger.messages.address import Address
from specie.ledger.wallet.building import Wish
from specie.ledger.wallet.memos import WORDS_BYTES_MAX
from specie.ledger.wallet.store.payments import SENT, Payment
from specie.ledger.wallet.wallet import Wallet

T = TypeVar("T")
PATIENCE_S = 60

Which = Annotated[str | None, typer.Option("--wallet", help="Which wallet; the only one, or that of --as.")]
Account = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Account that pays.")]
Merge = Annotated[bool, typer.Option("--merge", help="Join what different people paid you; it shows they paid one.")]
Words = Annotated[str, typer.Option(help="A few words for the payee, sealed to him.")]


def _check_words(words: str) -> None:
    if len(words.encode()) > WORDS_BYTES_MAX:
        raise Wrong(f"--words has at most {WORDS_BYTES_MAX} bytes")


def pay(
    context: typer.Context,
    to: Annotated[str, typer.Argument(help="An address, or the name of a contact.")],
    amount: Annotated[str, typer.Argument(help="Like 12 or 12.50.")],
    words: Words = "",
    which: Which = None,
    account: Account = 0,
    merge: Merge = False,
) -> None:
    """Pay one payee, privately: nobody but you and the payee sees who paid whom, or how much.

    Examples: specie wallet pay alice 12.50 · specie wallet pay speciel1… 3 --words "for the bread"
    """
    terminal: Terminal = context.obj
    _check_words(words)

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        payee, minor = await wallet.payee(to), money_of(wallet).parse(amount)
        wish = wallet.wish([(payee, minor, words)], account=account)
        await carry_out(desk, wallet, wish, f"to {short(payee)}", merge=merge)

    at_work(terminal, work)


def send(
    context: typer.Context,
    payees: Annotated[list[str], typer.Argument(help="ADDRESS=AMOUNT or CONTACT=AMOUNT, up to fifteen.")],
    words: Words = "",
    which: Which = None,
    account: Account = 0,
    merge: Merge = False,
) -> None:
    """Pay several payees in one transaction, with one fee.

    Examples: specie wallet send alice=5 bob=7.50 · specie wallet send speciel1…=1 alice=2 --words wages
    """
    terminal: Terminal = context.obj
    _check_words(words)
    if not 1 <= len(payees) <= 15:
        raise Wrong("one transaction pays 1 to 15 payees")

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        items = [await _item(wallet, each, words) for each in payees]
        wish = wallet.wish(items, account=account)
        await carry_out(desk, wallet, wish, f"to {len(items)} payees", merge=merge)

    at_work(terminal, work)


async def _item(wallet: Wallet, said: str, words: str) -> tuple[Address, int, str]:
    to, equals, amount = said.rpartition("=")
    if not equals:
        raise Wrong(f"{said!r}: ADDRESS=AMOUNT is meant")
    return await wallet.payee(to), money_of(wallet).parse(amount), words


def withdraw(
    context: typer.Context,
    bank: Annotated[str, typer.Argument(help="The bank's system id.")],
    bank_account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account there.")],
    amount: Annotated[str, typer.Argument(help="Like 12 or 12.50.")],
    which: Which = None,
    account: Account = 0,
    merge: Merge = False,
) -> None:
    """Move value from the ledger to a bank account. If the bank refuses, it comes back by itself.

    Examples: specie wallet withdraw bank-1 alice 100 · specie wallet withdraw bank-1 DE02… 20.50 --account 1
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        money = money_of(wallet)
        minor = money.parse(amount)
        await wallet.sync(desk.progress)
        if terminal.flags.dry_run:
            terminal.show({"amount": money.plain(minor)}, f"would withdraw {money.words(minor)} to {bank}")
            return
        key = key_of(desk)
        terminal.confirm(f"Withdraw {money.words(minor)} to {bank_account} at {bank}?")
        payment, token = await consented(
            terminal,
            lambda allowed: wallet.withdraw(minor, bank, bank_account, account=account, key=key, merge=allowed),
            merge=merge,
        )
        payment = await followed(desk, wallet, payment)
        shown = payment_json(payment, [], money) | {"token": token.token.hex(), "salt": token.salt.hex()}
        said = (
            f"{payment_text(payment, [], money)}\n  tell the bank: token {token.token.hex()}, salt {token.salt.hex()}"
        )
        terminal.show(shown, said)

    at_work(terminal, work)


async def carry_out(desk: Desk, wallet: Wallet, wish: Wish, where: str, *, merge: bool) -> None:
    """Ask, pay, follow, show."""
    terminal, money = desk.terminal, money_of(wallet)
    await wallet.sync(desk.progress)
    if terminal.flags.dry_run:
        fee = await consented(terminal, lambda allowed: wallet.dry_run(wish, merge=allowed), merge=merge)
        shown = {"amount": money.plain(wish.amount), "fee": money.plain(fee)}
        terminal.show(shown, f"would pay {money.words(wish.amount)} {where}, fee {money.words(fee)}")
        return
    key = key_of(desk)
    terminal.confirm(_question(wish, money, where))
    payment = await consented(terminal, lambda allowed: wallet.carry_out(wish, key, merge=allowed), merge=merge)
    payment = await followed(desk, wallet, payment)
    _, payees = await wallet.payment(payment.id.hex())
    terminal.show(payment_json(payment, payees, money), payment_text(payment, payees, money))


def _question(wish: Wish, money: Money, where: str) -> str:
    """Every confirmation says who will see what (UX principle 6)."""
    return (
        f"Pay {money.words(wish.amount)} {where}? You and the payee see the amount; verification nodes see a ring of"
        " possible sources, the public neither."
    )


def key_of(desk: Desk) -> str:
    """The idempotency key of this call, told before anything is sent."""
    terminal = desk.terminal
    key = terminal.flags.idempotency_key or desk.new_key()
    terminal.note(f"key of this call: {key}")
    return key


# SPEC LEDGER-10.7
async def consented(terminal: Terminal, act: Callable[[bool], Awaitable[T]], *, merge: bool) -> T:
    """Do it; where outputs of different people would be joined, ask first."""
    try:
        return await act(merge)
    except ConsentMissing as refusal:
        if refusal.facts.get("why") != "merge" or terminal.flags.no_input:
            raise
        terminal.confirm("This joins what different people paid you: nodes see that it was one wallet. Go on?")
    return await act(True)


async def followed(desk: Desk, wallet: Wallet, payment: Payment) -> Payment:
    """Wait for the end, unless --no-wait. Raises PaymentInDoubt when patience is over."""
    if payment.state == SENT and desk.terminal.flags.wait:
        desk.terminal.event("sent", "on its way; Ctrl-C stops waiting, not the payment", id=payment.id.hex())
        payment = await wallet.follow(payment, int(desk.terminal.flags.timeout_s or PATIENCE_S))
    return payment


def short(address: Address) -> str:
    """An address as it is recognised, not as it is copied."""
    return f"{address.text[:20]}…{address.text[-8:]}"
