"""The owner's check: the mint is final, and what was found adds up to the units."""

from __future__ import annotations

import pytest

from ledger import makers
from ledger.wallet.town import WAIT_S, Town, in_town
from specie.ledger.errors import ProofInvalid
from specie.ledger.wallet.errors import MintDiffers
from specie.ledger.wallet.minting import check_mint_frame


# SPEC LEDGER-9.1.17, ISSUANCE-13.2.10
@in_town
async def test_a_mint_is_checked_against_its_units(town: Town) -> None:
    alice, bob = await town.wallet("alice"), await town.wallet("bob")
    mint_id = await town.mint(alice, (1000, 2), (500, 1))
    await alice.sync()
    found = await alice.check_mint(mint_id, 2500)
    assert (found.value, len(found.numbers)) == (2500, 2)
    with pytest.raises(MintDiffers) as fault:
        await alice.check_mint(mint_id, 2501)
    assert fault.value.facts == {"found": 2500, "units": 2501, "minted": 2500}
    with pytest.raises(ProofInvalid):
        await alice.check_mint(bytes(32), 2500)
    await bob.sync()
    with pytest.raises(MintDiffers):
        await bob.check_mint(mint_id, 2500)


@in_town
async def test_a_mint_frame_is_for_one_owner(town: Town) -> None:
    from ledger.engine.house import Purse

    alice = await town.wallet("alice")
    frame = town.house.mint(Purse(alice._keys), 1)
    answer = await town.engine.submit_operation(frame, WAIT_S)
    assert answer.leaf is not None
    receipt = await town.engine.receipt(bytes.fromhex(answer.leaf))
    owner = alice.address().owner
    assert check_mint_frame(alice.chain, frame, receipt, [owner]).value == 2500
    with pytest.raises(ProofInvalid):
        check_mint_frame(alice.chain, frame, receipt, [bytes(32)])
    other = makers.anchor(town.house.chain_id, 1, 1).data
    with pytest.raises(ProofInvalid):
        check_mint_frame(alice.chain, other, receipt, [owner])
