"""`specie wallet proof`: what a holder can prove to somebody, and what that gives away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from specie.ledger.cli.desk import Desk, Money, Wrong, at_work, money_of, write_file
from specie.ledger.cli.place import Terminal
from specie.ledger.messages.proofs import PaymentProof, ProofKind, ReceiveProof, ReserveProof
from specie.ledger.wallet.proving import WARNINGS

Which = Annotated[str | None, typer.Option("--wallet", help="Which wallet; the only one, or that of --as.")]
Challenge = Annotated[str, typer.Option(help="What the reader of the proof chose, so that nobody else can show it.")]
To = Annotated[Path | None, typer.Option(help="Write the proof to this new file; else it is shown in hexadecimal.")]

proof = typer.Typer(
    help="Proofs of a payment, of a receipt, of a reserve. Check them with specie ledger verify FILE.\n\n"
    "Examples: specie wallet proof payment 0192f3 --to paid.plv · specie wallet proof reserve --challenge audit-7",
    no_args_is_help=True,
    rich_markup_mode=None,
)
AnyProof = PaymentProof | ReceiveProof | ReserveProof


def proof_json(made: AnyProof, money: Money) -> dict[str, Any]:
    """What a proof says, for programs."""
    value: dict[str, Any] = {"height": made.header.height, "chain_id": made.header.chain_id.hex()}
    if isinstance(made, ReserveProof):
        value |= {"kind": "reserve", "amount": money.plain(made.total), "outputs": len(made.items)}
        return value
    kind = "payment" if isinstance(made, PaymentProof) else "receive"
    value |= {"kind": kind, "amount": money.plain(made.value), "address": made.address.text}
    return value | {"index": made.place.index, "made_at": made.place.logged.height}


def proof_text(made: AnyProof, money: Money) -> str:
    """What a proof says, for people."""
    if isinstance(made, ReserveProof):
        return f"its maker holds {money.words(made.total)} in {len(made.items)} outputs at block {made.header.height}"
    verb = "was paid to" if isinstance(made, PaymentProof) else "was received at"
    return f"{money.words(made.value)} {verb} {made.address.text} in block {made.place.logged.height}"


# SPEC LEDGER-13.5
def hand_out(desk: Desk, made: AnyProof, kind: ProofKind, to: Path | None, money: Money) -> None:
    """Show a proof, or write it to a file."""
    data = made.encode()
    shown = proof_json(made, money) | {"warning": WARNINGS[kind]}
    if to is not None:
        write_file(to, data)
        desk.terminal.show(shown | {"file": str(to)}, f"✔ {proof_text(made, money)}\n  in {to}")
        return
    desk.terminal.show(shown | {"proof": data.hex()}, data.hex())


def warned(desk: Desk, kind: ProofKind) -> None:
    """Say what the proof gives away, before it is made. Raises Usage, Declined."""
    desk.terminal.confirm(f"{WARNINGS[kind]} Make it?")


@proof.command("payment")
def payment(
    context: typer.Context,
    ident: Annotated[str, typer.Argument(help="Beginning of the payment's id.")],
    place: Annotated[int | None, typer.Option(min=0, help="Which payee, if there are several.")] = None,
    to: To = None,
    which: Which = None,
) -> None:
    """That a payment was made: address, amount and output. It does not show by whom.

    Examples: specie wallet proof payment 0192f3 --to paid.plv · specie wallet proof payment 0192f3 --place 1 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        await wallet.sync(desk.progress)
        found, _ = await wallet.payment(ident)
        warned(desk, ProofKind.PAYMENT)
        made = await wallet.prover.prove_payment(found.id, place)
        hand_out(desk, made, ProofKind.PAYMENT, to, money_of(wallet))

    at_work(terminal, work)


@proof.command("receive")
def receive(
    context: typer.Context,
    index: Annotated[int, typer.Argument(min=0, help="Index of the output, as the history shows it.")],
    challenge: Challenge,
    to: To = None,
    which: Which = None,
) -> None:
    """That an output was paid to an address of this wallet.

    Examples: specie wallet proof receive 1042 --challenge court-7 · specie wallet proof receive 9 --challenge x --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        await wallet.sync(desk.progress)
        warned(desk, ProofKind.RECEIVE)
        made = await wallet.prover.prove_receive(index, challenge_of(challenge))
        hand_out(desk, made, ProofKind.RECEIVE, to, money_of(wallet))

    at_work(terminal, work)


@proof.command("reserve")
def reserve(
    context: typer.Context,
    challenge: Challenge,
    amount: Annotated[str | None, typer.Option(help="At least so much; all that is there if left out.")] = None,
    to: To = None,
    which: Which = None,
) -> None:
    """That this wallet holds so much now. Its reader will recognise when these outputs are spent.

    Examples: specie wallet proof reserve --challenge audit-7 · specie wallet proof reserve --challenge a --amount 100
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        money = money_of(wallet)
        await wallet.sync(desk.progress)
        warned(desk, ProofKind.RESERVE)
        least = None if amount is None else money.parse(amount)
        made = await wallet.prover.prove_reserve(challenge_of(challenge), least)
        hand_out(desk, made, ProofKind.RESERVE, to, money)

    at_work(terminal, work)


def challenge_of(text: str) -> bytes:
    """The bytes of a challenge."""
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise Wrong("a challenge has 1 to 255 bytes")
    return data
