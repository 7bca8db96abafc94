"""`specie ledger`: look at the ledger, hand frames in, check proofs. Whatever is shown as checked was checked here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from specie.ledger.cli import exporting, governing, proving, redeeming
from specie.ledger.cli.desk import Desk, Money, Wrong, at_work, bytes_of, read_file, when
from specie.ledger.cli.place import Terminal
from specie.ledger.errors import Unknown
from specie.ledger.messages.bulk import BUNDLE_MAGIC
from specie.ledger.messages.frames import FRAME_MAGIC, OpType
from specie.ledger.messages.state import Counters, Domain
from specie.ledger.messages.transaction import TransactionType
from specie.ledger.messages.views import AmountView, Submitted, time_text
from specie.ledger.protocol.light import verify_receipt, verify_state_receipt
from specie.ledger.wallet.chain import Chain

ENVELOPE_MAGIC = b"PLX1"
FRAME_BYTES_MAX = 65_536 * 65
WAIT_S = 10

ledger = typer.Typer(
    help="The private ledger: blocks, proofs, supply (for whoever looks at it or runs it).\n\n"
    "Examples: specie ledger status · specie ledger supply --json",
    no_args_is_help=True,
    rich_markup_mode=None,
)
ledger.command("prove")(proving.prove)
ledger.command("verify")(proving.verify)
ledger.command("export")(exporting.export)
ledger.add_typer(redeeming.redemption, name="redemption")
ledger.add_typer(governing.govern, name="govern")


@ledger.command("status")
def status(context: typer.Context) -> None:
    """The chain and its node at a glance.

    Examples: specie ledger status · specie ledger status --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        found = await desk.ledger.status()
        shown = to_builtins(found)
        lines = [f"{name:<22} {value}" for name, value in shown.items()]
        if found.dev:
            lines.insert(0, "SANDBOX: play money; the enclave is simulated, NOT SGX")
        terminal.show(shown, "\n".join(lines))

    at_work(terminal, work)


@ledger.command("block")
def block(context: typer.Context, height: Annotated[int, typer.Argument(min=0)]) -> None:
    """A block: its header with finality, and its record, checked against each other.

    Examples: specie ledger block 0 · specie ledger block 120 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        chain = await desk.chain()
        final = await chain.header(height)
        record, header = await chain.record(final.header), final.header
        money = Money(chain.genesis.currency, chain.genesis.scale)
        totals = {name: money.plain(getattr(header.totals, name)) for name in header.totals.__slots__}
        shown: dict[str, Any] = {
            "height": header.height,
            "time": time_text(header.time_ms),
            "app_hash": header.app_hash.hex(),
            "header": header.data.hex(),
            "finality": final.finality.hex(),
            "leaves": [leaf.hex() for leaf in record.tx_leaves],
            "operations": [name_of(each.type) for each in record.operations],
            "key_images": [image.hex() for image in record.key_images],
            "outputs": len(record.outputs),
            "out_size": header.out_size,
            "totals": totals,
        }
        lines = [f"✔ block {header.height}, {when(header.time_ms)} UTC, final"]
        lines += [f"  app_hash     {header.app_hash.hex()}", f"  transactions {len(record.tx_leaves)}"]
        lines += [f"  operations   {', '.join(shown['operations']) or '–'}", f"  key images   {len(record.key_images)}"]
        lines += [f"  outputs      {len(record.outputs)} (log {header.out_size})"]
        lines += [f"  {name:<12} {each['value']}" for name, each in totals.items() if each["value"].strip("0.")]
        terminal.show(shown, "\n".join(lines))

    at_work(terminal, work)


def name_of(kind: int) -> str:
    """The family of an operation or tail."""
    return (OpType(kind) if kind in OpType.__members__.values() else TransactionType(kind)).name.lower()


@ledger.command("tx")
def transaction(
    context: typer.Context, leaf: Annotated[str, typer.Argument(help="tx_leaf or op_id, 64 digits.")]
) -> None:
    """Whether a transaction or operation took effect: its receipt, checked.

    Examples: specie ledger tx 5f…e1 · specie ledger tx 5f…e1 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        chain = await desk.chain()
        data = await desk.ledger.receipt(bytes_of(leaf, 32, "leaf"))
        show_receipt(terminal, chain, data, bytes_of(leaf, 32, "leaf"))

    at_work(terminal, work)


def show_receipt(terminal: Terminal, chain: Chain, data: bytes, leaf: bytes) -> None:
    """A receipt, checked. Raises ProofInvalid."""
    receipt = verify_receipt(chain.trusted, data, leaf)
    header = receipt.header
    shown = {"leaf": leaf.hex(), "height": header.height, "position": receipt.position, "receipt": data.hex(),
             "time": time_text(header.time_ms)}  # fmt: skip
    terminal.show(shown, f"✔ final in block {header.height} ({when(header.time_ms)} UTC), position {receipt.position}")


