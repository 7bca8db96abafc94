"""What a verifier must reject, rows B-01 to B-04: points and scalars that are not what they should be (LEDGER-15)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from ledger import makers
from ledger.adversary.channels import channel
from ledger.adversary.court import court, good
from ledger.adversary.encodings import (
    IDENTITY,
    POINT_FIELDS,
    SCALAR_FIELDS,
    STUB_FIELDS,
    bad_points,
    bad_scalars,
    spoiled,
)
from ledger.adversary.workshop import Forgery, Wish
from oracle.ledger import ristretto
from oracle.ledger.ristretto import P, encode
from oracle.ledger.transaction import FUND, WITHDRAW
from specie.crypto.transactions import verify_range_proofs
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.outputs import Output
from specie.ledger.messages.parameters import Parameter

POINT = ("point_invalid", "V-10")
SCALAR = ("scalar_invalid", "V-11")


@cache
def withdrawal() -> Forgery:
    """A withdrawal that is good as far as V-14."""
    here = court()
    ref = b"\x5a" * 32
    stub = here.house.random.bytes(227)
    points = [encode(ristretto.base(number)) for number in (7001, 7002)]
    wish = Wish(type=WITHDRAW, burn=5, extra=ref + b"".join(points) + stub[64:])
    return here.forge(1, wish).pretend()


def mint_with(mint: Mint, **changes: object) -> bytes:
    """The frame of a spoiled mint, which its issuer signs all the same."""
    here = court()
    return makers.signed_frame(OpType.MINT, here.chain_id, replace(mint, **changes), "is:unit", here.height + 900).data


def fresh_mint() -> Mint:
    here = court()
    here.mints += 1
    return Mint.decode(Frame.decode(here.house.mint(here.owner, here.mints)).body)


def spoiled_mints(words: list[bytes]) -> list[bytes]:
    """Every point of a mint, replaced by each of these."""
    mint = fresh_mint()
    found = []
    for word in words:
        first = mint.outputs[0].data
        for at in (0, 32, 64):
            output = Output(first[:at] + word + first[at + 32 :])
            found.append(mint_with(mint, outputs=(output, *mint.outputs[1:])))
        found.append(mint_with(mint, kernel=word))
    return found


def openings(words: list[bytes]) -> list[bytes]:
    """OPEN with each of these as one of the six keys of its payout addresses."""
    here = court()
    made, coin = channel(here, "addresses"), here.take(1)
    good_open = made.opening().encode()
    wish = Wish(type=FUND, fee=2, burn=made.burn, extra=good_open, values=(1, 2))
    forgery = here.workshop().forge(coin, wish).pretend()
    assert here.judge(forgery.seal()) == [("balance", "V-15")]
    found = []
    for word in words:
        for at in range(len(good_open) - 192, len(good_open), 32):
            forgery.public.extra = good_open[:at] + word + good_open[at + 32 :]
            found.append(forgery.seal())
    return found


# SPEC LEDGER-15.2, LEDGER-7.12
@pytest.mark.parametrize("field", POINT_FIELDS)
def test_b_01_encodings_that_are_no_point(field: str) -> None:
    court().refuses_all(list(spoiled(good(), {field: POINT_FIELDS[field]}, bad_points())), {POINT})


# SPEC LEDGER-15.2, LEDGER-7.12
def test_b_01_in_refund_stubs() -> None:
    assert court().judge(withdrawal().seal()) == [("ring_glue", "V-16")]
    court().refuses_all(list(spoiled(withdrawal(), STUB_FIELDS, bad_points())), {POINT})


# SPEC LEDGER-15.2, LEDGER-9.1.13
def test_b_01_in_mints() -> None:
    court().refuses_all(spoiled_mints(bad_points()), {("point_invalid", "M-13")})


# SPEC LEDGER-15.2, LEDGER-9.6.7
def test_b_01_in_payout_addresses() -> None:
    court().refuses_all(openings(bad_points()), {("escrow_refused", "K-17")})


# SPEC LEDGER-15.2, LEDGER-9.8.4
def test_b_01_in_the_fee_address() -> None:
    pay = court().owner.pay
    found = []
    for word in [*bad_points(), IDENTITY]:
        for at in (0, 32, 64):
            change = {Parameter.FEE_ADDRESS: pay[:at] + word + pay[at + 32 :]}
            found.append(makers.change(court().chain_id, 1, court().height + 5, change).data)
    court().refuses_all(found, {("params_value", "P-4")})


# SPEC LEDGER-15.2, LEDGER-7.22
def test_b_01_in_range_proofs() -> None:
    """A, A1, B, and the points of every round: the signature covers the proof, so the core is asked by itself."""
    forgery = good()
    context, proof = forgery.proof_context, forgery.public.range_proof
    commitments = b"".join(output[32:64] for output in forgery.public.outputs)
    places = [33, 65, 97, *range(193, len(proof), 32)]
    bad = [
        (commitments, proof[:at] + word + proof[at + 32 :], context)
        for at in places
        for word in [*bad_points(), IDENTITY]
    ]
    assert verify_range_proofs([(commitments, proof, context), *bad]) == [True] + [False] * len(bad)


# SPEC LEDGER-15.3, LEDGER-7.12
def test_b_02_the_identity() -> None:
    court().refuses_all(list(spoiled(good(), POINT_FIELDS, [IDENTITY])), {POINT})
    court().refuses_all(list(spoiled(withdrawal(), STUB_FIELDS, [IDENTITY])), {POINT})


# SPEC LEDGER-15.3, LEDGER-9.1.13
def test_b_02_the_identity_in_mints_and_addresses() -> None:
    court().refuses_all(spoiled_mints([IDENTITY]), {("point_invalid", "M-13")})
    court().refuses_all(openings([IDENTITY]), {("escrow_refused", "K-17")})


# SPEC LEDGER-15.4
def test_b_03_torsion_gives_no_second_key_image() -> None:
    """In this group a point and the point plus torsion are one element with one encoding, so spent stays spent."""
    here = court()
    (coin,) = here.take(1)
    purse = here.as_purse(coin)
    here.accepts(here.house.spend(purse, purse.coins, [(purse.pay, 5)]).envelope)
    image = ristretto.decode(coin.image)
    torsion = [(0, 1, 1, 0), (0, P - 1, 1, 0), (ristretto.SQRT_M1, 0, 1, 0), (P - ristretto.SQRT_M1, 0, 1, 0)]
    assert {encode(ristretto.add(image, point)) for point in torsion} == {coin.image}
    forgery = good().copy()
    forgery.public.images[0] = encode(ristretto.add(image, torsion[1]))
    here.refuses(forgery.seal(), "key_image_spent", "V-9")


# SPEC LEDGER-15.5, LEDGER-7.13
@pytest.mark.parametrize("name", SCALAR_FIELDS)
def test_b_04_scalars_above_the_order(name: str) -> None:
    at = SCALAR_FIELDS[name]
    old = good().private.signatures[0][at : at + 32]
    items = [good().copy().put(0, at, word).seal() for word in bad_scalars(old)]
    court().refuses_all(items, {SCALAR})


# SPEC LEDGER-15.5, LEDGER-9.1.14
def test_b_04_in_the_kernel_proof_of_a_mint() -> None:
    mint = fresh_mint()
    point, answer = mint.kernel_proof[:32], mint.kernel_proof[32:]
    items = [mint_with(mint, kernel_proof=point + word) for word in bad_scalars(answer)]
    court().refuses_all(items, {("mint_kernel", "M-14")})


# SPEC LEDGER-15.5, LEDGER-7.22
def test_b_04_in_range_proofs() -> None:
    """d, r and s of the proof; one of each is signed again, so that nothing else is wrong."""
    items = []
    for at in (1, 129, 161):
        forgery = good().copy()
        proof = forgery.public.range_proof
        forgery.public.range_proof = proof[:at] + bad_scalars(proof[at : at + 32])[0] + proof[at + 32 :]
        items.append(forgery.sign().seal())
    court().refuses_all(items, {("range_proof", "V-18")})
