"""What a verifier must reject, rows B-10 to B-14: value from nothing, keys twice, false payments (LEDGER-15)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from hashlib import sha256

import pytest

from ledger.adversary.court import court, good
from ledger.adversary.range_prover import Prover, digits_of
from ledger.adversary.workshop import Forgery, Wish
from ledger.test_bad_inputs import withdrawal
from ledger.wallet.forger import Forger
from ledger.wallet.town import Drawer, Town, seed_of
from oracle.ledger import outputs as out
from oracle.ledger import ristretto
from oracle.ledger.hashes import VALUE_BASE
from oracle.ledger.outputs import Address, Fields
from oracle.ledger.ristretto import encode
from oracle.ledger.transaction import TRANSFER, WITHDRAW
from specie.crypto.transactions import verify_range_proofs
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kms.api import KeyUri
from specie.ledger.errors import PayeeHostile
from specie.ledger.messages.outputs import OutputKind
from specie.ledger.wallet.seeds import Vault
from specie.ledger.wallet.wallet import Surroundings, Wallet, create

BURN = ("burn_rule", "V-20")
BALANCE = ("balance", "V-15")
RANGE = ("range_proof", "V-18")
REUSED = ("output_key_reused", "V-12")
TOP = 2**62 - 1


# -- B-10 -----------------------------------------------------------------------------------------------------


# SPEC LEDGER-15.11, LEDGER-7.19
@pytest.mark.parametrize("more", [1, -1, 2**32, -500])
def test_b_10_sums_that_differ(more: int) -> None:
    """Signed, and with commitments that open to exactly these values."""
    here = court()
    (coin,) = here.take(1)
    rest = coin.value - 1
    forgery = here.workshop().forge([coin], Wish(values=(rest - 300 + more, 300))).sign()
    here.refuses(forgery.seal(), *BALANCE)


# SPEC LEDGER-15.11, LEDGER-7.5, LEDGER-6.1.4
@pytest.mark.parametrize(
    ("kind", "fee", "burn", "refusal"),
    [
        (TRANSFER, TOP + 1, 0, BURN),
        (TRANSFER, 2**64 - 1000, 0, BURN),
        (TRANSFER, TOP, 0, BALANCE),
        (WITHDRAW, 1, TOP + 1, BURN),
        (WITHDRAW, 1, 2**64 - 1000, BURN),
        (WITHDRAW, 2**63, 2**63, BURN),
        (WITHDRAW, 1, 0, BURN),
        (WITHDRAW, TOP, TOP, BALANCE),
    ],
)
def test_b_10_fees_and_burns_that_wrap(kind: int, fee: int, burn: int, refusal: tuple[str, str]) -> None:
    """The outputs hold what would be right if 64 bits were all that is looked at."""
    here = court()
    (coin,) = here.take(1)
    total = (coin.value - fee - burn) % (1 << 64)
    extra = withdrawal().public.extra if kind == WITHDRAW else b""
    wish = Wish(type=kind, fee=fee, burn=burn, extra=b"\x10" * 32 * bool(extra) + extra[32:], values=(total - 7, 7))
    here.refuses(here.workshop().forge([coin], wish).sign().seal(), *refusal)


# -- B-11 -----------------------------------------------------------------------------------------------------


# SPEC LEDGER-15.12, LEDGER-7.22
@pytest.mark.parametrize("value", [-1, 2**64])
def test_b_11_values_outside_64_bits(value: int) -> None:
    """Balanced, signed, and proven by a prover that takes digits which are no bits."""
    here = court()
    (coin,) = here.take(1)
    forgery = here.workshop().forge([coin], Wish(values=(coin.value - 1 - value, value)))
    here.refuses(forgery.prove().sign().seal(), *RANGE)


@cache
def proofs() -> list[bytes]:
    """Proofs for one statement by provers that prove something else, each of the right length."""
    forgery = good()
    values, masks = [made.value for made in forgery.made], [made.mask for made in forgery.made]
    commitments = [Fields.of(output).C for output in forgery.public.outputs]
    digits = [digits_of(value) for value in values]
    swapped = Prover(commitments[::-1], digits[::-1], masks[::-1], forgery.proof_context).prove()
    # four times 32 bits have as many digits as twice 64; the second half commits to zeros
    zeros = [encode(out.commit(0, 5))] * 2
    short = [digits_of(value, 32) for value in values]
    halves = Prover(commitments + zeros, [*short, *[[0] * 32] * 2], [*masks, 5, 5], forgery.proof_context, 32).prove()
    other = court().built().public.range_proof
    return [swapped, halves, other, other[:33] + forgery.public.range_proof[33:]]


# SPEC LEDGER-15.12, LEDGER-7.22, LEDGER-2.5
@pytest.mark.parametrize("which", ["order swapped", "half of the bits", "of another transaction", "another's d"])
def test_b_11_proofs_of_something_else(which: str) -> None:
    names = ["order swapped", "half of the bits", "of another transaction", "another's d"]
    forgery = good().copy()
    forgery.public.range_proof = proofs()[names.index(which)]
    assert len(forgery.public.range_proof) == len(good().public.range_proof)
    court().refuses(forgery.sign().seal(), *RANGE)


# SPEC LEDGER-15.12, LEDGER-7.22
@pytest.mark.parametrize("length", [0, 1, 609, 640, 642, 705, 769])
def test_b_11_proofs_of_another_length(length: int) -> None:
    forgery = good().copy()
    forgery.public.range_proof = forgery.public.range_proof.ljust(length, b"\0")[:length]
    court().refuses(forgery.sign().seal(), *RANGE)


# SPEC LEDGER-15.12, LEDGER-7.22
def test_b_11_every_word_of_a_proof_counts() -> None:
    forgery = good()
    commitments = [Fields.of(output).C for output in forgery.public.outputs]
    proof, context = forgery.public.range_proof, forgery.proof_context
    claims = [(b"".join(commitments), proof, context)]
    claims += [(b"".join(commitments), _flip(proof, at), context) for at in range(0, len(proof), 8)]
    claims += [(b"".join(commitments), proof, _flip(context, at)) for at in range(64)]
    claims += [(b"".join(commitments[::-1]), proof, context), (commitments[0] * 2, proof, context)]
    assert verify_range_proofs(claims) == [True] + [False] * (len(claims) - 1)


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# -- B-12 -----------------------------------------------------------------------------------------------------


def _known(name: str) -> Callable[[Forgery], None]:
    """A key of an output of the log, a start output and one of ours, in the place of P or R."""

    def put(forgery: Forgery) -> None:
        forgery.change_output(0, **{name: getattr(Fields.of(court().members()[129][2]), name)})

    return put


def _start(name: str) -> Callable[[Forgery], None]:
    def put(forgery: Forgery) -> None:
        forgery.change_output(0, **{name: getattr(Fields.of(court().members()[3][2]), name)})

    return put


def _crossed(forgery: Forgery) -> None:
    """An R of the log as a P."""
    forgery.change_output(1, P=Fields.of(court().members()[129][2]).R)


def _twice_p(forgery: Forgery) -> None:
    forgery.change_output(1, P=Fields.of(forgery.public.outputs[0]).P)


def _p_is_r(forgery: Forgery) -> None:
    forgery.change_output(1, P=Fields.of(forgery.public.outputs[0]).R)


# SPEC LEDGER-15.13, LEDGER-7.14, LEDGER-4.4.1
@pytest.mark.parametrize(
    "spoil",
    [_known("P"), _known("R"), _start("P"), _start("R"), _crossed, _twice_p, _p_is_r],
    ids=["P", "R", "P of a start output", "R of a start output", "R as P", "P twice", "P is R"],
)
def test_b_12_output_keys_that_are_on_the_ledger(spoil: Callable[[Forgery], None]) -> None:
    forgery = good().copy()
    spoil(forgery)
    court().refuses(forgery.seal(), *REUSED)


# SPEC LEDGER-15.13, LEDGER-7.9
def test_b_12_two_equal_outputs() -> None:
    forgery = good().copy()
    forgery.public.outputs = [forgery.public.outputs[0]] * 2
    court().refuses(forgery.seal(), "output_order", "V-8")
    backwards = good().copy()
    backwards.public.outputs = backwards.public.outputs[::-1]
    court().refuses(backwards.seal(), "output_order", "V-8")


# SPEC LEDGER-15.13, LEDGER-7.14
def test_b_12_the_keys_of_a_stub() -> None:
    """Those of its own stub, of a start output, and of each other."""
    own, known, same = withdrawal().copy(), withdrawal().copy(), withdrawal().copy()
    extra = own.public.extra
    own.change_output(0, P=extra[32:64])
    known.public.extra = extra[:32] + Fields.of(court().members()[3][2]).P + extra[64:]
    same.public.extra = extra[:64] + extra[32:64] + extra[96:]
    court().refuses_all([each.seal() for each in (own, known, same)], {REUSED})


# SPEC LEDGER-15.13, LEDGER-7.14
def test_b_12_the_same_keys_twice_in_a_block() -> None:
    """Two good transactions of the same maker with one n: whoever comes second must take another."""
    here = court()
    one, other = here.take(2)
    shop = here.workshop()
    drafts = [shop.forge([coin], Wish(values=(coin.value - 11, 10), anchor=b"same")) for coin in (one, other)]
    envelopes = [draft.prove().sign().seal() for draft in drafts]
    keys = [{Fields.of(data).P for data in draft.public.outputs} for draft in drafts]
    assert keys[0] & keys[1]
    said, _ = here.in_block(*envelopes)
    assert sorted(said) == sorted([("ok", None), REUSED])
    here.machine.forget()
    assert here.judge(*envelopes) == [("verified", None)] * 2
    here.turn()
    here.turn()
    assert sorted(here.answer(each) for each in envelopes) == sorted([("final", None), REUSED])


# -- B-13 and B-14: the wallet --------------------------------------------------------------------------------


def _world(node: Forger) -> Surroundings:
    randomness = SeededRandomness(5)
    vault = Vault(Drawer(), KeyUri.kms("local", "wallet"), randomness)  # type: ignore[arg-type]
    return Surroundings(node, vault, ManualClock(), randomness, dev=True)  # type: ignore[arg-type]


def _address(wallet: Wallet, place: int) -> Address:
    pay = wallet.address(0, place).pay
    return Address(pay[:32], pay[32:64], pay[64:])


def _n(number: int) -> bytes:
    return sha256(b"n%d" % number).digest()[:16]


async def _scan(outputs: Callable[[bytes, Wallet], list[Fields]]) -> tuple[Wallet, dict[int, str]]:
    """A wallet that has seen a block of these outputs, and what it calls each."""
    node = Forger()
    wallet = await create(Town.database(), _world(node), seed_of("exchange"))
    ctx = out.ctx_transfer(node.chain_id)
    made = sorted(outputs(ctx, wallet), key=lambda each: each.R)
    node.add((OutputKind.TRANSFER, ctx, [each.data for each in made]))
    await wallet.sync()
    return wallet, {each.number - 128: each.status for each in await wallet.outputs()}


# SPEC LEDGER-15.14, LEDGER-4.3.2, LEDGER-4.3.3
def test_b_13_an_ephemeral_key_that_is_not_r_times_the_spend_key() -> None:
    """Detected by one subaddress, made for another: whoever acknowledges it says that both are one person."""

    def outputs(ctx: bytes, wallet: Wallet) -> list[Fields]:
        return [_janus(ctx, _address(wallet, 1), _address(wallet, 2), 500, _n(1))]

    async def work() -> None:
        wallet, seen = await _scan(outputs)
        assert seen == {0: "hostile"}
        assert (await wallet.balance()).total == 0
        assert [each.acknowledged for each in await wallet.history()] == [False]
        with pytest.raises(PayeeHostile):
            await wallet.prover.prove_receive(128, b"did it arrive")

    asyncio.run(work())


def _janus(ctx: bytes, exchange: Address, owner: Address, value: int, n: bytes) -> Fields:
    """The exchange of keys with one subaddress, the one-time key of another."""
    s = out.share(exchange, ctx, value, n)
    P = encode(ristretto.add(ristretto.base(out.h_scalar("otk", s.q)), ristretto.decode(owner.spend)))
    b = out.mask_of(s.q, value, owner.spend)
    C = encode(out.commit(value, b))
    ea, an = out.xor(out.u64(value), out.h8("amt", s.q, P)), out.xor(n, out.h16("anc", s.q, P))
    return Fields(P, C, encode(s.R), s.vt, ea, an, bytes(144))


# SPEC LEDGER-15.15, LEDGER-4.3.1
def test_b_14_an_amount_that_does_not_open_the_commitment() -> None:
    """One credit for a true payment; none where the amount or the commitment was changed."""

    def outputs(ctx: bytes, wallet: Wallet) -> list[Fields]:
        payee = _address(wallet, 1)
        true, low, high, moved = (out.send(payee, ctx, 70, _n(number))[0] for number in range(4))
        return [
            true,
            low._replace(C=encode(out.commit(1, 7))),
            high._replace(ea=out.xor(high.ea, out.u64(1 << 40))),
            moved._replace(C=encode(ristretto.add(ristretto.decode(moved.C), VALUE_BASE))),
        ]

    async def work() -> None:
        wallet, seen = await _scan(outputs)
        assert sorted(seen.values()) == ["mismatch"] * 3 + ["ours"]
        assert (await wallet.balance()).total == 70
        assert sum(each.amount for each in await wallet.history() if each.acknowledged) == 70

    asyncio.run(work())
