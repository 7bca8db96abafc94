"""`bank.api.Chain` over a ledger: the node is asked, never trusted (LEDGER-13.1)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.ledger.api import Ledger
from specie.ledger.messages.frames import op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.receipts import PRESENT
from specie.ledger.messages.state import AnchorState, Domain, WithdrawalState, anchor_ident
from specie.ledger.protocol.light import Trusted, verify_operation, verify_state_receipt

FINAL_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class LedgerChain:
    """One chain, under the genesis document that the bank pins."""

    genesis: Genesis
    ledger: Ledger

    @property
    def chain_id(self) -> bytes:
        return self.genesis.chain_id

    @property
    def currency(self) -> str:
        return self.genesis.currency

    async def height(self) -> int:
        return (await self.ledger.status()).height

    # SPEC BANK-3.3
    async def withdrawal(self, reference: bytes) -> WithdrawalState | None:
        """What the state says of a withdrawal, proven. Raises ProofInvalid."""
        data = await self.ledger.state_receipt(Domain.WITHDRAWAL, reference)
        found = verify_state_receipt(Trusted.of(self.genesis), data, Domain.WITHDRAWAL, reference)
        return WithdrawalState.decode(found.value) if found.proof.kind == PRESENT else None

    async def submit(self, frame: bytes) -> bool:
        """Send an operation; True once it is final and proven. Raises what the ledger refuses, ProofInvalid."""
        answer = await self.ledger.submit_operation(frame, FINAL_WITHIN_S)
        if answer.state != "final":
            return False
        verify_operation(Trusted.of(self.genesis), await self.ledger.receipt(op_id(frame)), frame)
        return True

    # SPEC BANK-2.9
    async def anchored(self, topic: int, source: str) -> tuple[int, bytes] | None:
        """(size, root) of the last anchor of a log, proven. Raises ProofInvalid."""
        ident = anchor_ident(topic, source)
        data = await self.ledger.state_receipt(Domain.ANCHOR, ident)
        found = verify_state_receipt(Trusted.of(self.genesis), data, Domain.ANCHOR, ident)
        if found.proof.kind != PRESENT:
            return None
        state = AnchorState.decode(found.value)
        return state.size, state.root
