"""`specie ledger prove | verify`: proofs as files, and their check from the bytes alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.kernel.errors import Refused
from specie.ledger.cli.desk import Desk, Money, Wrong, at_work, bytes_of, read_file, write_file
from specie.ledger.cli.place import Terminal
from specie.ledger.cli.vouching import proof_json, proof_text
from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.receipts import RECEIPT_MAGIC, STATE_RECEIPT_MAGIC
from specie.ledger.messages.state import Domain
from specie.ledger.protocol.light import Trusted, verify_receipt, verify_state_receipt
from specie.ledger.wallet.proving import verify_proof

PROOF_BYTES_MAX = 1 << 20
DOMAINS = {domain.name.lower().replace("_", "-"): domain for domain in Domain}


def prove(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="tx, or a domain of the state: mint, withdrawal, escrow, anchor, …")],
    ident: Annotated[str, typer.Argument(help="The leaf or id, in hexadecimal; - for none.")],
    to: Annotated[Path | None, typer.Option(help="Write the receipt to this new file.")] = None,
    height: Annotated[int | None, typer.Option(min=0, help="Of a state entry: at this height.")] = None,
) -> None:
    """A receipt that anyone can check without a node: PLQ1 of a transaction, PLQ2 of a state entry.

    Examples: specie ledger prove tx 5f…e1 --to paid.plq · specie ledger prove escrow 77…02 --json
    """
    terminal: Terminal = context.obj
    if what != "tx" and what not in DOMAINS:
        raise Wrong(f"{what!r}: tx, or one of {', '.join(DOMAINS)}")

    async def work(desk: Desk) -> None:
        genesis = Genesis.decode(await desk.ledger.genesis())
        if what == "tx":
            data = await desk.ledger.receipt(bytes_of(ident, 32, "leaf"))
        else:
            data = await desk.ledger.state_receipt(DOMAINS[what], _ident(ident), height)
        shown, said = _checked(Trusted.of(genesis), data, b"", None, Money(genesis.currency, genesis.scale))
        if to is not None:
            write_file(to, data)
            said += f"\n  in {to}"
        terminal.show(shown | {"receipt": data.hex()}, said)

    at_work(terminal, work)


def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A receipt, or a proof of payment, receipt or reserve.")],
    challenge: Annotated[str, typer.Option(help="What you asked the maker of the proof to bind in.")] = "",
    genesis: Annotated[
        Path | None, typer.Option(help="Genesis document; else the node's, which you then trust.")
    ] = None,
    mint: Annotated[str | None, typer.Option(help="mint_id, where the output is one of a mint.")] = None,
) -> None:
    """Check a proof or a receipt. Exit code 9 if it does not hold.

    Examples: specie ledger verify paid.plv · specie ledger verify reserve.plv --challenge audit-7 --genesis g.cbor
    """
    terminal: Terminal = context.obj
    data = proof_of(read_file(file, PROOF_BYTES_MAX))

    async def work(desk: Desk) -> None:
        document = read_file(genesis, PROOF_BYTES_MAX) if genesis else await desk.ledger.genesis()
        known = Genesis.decode(document)
        mint_id = None if mint is None else bytes_of(mint, 32, "mint_id")
        money = Money(known.currency, known.scale)
        try:
            shown, said = _checked(Trusted.of(known), data, challenge.encode(), mint_id, money)
        except ProofInvalid:
            raise
        except Refused as refusal:
            raise ProofInvalid(f"{file} is no proof: {refusal.detail}") from refusal
        terminal.show({"ok": True, **shown}, said)

    at_work(terminal, work)


def proof_of(data: bytes) -> bytes:
    """The proof itself, also out of the JSON document that another command showed."""
    if not data.lstrip().startswith(b"{"):
        return data
    try:
        shown = json.loads(data)
        return bytes.fromhex(shown.get("proof") or shown["receipt"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Wrong("the document holds no member `proof` or `receipt`") from None


def _checked(
    trusted: Trusted, data: bytes, challenge: bytes, mint_id: bytes | None, money: Money
) -> tuple[dict[str, Any], str]:
    """What a proof says, if it holds: for programs, and in words. Raises ProofInvalid, NonCanonical."""
    if data[:4] == RECEIPT_MAGIC:
        receipt = verify_receipt(trusted, data)
        shown: dict[str, Any] = {"kind": "receipt", "leaf": receipt.leaf.hex(), "height": receipt.header.height}
        return shown, f"✔ {receipt.leaf.hex()} took effect in block {receipt.header.height}"
    if data[:4] == STATE_RECEIPT_MAGIC:
        entry = verify_state_receipt(trusted, data)
        name = Domain(entry.domain).name.lower()
        shown = {"kind": "state", "domain": name, "id": entry.ident.hex(), "value": entry.value.hex() or None}
        there = "stands" if entry.value else "does not stand"
        said = f"✔ the {name} entry {entry.ident.hex()} {there} in the state of block {entry.header.height}"
        return shown | {"height": entry.header.height}, said
    found = verify_proof(trusted, data, challenge, mint_id)
    return proof_json(found, money), f"✔ {proof_text(found, money)}"


def _ident(text: str) -> bytes:
    if text == "-":
        return b""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Wrong(f"{text!r} is no id in hexadecimal") from None
