"""The start of a node: log and trees are built again from the rows, and must give the last header. ADR 0011."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from specie.crypto.trees import SparseTree
from specie.kernel.db import Transaction
from specie.ledger.engine.chain import Chain
from specie.ledger.engine.next_rules import with_next_rules
from specie.ledger.engine.ports import EpochEntry
from specie.ledger.engine.tip import HEIGHTS_KEPT, LogAt, Rules, Tip, entry_of_epoch
from specie.ledger.errors import StoreDamaged
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.bodies import EpochKeyOp, ParameterChange
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.parameters import Parameters, decode_changes
from specie.ledger.messages.receipts import image_key, state_key, value_hash
from specie.ledger.messages.state import AuthorityEntry, Counters, Domain, WithdrawalState
from specie.ledger.protocol.state import ScheduledChange
from specie.ledger.protocol.supply import Held, held_after
from specie.ledger.store import reading
from specie.ledger.store.reading import BlockRow


def load(genesis: Genesis, chain: Chain) -> Tip:
    """The tip of the chain in the database; fills `chain`. Raises StoreDamaged."""
    return chain.database.read_now(lambda tx: _load(tx, genesis, chain))


def _load(tx: Transaction, genesis: Genesis, chain: Chain) -> Tip:
    document, last = reading.genesis(tx), reading.last_block(tx)
    if document != genesis.encode() or last is None:
        raise StoreDamaged("the database holds another chain, or none")
    header = Header.decode(last.header)
    if header.app_hash != last.app_hash:
        raise StoreDamaged("the last header does not have its app_hash")
    _load_log(tx, chain)
    changes = [_change(row.frame, row.op_id) for row in reading.parameters(tx)]
    parameters = _in_force(genesis, changes, header.height)
    images, state = _load_trees(tx, chain, header, parameters.anchor_window)
    _load_heights(tx, chain, header)
    authority = {kid: AuthorityEntry.decode(value) for kid, value in reading.entries_of(tx, Domain.AUTHORITY)}
    held_entries: list[tuple[int, bytes, bytes]] = [
        (domain, ident, value)
        for domain in (Domain.WITHDRAWAL, Domain.ESCROW)
        for ident, value in reading.entries_of(tx, domain)
    ]
    chain.append((), _stub_points(held_entries))
    counters = reading.entry(tx, Domain.COUNTERS, b"")
    if (chain.table.root(), chain.table.size()) != (header.out_root, header.out_size):
        raise StoreDamaged("the outputs do not give the out_root of the last header")
    if counters is None:
        raise StoreDamaged("there are no counters")
    rules = own_rules(header, parameters, changes, authority)
    tip = Tip(
        genesis,
        genesis.chain_id,
        header,
        last.app_hash,
        last.finality,
        images,
        state,
        rules,
        tuple(_epoch(row.frame, row.height) for row in reading.epochs(tx)),
        Counters.decode(counters),
        held_after(Held(), ((domain, None, value) for domain, _, value in held_entries)),
    )
    return with_next_rules(tip, ())


def _load_log(tx: Transaction, chain: Chain) -> None:
    for entries in reading.all_outputs(tx):
        chain.append(entries, ())


def _load_trees(tx: Transaction, chain: Chain, header: Header, window: int) -> tuple[SparseTree, SparseTree]:
    """Both trees as they stood when the window begins, then height by height to the tip."""
    base = max(0, header.height - window)
    images, state = SparseTree(), SparseTree()
    for chunk in reading.key_images_until(tx, base):
        images.update([(image_key(image), value_hash(put_u64(height))) for image, height in chunk])
    state.update(
        [(state_key(domain, ident), value_hash(value)) for domain, ident, value in reading.entries_until(tx, base)]
    )
    spent = {
        height: [image for _, image in rows]
        for height, rows in groupby(reading.key_images(tx, base + 1, header.height), key=lambda row: row[0])
    }
    changed = {
        height: [(domain, ident, value) for _, domain, ident, value in rows]
        for height, rows in groupby(reading.entries_above(tx, base), key=lambda row: row[0])
    }
    for row in _heights(tx, base, header.height):
        if row.height in spent:
            images = images.clone()
            value = value_hash(put_u64(row.height))
            images.update([(image_key(image), value) for image in spent[row.height]])
        if row.height in changed:
            state = state.clone()
            state.update(
                [(state_key(domain, ident), value_hash(value)) for domain, ident, value in changed[row.height]]
            )
        at = Header.decode(row.header)
        if (images.root(), state.root()) != (at.ki_root, at.state_root):
            raise StoreDamaged(f"key images or entries do not give the roots of height {row.height}")
        chain.trees[row.height] = (images, state)
    return images, state


def _heights(tx: Transaction, first: int, last: int) -> Iterator[BlockRow]:
    while rows := reading.blocks(tx, first, 1000):
        yield from rows
        first = rows[-1].height + 1
        if first > last:
            return


def _load_heights(tx: Transaction, chain: Chain, header: Header) -> None:
    for row in _heights(tx, max(0, header.height - HEIGHTS_KEPT + 1), header.height):
        at = Header.decode(row.header)
        chain.log_at[row.height] = LogAt(at.out_size, at.out_root)


def _stub_points(entries: list[tuple[int, bytes, bytes]]) -> list[bytes]:
    """R and P of every refund stub: reserved for ever, whatever became of the withdrawal (LEDGER-9.3.6)."""
    stubs = [WithdrawalState.decode(value).stub for domain, _, value in entries if domain == Domain.WITHDRAWAL]
    return [point for stub in stubs for point in (stub.R, stub.P)]


def _change(frame: bytes, op_id: bytes) -> ScheduledChange:
    body = ParameterChange.decode(Frame.decode(frame).body)
    return ScheduledChange(body.version, op_id, body.effective_height, decode_changes(body.changes))


def _epoch(frame: bytes, height: int) -> EpochEntry:
    return entry_of_epoch(EpochKeyOp.decode(Frame.decode(frame).body), height)


def _in_force(genesis: Genesis, changes: list[ScheduledChange], height: int) -> Parameters:
    """The parameters of the block of this height."""
    parameters = genesis.parameters()
    for change in sorted(changes, key=lambda each: (each.effective_height, each.version)):
        if change.effective_height <= height:
            parameters = parameters.apply(change.changes, max(parameters.version, change.version))
    return parameters


def own_rules(
    header: Header,
    parameters: Parameters,
    changes: list[ScheduledChange],
    authority: dict[bytes, AuthorityEntry],
) -> Rules:
    """The rules of the last block, as far as the next ones follow from them."""
    scheduled = parameters
    pending = tuple(change for change in changes if change.effective_height > header.height)
    for change in pending:
        scheduled = scheduled.apply(change.changes, change.version)
    last = max((change.effective_height for change in changes), default=0)
    return Rules(header.height, parameters, scheduled, authority, frozenset(), 0, bytes(32), {}, pending, last)