@ledger.command("find")
def find(
    context: typer.Context, what: Annotated[str, typer.Argument(help="A height, a leaf, an id, a key image.")]
) -> None:
    """What this number or these 64 digits are: block, submission, transaction, mint, withdrawal, escrow, key image.

    Examples: specie ledger find 120 · specie ledger find 5f…e1
    """
    terminal: Terminal = context.obj
    if what.isdecimal() and len(what) < 20:
        block(context, int(what))
        return
    ident = bytes_of(what, 32, "id")

    async def work(desk: Desk) -> None:
        chain, rows = await desk.chain(), []
        for domain in (Domain.MINT, Domain.WITHDRAWAL, Domain.ESCROW):
            entry = await chain.state(domain, ident)
            if entry.value:
                rows.append({"what": domain.name.lower(), "height": entry.header.height, "state": entry.value.hex()})
        image = await desk.ledger.prove_key_image(ident)
        if image.present:
            rows.append({"what": "key image", "height": image.spent_height, "state": "spent"})
        for what_, ask in (("submission", desk.ledger.submission), ("receipt", desk.ledger.receipt)):
            try:
                found = await ask(ident)
            except Unknown:
                continue
            if isinstance(found, Submitted):
                rows.append({"what": what_, "height": found.height, "state": found.state})
            else:
                header = verify_receipt(chain.trusted, found, ident).header
                rows.append({"what": "transaction or operation", "height": header.height, "state": "final"})
        if not rows:
            raise Unknown("nothing on this ledger has this id")
        terminal.table(rows, ("what", "height", "state"))

    at_work(terminal, work)


@ledger.command("send")
def send(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An envelope, a frame or a bundle; binary or hexadecimal.")],
) -> None:
    """Hand in what was made elsewhere. The same bytes again get the same answer.

    Examples: specie ledger send payment.plx · specie ledger send anchor.plp --no-wait
    """
    terminal: Terminal = context.obj
    data = read_file(file, FRAME_BYTES_MAX)
    wait_s = WAIT_S if terminal.flags.wait else 0

    async def work(desk: Desk) -> None:
        if data[:4] == ENVELOPE_MAGIC:
            found = [await desk.ledger.submit_envelope(data, wait_s)]
        elif data[:4] == FRAME_MAGIC:
            found = [await desk.ledger.submit_operation(data, wait_s)]
        elif data[:4] == BUNDLE_MAGIC:
            found = await desk.ledger.submit_bundle(data)
        else:
            raise Wrong(f"{file} holds no envelope, frame or bundle")
        rows = [to_builtins(each) for each in found]
        terminal.table(rows, ("id", "state", "height", "leaf", "code"))

    at_work(terminal, work)


@ledger.command("decoys")
def decoys(context: typer.Context) -> None:
    """The law that ages of decoys are drawn from, as the ledger's parameters set it.

    Examples: specie ledger decoys · specie ledger decoys --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        chain = await desk.chain()
        tip = await chain.tip()
        law = (await chain.parameters(tip.header)).decoy_law
        said = await desk.ledger.decoys()
        shown = {"version": law.version, "weights": list(law.weights), "rate_7d": said.rate_7d}
        top = max(law.weights)
        bars = [f"2^{26 * at // 40:<2} s {'█' * (40 * each // top)}" for at, each in enumerate(law.weights)]
        terminal.show(shown, "\n".join([f"version {law.version}, {said.rate_7d} outputs/s in the last 7 days", *bars]))

    at_work(terminal, work)


@ledger.command("supply")
def supply(
    context: typer.Context, height: Annotated[int | None, typer.Option(min=0, help="The newest if left out.")] = None
) -> None:
    """How much there is, proven: minted, paid out, hidden in outputs, in escrows, pending.

    Examples: specie ledger supply · specie ledger supply --height 120 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        chain = await desk.chain()
        receipt = verify_state_receipt(
            chain.trusted, await desk.ledger.state_receipt(Domain.COUNTERS, b"", height), Domain.COUNTERS, b""
        )
        found, header = Counters.decode(receipt.value), receipt.header
        genesis = chain.genesis
        names = ("minted", "paid_redeemed", "paid_account", "hidden", "escrow_pool", "pending", "fees")
        rows = {name: AmountView.of(getattr(found, name), genesis.currency, genesis.scale) for name in names}
        balanced = found.minted - found.paid_account - found.paid_redeemed == (
            found.hidden + found.escrow_pool + found.pending
        )
        shown = {name: to_builtins(each) for name, each in rows.items()}
        lines = [f"{name:<14} {each.value:>20} {each.currency}" for name, each in rows.items()]
        mark = "✔ adds up" if balanced else "✘ does not add up"
        lines.append(f"{mark}, proven under block {header.height}")
        terminal.show(shown | {"height": header.height, "balanced": balanced}, "\n".join(lines))
        if not balanced:
            raise typer.Exit(9)

    at_work(terminal, work)
