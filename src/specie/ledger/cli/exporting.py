"""`specie ledger export`: a chain as files, for whoever checks it on his own machine with tools/ledger_verify.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from specie.ledger.api import Ledger
from specie.ledger.cli.desk import Desk, Wrong, at_work
from specie.ledger.cli.place import Terminal
from specie.ledger.errors import NotAvailable, ProofInvalid, Pruned, Unknown
from specie.ledger.messages.header import HEADER_BYTES, Header
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.record import record_hash
from specie.ledger.protocol.light import verify_finality
from specie.ledger.wallet.chain import Chain, Final

GENESIS_FILE = "genesis.cbor"
HEADERS_AT_ONCE = 200


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where the files go; goes on with what is there already.")],
    last: Annotated[int | None, typer.Option(min=0, help="Up to this height; to the tip if left out.")] = None,
) -> None:
    """Write the chain down, each block checked on the way: genesis.cbor, then HEIGHT.header, .record and .proofs.

    Check it with: python tools/ledger_verify.py blocks FOLDER.

    Examples: specie ledger export chain · specie ledger export chain --last 1000 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        document = await desk.ledger.genesis()
        chain = await desk.chain()
        _open_folder(folder, document)
        first, before = _standing(folder, chain)
        tip = (await chain.tip()).header.height
        end = tip if last is None else min(last, tip)
        kept = 0
        height = first
        while height <= end:
            finals = await chain.headers(height, min(HEADERS_AT_ONCE, end + 1 - height), before)
            if not finals:
                break
            for final in finals:
                kept += await write_block(desk.ledger, chain, folder, final)
                before, height = final.header, final.header.height + 1
            terminal.event("export", f"wrote block {height - 1} of {end}", height=height - 1, last=end)
        shown = {"folder": str(folder), "chain_id": chain.chain_id.hex(), "first": first, "height": height - 1,
                 "blocks": height - first, "proofs": kept}  # fmt: skip
        said = f"✔ {height - first} blocks written, {kept} with proofs; {folder} holds the chain to block {height - 1}"
        terminal.show(shown, f"{said}\n  check it with: python tools/ledger_verify.py blocks {folder}")

    at_work(terminal, work)


def _open_folder(folder: Path, document: bytes) -> None:
    """Raises Wrong for a folder that holds another chain."""
    known = folder / GENESIS_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not known.exists():
            _write(known, document)
        elif known.read_bytes() != document:
            raise Wrong(f"{folder} holds another chain than this node's")
    except OSError as error:
        raise Wrong(f"{folder} cannot be used ({error.strerror})") from error


def _standing(folder: Path, chain: Chain) -> tuple[int, Header | None]:
    """The first height that is missing, and the header before it. Raises ProofInvalid."""
    height = 0
    while _file(folder, height, "header").exists():
        height += 1
    if height == 0:
        return 0, None
    data = _file(folder, height - 1, "header").read_bytes()
    header = Header.decode(data[:HEADER_BYTES])
    verify_finality(chain.trusted, header, Finality.decode(data[HEADER_BYTES:]))
    if header.height != height - 1:
        raise ProofInvalid(f"{height - 1}.header is the header of another block")
    return height, header


async def write_block(ledger: Ledger, chain: Chain, folder: Path, final: Final) -> bool:
    """One block's files, the header last: where it stands the block is whole. True where the proofs were kept.

    A header of a longer line is final by the one that ends it; in a file it stands alone, so it is checked alone.
    """
    header = final.header
    verify_finality(chain.trusted, header, Finality.decode(final.finality))
    record = await ledger.block(header.height)
    if record_hash(record) != header.record_hash:
        raise ProofInvalid("the block record is not the one that its header names")
    _write(_file(folder, header.height, "record"), record)
    try:
        proofs = await ledger.block_proofs(header.height)
    except (Unknown, Pruned, NotAvailable):
        # a node that is no archive has let old ones go, and a strict chain keeps them to itself (LEDGER-8.2)
        proofs = b""
    if proofs:
        if record_hash(proofs) != header.proofs_hash:
            raise ProofInvalid("the proofs segment is not the one that its header names")
        _write(_file(folder, header.height, "proofs"), proofs)
    _write(_file(folder, header.height, "header"), header.data + final.finality)
    return bool(proofs)


def _file(folder: Path, height: int, kind: str) -> Path:
    return folder / f"{height}.{kind}"


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, whenever the program ends. Raises Wrong."""
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    except OSError as error:
        raise Wrong(f"{path} cannot be written ({error.strerror})") from error
