"""Proofs that wallets make hold for their reader, and for nobody else's question."""

from __future__ import annotations

import pytest

from ledger.wallet.town import Town, in_town
from specie.ledger.errors import FundsInsufficient, NonCanonical, ProofInvalid, Unknown, ViewOnly
from specie.ledger.messages.proofs import PaymentProof, ProofKind, ReceiveProof, ReserveProof
from specie.ledger.wallet.proving import WARNINGS, verify_proof
from specie.ledger.wallet.wallet import create


# SPEC LEDGER-13.2, LEDGER-13.5
@in_town
async def test_a_payment_proof_shows_what_was_paid_to_whom(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    paid = await alice.pay(bob.address(0, 3), 250)
    proof = await alice.prover.prove_payment(paid.id)
    found = verify_proof(bob.chain.trusted, proof.encode(), b"")
    assert isinstance(found, PaymentProof)
    assert (found.value, found.address) == (250, bob.address(0, 3))
    assert proof.place.logged.height == paid.height
    spoiled = bytearray(proof.encode())
    spoiled[-120] ^= 1
    with pytest.raises((ProofInvalid, NonCanonical)):
        verify_proof(bob.chain.trusted, bytes(spoiled), b"")
    with pytest.raises(Unknown):
        await alice.prover.prove_payment(bytes(16))


@in_town
async def test_a_receive_proof_answers_one_challenge(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    await alice.pay(bob.address(), 250)
    await bob.sync()
    (owned,) = [each for each in await bob.outputs() if each.value]
    proof = await bob.prover.prove_receive(owned.number, b"court-7")
    found = verify_proof(alice.chain.trusted, proof.encode(), b"court-7")
    assert isinstance(found, ReceiveProof)
    assert (found.value, found.address) == (250, bob.address())
    with pytest.raises(ProofInvalid):
        verify_proof(alice.chain.trusted, proof.encode(), b"court-8")
    with pytest.raises(ProofInvalid):
        await bob.prover.prove_receive(owned.number, b"")
    with pytest.raises(Unknown):
        await bob.prover.prove_receive(0, b"court-7")


@in_town
async def test_a_reserve_proof_opens_the_sum_of_unspent_outputs(town: Town) -> None:
    alice = await town.rich("alice")
    proof = await alice.prover.prove_reserve(b"audit", 2000)
    found = verify_proof(alice.chain.trusted, proof.encode(), b"audit")
    assert isinstance(found, ReserveProof)
    assert found.total == 2500
    with pytest.raises(ProofInvalid):
        verify_proof(alice.chain.trusted, proof.encode(), b"other")
    with pytest.raises(FundsInsufficient):
        await alice.prover.prove_reserve(b"audit", 2501)
    seeing = await create(town.database(), town.world(), alice.reveal_view())
    await seeing.sync()
    with pytest.raises(ViewOnly):
        await seeing.prover.prove_reserve(b"audit")


def test_every_kind_of_proof_has_its_warning() -> None:
    assert set(WARNINGS) == set(ProofKind)
    assert "not by whom" in WARNINGS[ProofKind.PAYMENT]
    assert "recognises the later spends" in WARNINGS[ProofKind.RESERVE]
