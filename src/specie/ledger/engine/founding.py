"""Block 0: what a chain is before anybody has done anything. Spec: LEDGER-8.6."""

from __future__ import annotations

from dataclasses import dataclass

from specie.crypto import merkle
from specie.crypto.trees import OutputTable, SparseTree
from specie.kernel.db import Transaction
from specie.ledger.engine.closing import IdentityBroken
from specie.ledger.messages.genesis import START_OUTPUTS, Genesis, start_outputs
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import mask_start
from specie.ledger.messages.receipts import state_key, value_hash
from specie.ledger.messages.record import BlockRecord, BlockTotals, ProofsSegment, record_hash
from specie.ledger.messages.state import (
    Counters,
    Domain,
    EnclaveState,
    ParametersState,
    enclave_ident,
)
from specie.ledger.protocol.equation import IDENTITY, Sides, is_balanced
from specie.ledger.store.blocks import BlockRows, write_block, write_genesis

ZERO = bytes(32)


@dataclass(frozen=True, slots=True)
class Founding:
    """Block 0, to be signed and written."""

    chain_id: bytes
    app_hash: bytes
    document: bytes
    rows: BlockRows

    def write(self, tx: Transaction, finality: bytes) -> None:
        """Write the genesis document and block 0."""
        write_genesis(tx, self.chain_id, self.document)
        write_block(tx, self.rows, finality)


# SPEC LEDGER-8.6.3
def found(genesis: Genesis) -> Founding:
    """Make block 0 of a chain. Raises IdentityBroken, never for a genesis document that decoded."""
    chain_id = genesis.chain_id
    made = start_outputs(chain_id)
    entries = _entries(genesis, len(made))
    table, state = OutputTable(), SparseTree()
    table.append([(each.class_, 0, each.output.data) for each in made])
    state.update([(state_key(domain, ident), value_hash(value)) for domain, ident, value in entries])
    record = BlockRecord(0, public_outputs=made).encode()
    proofs = ProofsSegment(0).encode()
    header = Header(
        chain_id,
        0,
        genesis.time_ms,
        ZERO,
        merkle.root([]),
        table.root(),
        len(made),
        SparseTree().root(),
        state.root(),
        record_hash(record),
        record_hash(proofs),
        BlockTotals(),
        0,
        ZERO,
        0,
        0,
    )
    masks = [mask_start(chain_id, class_, number) for class_ in (0, 1) for number in range(START_OUTPUTS)]
    # SPEC LEDGER-8.4.1
    if not is_balanced(Sides(IDENTITY, (), masks, [each.output.C for each in made], 0, 0, 0, 0, 0)):
        raise IdentityBroken("block 0 does not balance")
    rows = BlockRows(0, genesis.time_ms, header.app_hash, header.data, record, proofs, len(made))
    rows.outputs = [(index, each.class_, 0, each.output.data) for index, each in enumerate(made)]
    rows.points = [(point,) for each in made for point in (each.output.R, each.output.P)]
    rows.entries = [(int(domain), ident, 0, value) for domain, ident, value in entries]
    return Founding(chain_id, header.app_hash, genesis.encode(), rows)


def _entries(genesis: Genesis, outputs: int) -> list[tuple[int, bytes, bytes]]:
    """The state of block 0: parameters without a change, keys, enclaves, counters."""
    entries: list[tuple[int, bytes, bytes]] = [
        (Domain.PARAMETERS, b"", ParametersState().encode()),
        (Domain.COUNTERS, b"", Counters(outputs=outputs).encode()),
    ]
    entries += [(Domain.AUTHORITY, entry.kid, entry.encode()) for entry in genesis.authorities]
    entries += [
        (
            Domain.ENCLAVE,
            enclave_ident(each.index),
            EnclaveState(each.key, each.measurement, each.quote_hash).encode(),
        )
        for each in genesis.enclaves.admitted
    ]
    return entries
