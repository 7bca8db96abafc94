"""The owner's check of a mint: the units verify, the mint is final, and the outputs found add up to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.kernel.db import Database
from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.outputs import ctx_mint
from specie.ledger.messages.state import Domain, MintState, MintStatus
from specie.ledger.protocol.light import verify_operation
from specie.ledger.wallet.chain import Chain
from specie.ledger.wallet.errors import MintDiffers
from specie.ledger.wallet.store import outputs


@dataclass(frozen=True, slots=True)
class CheckedMint:
    """A mint that was found whole."""

    mint_id: bytes
    height: int
    value: int
    numbers: tuple[int, ...]
    """Global indices of its outputs that are ours and worth something."""


# SPEC LEDGER-9.1.17, ISSUANCE-13.2.10
async def check_mint(database: Database, chain: Chain, mint_id: bytes, units: int) -> CheckedMint:
    """Check a mint after a scan. mint_id: the unit root; units: what the units add up to, minor units.

    Whether the units themselves verify is checked by the wallet of the issuance room before.
    Raises ProofInvalid (not final, or cancelled), MintDiffers.
    """
    receipt = await chain.state(Domain.MINT, mint_id)
    if not receipt.value:
        raise ProofInvalid("the ledger knows no such mint")
    state = MintState.decode(receipt.value)
    if state.status != MintStatus.MINTED:
        raise ProofInvalid("this mint was cancelled")
    found = await database.read(lambda tx: outputs.of_context(tx, ctx_mint(chain.chain_id, mint_id)))
    ours = [each for each in found if each.status == outputs.OURS]
    total = sum(each.value for each in ours)
    if total != units or state.value != units:
        raise MintDiffers(
            "the outputs of the mint do not add up to its units; the signed mint is evidence",
            found=total,
            units=units,
            minted=state.value,
        )
    return CheckedMint(mint_id, state.height, total, tuple(each.number for each in ours if each.value))


def check_mint_frame(chain: Chain, frame: bytes, receipt: bytes, owners: Sequence[bytes]) -> Mint:
    """The mint that the issuance system names, final and for one of these owners. Raises ProofInvalid.

    owners: SHA-256 of the wallet's addresses. frame and receipt: as the issuance system hands them over.
    """
    verify_operation(chain.trusted, receipt, frame)
    opened = Frame.decode(frame)
    if opened.type != OpType.MINT or opened.chain_id != chain.chain_id:
        raise ProofInvalid("the operation is no mint of this ledger")
    mint = Mint.decode(opened.body)
    if mint.owner not in owners:
        raise ProofInvalid("the mint is for another owner")
    return mint
