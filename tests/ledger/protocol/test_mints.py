"""Mints and cancels: each rule alone, and the first of many (LEDGER section 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from specie.issuance.messages.objects import Cancel
from specie.ledger import errors
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.outputs import Output, OutputKind, ctx_mint
from specie.ledger.messages.state import (
    AuthorityEntry,
    AuthorityStatus,
    Domain,
    MintState,
    MintStatus,
    UsedKind,
    used_ident,
)
from specie.ledger.protocol.dispatch import check_static, prove_many
from tests.ledger import makers
from tests.ledger.book import Book

GENESIS = makers.genesis()
CHAIN = GENESIS.chain_id


def table(**changes: dict[str, Any]) -> tuple[AuthorityEntry, ...]:
    """The authority table, keys changed by name (`qc_bit`)."""
    by_kid = {makers.kid(name.replace("_", ":")): change for name, change in changes.items()}
    return tuple(replace(entry, **by_kid.get(entry.kid, {})) for entry in makers.authorities())


def book(**changes: dict[str, Any]) -> Book:
    """The chain, keys changed by name; its chain_id stays, since state and not genesis is asked."""
    found = Book(GENESIS)
    for entry in table(**changes):
        found.put(Domain.AUTHORITY, entry.kid, entry.encode())
    found.before = dict(found.entries)
    return found


def bit(**options: Any) -> bytes:
    return makers.control_bit(**options)[0]


def with_value(mint: Mint, at: int, output: bytes) -> Mint:
    outputs = list(mint.outputs)
    outputs[at] = Output(output)
    return replace(mint, outputs=tuple(outputs))


def test_a_mint_makes_its_outputs() -> None:
    chain = book()
    frame = chain.send(makers.mint(CHAIN))
    _, claims, body = makers.control_bit()
    entry = MintState.decode(chain.get(Domain.MINT, body.unit_root) or b"")
    assert entry == MintState(MintStatus.MINTED, claims.cti, body.credential_cti, 2500, 1, frame.op_id)
    for kind, ident in ((UsedKind.CONTROL_BIT, claims.cti), (UsedKind.CREDENTIAL, body.credential_cti)):
        assert chain.get(Domain.USED_ID, used_ident(kind, ident)) == body.unit_root
    assert [(kind, class_, ctx) for kind, class_, ctx, _ in chain.outputs] == [
        (OutputKind.MINT, 0, ctx_mint(CHAIN, body.unit_root))
    ] * 2
    assert chain.kernels == [Mint.decode(frame.body).kernel]
    assert chain.totals.mint == 2500


# SPEC LEDGER-9.1.16
def test_a_mint_is_taken_after_the_control_bit_has_expired() -> None:
    chain = book()
    chain.next(after_ms=1000 * makers.YEAR_S)
    chain.send(makers.mint(CHAIN))


def spoiled(**options: Any) -> Callable[[], Frame]:
    return lambda: makers.mint(CHAIN, **options)


def truncated() -> Frame:
    """The body ends one byte early."""
    return Frame.of(OpType.MINT, CHAIN, 1000, makers.mint(CHAIN).body[:-1])


def not_a_point() -> Frame:
    """C of the first output is no point."""
    return makers.mint(
        CHAIN, spoil=lambda mint: with_value(mint, 0, mint.outputs[0].P + b"\xff" * 32 + mint.outputs[0].data[64:])
    )


def identity_kernel() -> Frame:
    return makers.mint(CHAIN, spoil=lambda mint: replace(mint, kernel=bytes(32)))


def equal_outputs() -> Frame:
    return makers.mint(CHAIN, spoil=lambda mint: with_value(mint, 1, mint.outputs[0].data))


def swapped() -> Frame:
    return makers.mint(CHAIN, spoil=lambda mint: replace(mint, outputs=mint.outputs[::-1]))


def other_kernel() -> Frame:
    return makers.mint(CHAIN, spoil=lambda mint: replace(mint, kernel=mint.outputs[0].C))


def other_proof_of_kernel() -> Frame:
    return makers.mint(CHAIN, spoil=lambda mint: replace(mint, kernel_proof=bytes(64)))


NO_BIT = makers.sign_object("qc:bit", makers.control_bit()[1], Cancel(bytes(16), bytes(32)))
AUD = {"aud": "is:bank-02"}
ZERO = ((1000, 2), (500, 1), (7, 0))
FAULTS: list[tuple[str, type[Exception], Callable[[], Frame]]] = [
    # SPEC LEDGER-9.1.1
    ("M-1", errors.MintObject, truncated),
    # SPEC LEDGER-9.1.2
    ("M-2", errors.MintObject, spoiled(bit=bit()[:-1])),
    ("M-2", errors.MintObject, spoiled(bit=bit() + b"\0")),
    ("M-2", errors.MintObject, spoiled(bit=b"")),
    ("M-2", errors.MintObject, spoiled(bit=bit(claims={"aud": None}))),
    ("M-2", errors.MintObject, spoiled(bit=NO_BIT)),
    # SPEC LEDGER-9.1.3
    ("M-3", errors.MintKey, spoiled(bit=bit(signer="unknown"))),
    ("M-3", errors.MintKey, spoiled(bit=bit(signer="is:unit"))),
    ("M-3", errors.MintKey, spoiled(bit=bit(claims={"iss": "qc-02"}))),
    ("M-3", errors.MintKey, spoiled(bit=bit(claims={"iat": makers.START_S - 1}))),
    ("M-3", errors.MintKey, spoiled(bit=bit(claims={"iat": makers.START_S + 2 * makers.YEAR_S}))),
    # SPEC LEDGER-9.1.4
    ("M-4", errors.MintSignature, spoiled(bit=bit()[:-1] + bytes([bit()[-1] ^ 1]))),
    # SPEC LEDGER-9.1.5
    ("M-5", errors.MintCurrency, spoiled(bit=bit(currency="XTT"))),
    ("M-5", errors.MintModel, spoiled(bit=bit(model=1))),
    # SPEC LEDGER-9.1.6
    ("M-6", errors.MintObject, spoiled(log_proof=makers.log_of(bit())[0].encode())),
    # SPEC LEDGER-9.1.8
    ("M-8", errors.MintSum, spoiled(bit=bit(amount=2501))),
    ("M-8", errors.MintSum, spoiled(value=2499)),
    ("M-8", errors.MintSum, spoiled(spoil=lambda mint: replace(mint, denominations=((2501, 1),)))),
    ("M-8", errors.MintSum, spoiled(spoil=lambda mint: replace(mint, denominations=((2**64 - 1, 2**32 - 1),)))),
    # SPEC LEDGER-9.1.9
    ("M-9", errors.MintSum, spoiled(spoil=lambda mint: replace(mint, denominations=((1250, 2),)))),
    ("M-9", errors.MintSum, spoiled(spoil=lambda mint: replace(mint, denominations=ZERO))),
    ("M-9", errors.MintSum, spoiled(bit=bit(unit_count=4))),
    # SPEC LEDGER-9.1.10
    ("M-10", errors.MintOwner, spoiled(owner=bytes(32))),
    # SPEC LEDGER-9.1.11
    ("M-11", errors.MintUnitRoot, spoiled(bit=bit(unit_root=bytes(32)))),
    ("M-11", errors.MintUnitRoot, spoiled(spoil=lambda mint: replace(mint, denominations=mint.denominations[::-1]))),
    # SPEC LEDGER-9.1.12
    ("M-12", errors.MintKey, spoiled(issuer="unknown")),
    ("M-12", errors.MintKey, spoiled(issuer="qc:bit")),
    ("M-12", errors.MintKey, spoiled(bit=bit(claims=AUD))),
    # SPEC LEDGER-9.1.13, LEDGER-15.2, LEDGER-15.3
    ("M-13", errors.PointInvalid, not_a_point),
    ("M-13", errors.PointInvalid, identity_kernel),
    ("M-13", errors.OutputKeyReused, equal_outputs),
    ("M-13", errors.OutputOrder, swapped),
    # SPEC LEDGER-9.1.14
    ("M-14", errors.MintKernel, other_kernel),
    ("M-14", errors.MintKernel, other_proof_of_kernel),
    ("M-14", errors.MintKernel, spoiled(spoil=lambda mint: replace(mint, range_proof=bytes(641)))),
    # SPEC LEDGER-9.1.15
    ("M-15", errors.RangeProof, lambda: makers.hand_made_mint(CHAIN)),
]


# SPEC LEDGER-15.16
@pytest.mark.parametrize(("rule", "kind", "make"), FAULTS)
def test_a_mint_with_one_fault_is_refused_by_its_rule(
    rule: str, kind: type[errors.Rejected], make: Callable[[], Frame]
) -> None:
    with pytest.raises(kind) as caught:
        book().send(make())
    assert caught.value.rule == rule


def test_the_issuer_must_have_signed() -> None:
    good = makers.mint(CHAIN)
    bad = Frame.of(OpType.MINT, CHAIN, 1000, good.body[:-1] + bytes([good.body[-1] ^ 1]))
    with pytest.raises(errors.MintSignature) as caught:
        book().send(bad)
    assert caught.value.rule == "M-12"


# SPEC LEDGER-9.9.1
@pytest.mark.parametrize(
    "change",
    [
        {"status": AuthorityStatus.REVOKED},
        {"nbf": makers.START_S + 1},
        {"verify_until": makers.START_S - 1},
        {"system": "is:bank-02"},
    ],
)
def test_the_issuers_key_must_be_in_force(change: dict[str, Any]) -> None:
    with pytest.raises(errors.MintKey) as caught:
        book(is_unit=change).send(makers.mint(CHAIN))
    assert caught.value.rule == "M-12"


def test_a_control_bit_is_not_believed_after_verify_until() -> None:
    chain = book()
    chain.next(after_ms=1000 * 3 * makers.YEAR_S + 1)
    with pytest.raises(errors.MintKey) as caught:
        chain.send(makers.mint(CHAIN))
    assert caught.value.rule == "M-3"
    with pytest.raises(errors.CancelRefused) as refused:
        chain.send(makers.cancel(CHAIN))
    assert refused.value.rule == "MC-2"


# SPEC LEDGER-9.1.7
def test_a_control_bit_counts_once() -> None:
    chain = book()
    frame = chain.send(makers.mint(CHAIN))
    # SPEC LEDGER-9.5.6
    with pytest.raises(errors.TxDuplicate):
        chain.send(frame)
    chain.next()
    with pytest.raises(errors.ControlBitUsed) as caught:
        chain.send(makers.mint(CHAIN, entropy=b"other outputs"))
    assert caught.value.rule == "M-7"
    same_id = makers.control_bit(2, claims={"cti": makers.control_bit(1)[1].cti})[0]
    same_credential = makers.control_bit(3, credential_cti=makers.control_bit(1)[2].credential_cti)[0]
    for number, again in ((2, same_id), (3, same_credential)):
        with pytest.raises(errors.ControlBitUsed):
            chain.send(makers.mint(CHAIN, number, bit=again))
    chain.send(makers.mint(CHAIN, 4))


# SPEC LEDGER-9.1.7, LEDGER-9.1.20
def test_mint_and_cancel_exclude_each_other() -> None:
    chain = book()
    frame = chain.send(makers.cancel(CHAIN))
    _, claims, body = makers.control_bit()
    entry = MintState.decode(chain.get(Domain.MINT, body.unit_root) or b"")
    assert entry == MintState(MintStatus.CANCELLED, claims.cti, body.credential_cti, 2500, 1, frame.op_id)
    assert chain.totals.mint == 0
    with pytest.raises(errors.ControlBitCancelled) as caught:
        chain.send(makers.mint(CHAIN))
    assert caught.value.rule == "M-7"
    chain.send(makers.mint(CHAIN, 2))
    for number in (1, 2):
        again = Frame.of(OpType.MINT_CANCEL, CHAIN, 999, makers.cancel(CHAIN, number).body)
        with pytest.raises(errors.CancelRefused) as refused:
            chain.send(again)
        assert refused.value.rule == "MC-3"


# SPEC LEDGER-9.1.18, LEDGER-9.1.19
def test_a_cancel_is_by_the_system_that_could_have_minted() -> None:
    chain = book(qc_bit={"status": AuthorityStatus.REVOKED, "revoked_from": 1})
    for options in (
        {"signer": "qc:bit"}, {"signer": "unknown"}, {"bit_cti": bytes(16)}, {"unit_root": bytes(32)},
        {"iss": "is:bank-02"},
    ):  # fmt: skip
        with pytest.raises(errors.CancelRefused) as caught:
            chain.send(makers.cancel(CHAIN, **options))
        assert caught.value.rule == "MC-2"
    chain.send(makers.cancel(CHAIN))


# SPEC LEDGER-9.1.6
def test_under_a_revoked_key_the_log_decides() -> None:
    made = bit()
    proof, root = makers.log_of(made)
    revoked = {"status": AuthorityStatus.REVOKED, "revoked_from": 6}
    chain = book(qc_bit=revoked)
    frame = makers.mint(CHAIN, log_proof=proof.encode())
    for refused in (makers.mint(CHAIN), frame):
        with pytest.raises(errors.MintKeyRevoked) as caught:
            chain.send(refused)
        assert caught.value.rule == "M-6"
    chain.send(makers.anchor(CHAIN, 1, 8, sha256(b"another size").digest()))
    with pytest.raises(errors.MintKeyRevoked, match="another checkpoint"):
        chain.send(frame)
    chain.next()
    chain.send(makers.anchor(CHAIN, 2, 9, root))
    for bad in (replace(proof, path=proof.path[::-1]), replace(proof, body=proof.body + b"\0")):
        with pytest.raises(errors.MintObject):
            chain.send(makers.mint(CHAIN, log_proof=bad.encode()))
    with pytest.raises(errors.MintObject):
        chain.send(makers.mint(CHAIN, 2, log_proof=proof.encode()))
    chain.send(frame)


@pytest.mark.parametrize("revoked_from", [0, 1, 5])
def test_what_was_logged_after_the_revocation_does_not_count(revoked_from: int) -> None:
    proof, root = makers.log_of(bit())
    chain = book(qc_bit={"status": AuthorityStatus.REVOKED, "revoked_from": revoked_from})
    chain.send(makers.anchor(CHAIN, 1, 9, root))
    with pytest.raises(errors.MintKeyRevoked):
        chain.send(makers.mint(CHAIN, log_proof=proof.encode()))


def test_output_keys_are_new_on_the_ledger() -> None:
    frame = makers.mint(CHAIN)
    for point in ("P", "R"):
        chain = book()
        chain.used.add(getattr(Mint.decode(frame.body).outputs[1], point))
        with pytest.raises(errors.OutputKeyReused):
            chain.send(frame)


# SPEC LEDGER-9.1.14, LEDGER-9.1.15, LEDGER-15.12
def test_proofs_of_many_mints_are_judged_each_on_its_own() -> None:
    good = [makers.mint(CHAIN, number) for number in (1, 2)]
    frames = [
        good[0],
        other_kernel(),
        good[1],
        makers.anchor(CHAIN, 1, 1),
        makers.hand_made_mint(CHAIN, 3),
        truncated(),
    ]
    answers = prove_many(frames)
    assert [None if answer is None else (type(answer), answer.rule) for answer in answers] == [
        None,
        (errors.MintKernel, "M-14"),
        None,
        None,
        (errors.RangeProof, "M-15"),
        (errors.MintObject, "M-1"),
    ]
    assert check_static(good[0]) is None
    chain = book()
    chain.send(good[0], proven=True)
    with pytest.raises(errors.RangeProof) as caught:
        chain.send(frames[4])
    assert caught.value.rule == "M-15"
