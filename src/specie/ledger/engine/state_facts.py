"""Answers about the state: entries and key images of the window, with their proofs; supply, parameters, epochs."""

from __future__ import annotations

from specie.crypto.trees import SparseTree
from specie.kernel.db import Transaction
from specie.ledger.engine import facts
from specie.ledger.engine.chain import Chain
from specie.ledger.engine.ports import EpochEntry
from specie.ledger.engine.shown import entry_view, parameter_values
from specie.ledger.engine.tip import Tip
from specie.ledger.errors import Unknown
from specie.ledger.messages.bodies import ParameterChange
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.parameters import decode_changes
from specie.ledger.messages.receipts import Finality, SparseProof, StateReceipt, image_key, state_key
from specie.ledger.messages.state import Counters, Domain
from specie.ledger.messages.views import AmountView, EpochKeyView, KeyImageProof, Params, StateEntry, Supply
from specie.ledger.store import reading


def trees_at(chain: Chain, height: int) -> tuple[SparseTree, SparseTree]:
    """(key images, state) after a height. Raises Unknown outside of the window."""
    found = chain.trees.get(height)
    if found is None:
        raise Unknown(f"height {height} is not among the last ANCHOR_WINDOW heights")
    return found


# SPEC LEDGER-21.5.1
def state_entry(tx: Transaction, chain: Chain, height: int, domain: int, ident: bytes) -> StateEntry:
    """One entry with its proof. Raises Unknown."""
    found = _state_receipt(tx, chain, height, domain, ident)
    is_present = found.proof.kind == 1
    return StateEntry(
        height=height,
        present=is_present,
        value=found.value.hex() if is_present else None,
        view=entry_view(domain, found.value) if is_present else None,
        proof=found.proof.encode().hex(),
        receipt=found.encode().hex(),
    )


def state_receipt(tx: Transaction, chain: Chain, height: int, domain: int, ident: bytes) -> bytes:
    """`PLQ2`. Raises Unknown."""
    return _state_receipt(tx, chain, height, domain, ident).encode()


def _state_receipt(tx: Transaction, chain: Chain, height: int, domain: int, ident: bytes) -> StateReceipt:
    _, state = trees_at(chain, height)
    row = facts.block_at(tx, height)
    key = state_key(domain, ident)
    value = reading.entry(tx, domain, ident, height) if state.get(key) is not None else None
    proof = SparseProof.decode(state.prove(key))
    header, finality = Header.decode(row.header), Finality.decode(row.finality)
    return StateReceipt(header, finality, domain, ident, value or b"", proof)


def key_image(tx: Transaction, chain: Chain, height: int, image: bytes) -> KeyImageProof:
    """Whether a key image is spent at a height, with the proof. Raises Unknown."""
    images, _ = trees_at(chain, height)
    key = image_key(image)
    is_present = images.get(key) is not None
    spent = reading.spent_height(tx, image) if is_present else None
    return KeyImageProof(height=height, present=is_present, proof=images.prove(key).hex(), spent_height=spent)


# SPEC LEDGER-9.4.2
def supply(tx: Transaction, chain: Chain, genesis: Genesis, height: int) -> Supply:
    """The counters at a height. Raises Unknown."""
    found = _state_receipt(tx, chain, height, Domain.COUNTERS, b"")
    counters = Counters.decode(found.value)

    def amount(minor: int) -> AmountView:
        return AmountView.of(minor, genesis.currency, genesis.scale)

    return Supply(
        height=height,
        minted=amount(counters.minted),
        redeemed=amount(counters.paid_redeemed),
        to_accounts=amount(counters.paid_account),
        hidden=amount(counters.hidden),
        escrow_pool=amount(counters.escrow_pool),
        pending=amount(counters.pending),
        fees=amount(counters.fees),
        proof=found.encode().hex(),
    )


def parameters(tx: Transaction, tip: Tip, version: int | None) -> Params:
    """A parameter set: every change up to a version, or what is in force. Raises Unknown."""
    if version is None:
        version, values = tip.rules.parameters.version, tip.rules.parameters
    else:
        values = tip.genesis.parameters()
    rows = {row.version: row for row in reading.parameters(tx)}
    if version and version not in rows:
        raise Unknown(f"there is no version {version} of the parameters")
    if values.version != version:
        for each in rows.values():
            if each.version <= version:
                changes = decode_changes(ParameterChange.decode(Frame.decode(each.frame).body).changes)
                values = values.apply(changes, each.version)
    row = rows.get(version)
    return Params(
        version=version,
        effective_height=row.effective_height if row else 0,
        values=parameter_values(values),
        operation=row.frame.hex() if row else None,
        receipt=facts.receipt(tx, row.op_id).hex() if row else None,
    )


def epoch(tx: Transaction, tip: Tip, number: int | None) -> EpochKeyView:
    """An epoch's key and its certificate; None is the newest that is live. Raises Unknown."""
    if number is None:
        number = max(tip.rules.live, default=-1)
    entry: EpochEntry | None = next((each for each in tip.epochs if each.epoch == number), None)
    row = next((each for each in reading.epochs(tx) if each.epoch == number), None)
    if entry is None or row is None:
        raise Unknown("no such epoch, or none is live")
    return EpochKeyView(
        epoch=entry.epoch,
        suite=entry.suite,
        key_id=entry.key_id.hex(),
        pk=entry.public_key.hex(),
        start=entry.start,
        end=entry.end,
        operation=row.frame.hex(),
        receipt=facts.receipt(tx, row.op_id).hex(),
    )
