"""Wallet keys, one-time outputs and what wallets prove. Spec: LEDGER sections 2 to 4, 13, 14."""

import pickle
from collections.abc import Callable

import pytest

from crypto.ring_cases import CTX, NO_MEMO, ORDER, candidate, minus, scalar, wallet
from published import published_json
from specie.crypto import ring
from specie.crypto.errors import BadPoint, BadScalar, OpenFailed, WrongLength, WrongTier
from specie.crypto.ring import WalletKeys

N = b"n" * 16
SEED = b"w" * 32
ZEROS = bytes(32)


def bad_encodings() -> list[bytes]:
    texts = published_json("ledger/ristretto255/rfc9496.json")["A2_bad_encodings"]
    return [bytes.fromhex(text) for text in texts]


def pay_to(account: int, index: int, value: int = 500, memo: bytes = NO_MEMO, own: bytes = b"") -> tuple[bytes, bytes]:
    return ring.make_output(wallet().address(account, index), CTX, value, N, memo, own)


def open_one(keys: WalletKeys, output: bytes, kind: int = 1, mask: bytes = b"") -> ring.OwnedOutput | None:
    return keys.open([(CTX, output, kind, mask)])[0]


# -- points, scalars, equations -------------------------------------------------------------------------------


# SPEC LEDGER-15.2, LEDGER-15.3
def test_bad_encodings_are_refused_everywhere() -> None:
    good = ring.pl1_point("x", [])
    bad = bad_encodings()
    assert ring.points_check(b"".join(bad)) == b"\x01" * 29
    assert ring.points_check(good + ZEROS) == bytes([ring.POINT_GOOD, ring.POINT_IDENTITY])
    for point in bad:
        assert not ring.group_equation(point, point, 0, 0, b"")
        with pytest.raises(BadPoint):
            ring.sum_points(good + point)
    for point in [*bad, ZEROS]:
        for place in range(3):
            keys = [good] * 3
            keys[place] = point
            # SPEC LEDGER-3.2
            assert not ring.address_points_ok(b"".join(keys))
            with pytest.raises(BadPoint):
                ring.make_output(b"".join(keys), CTX, 1, N, NO_MEMO)
            with pytest.raises(BadPoint):
                ring.public_outputs([(b"".join(keys), CTX, N, 1, scalar(1))])


# SPEC LEDGER-15.5
def test_scalars_are_below_the_group_order() -> None:
    numbers = [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1]
    data = b"".join(number.to_bytes(32, "little") for number in numbers)
    assert ring.scalars_check(data) == b"\0\0\0\1\1\1"
    with pytest.raises(BadScalar):
        ring.commit(1, ORDER.to_bytes(32, "little"))


# SPEC LEDGER-2.4
def test_equation_with_values_and_masks() -> None:
    commitments = ring.commit(5, scalar(1)) + ring.commit(7, scalar(2))
    total = ring.commit(12, scalar(3))
    mask = minus(minus(scalar(3), scalar(1)), scalar(2))
    assert ring.group_equation(commitments, total, 0, 0, mask)
    assert ring.group_equation(commitments, total, 2**126 + 1, 2**126 + 1, mask)
    assert not ring.group_equation(commitments, total, 1, 0, mask)
    assert not ring.group_equation(commitments, total, 0, 2**64, mask)
    assert not ring.group_equation(commitments, total, 0, 0, b"\xff" * 32)
    assert ring.group_equation(b"", ring.sum_points(commitments), 12, 0, scalar(1) + scalar(2))
    assert ring.sum_points(b"") == ZEROS


LENGTHS: list[Callable[[], object]] = [
    lambda: ring.points_check(b"x"),
    lambda: ring.scalars_check(b"x" * 33),
    lambda: ring.sum_points(b"x" * 31),
    lambda: ring.group_equation(b"x", b"", 0, 0, b""),
    lambda: ring.commit(1, b"x"),
    lambda: ring.ristretto_map(b"x" * 32),
    lambda: ring.pl1_hash("", []),
    lambda: ring.pl1_hash("x" * 256, []),
    lambda: ring.pl1_hash("ü", []),
    lambda: ring.address_points_ok(b"x" * 95),
    lambda: ring.make_output(wallet().address(0, 0), CTX, 1, b"n", NO_MEMO),
    lambda: ring.make_output(wallet().address(0, 0), CTX, 1, N, b"memo"),
    lambda: ring.make_output(wallet().address(0, 0), CTX, 1, N, NO_MEMO, b"own"),
    lambda: ring.payment_matches(b"x", CTX, N, wallet().address(0, 0), 1),
    lambda: ring.dleq_verify(b"", ZEROS, ZEROS, ZEROS, ZEROS, b"x"),
    lambda: ring.schnorr_verify("x", ZEROS, [], b"x"),
    lambda: WalletKeys.from_seed(b"x"),
    lambda: WalletKeys.from_view(b"x"),
    lambda: WalletKeys.from_detect(b"x"),
    lambda: wallet().open([(CTX, b"x" * 266, 1, b"")]),
    lambda: wallet().open([(b"ctx", bytes(267), 1, b"")]),
    lambda: wallet().open([(CTX, bytes(267), 3, b"")]),
    lambda: wallet().open([(CTX, bytes(267), 1, scalar(1))]),
    lambda: wallet().detect([(CTX, b"x" * 34)]),
    lambda: wallet().refund_stub(0, 0, CTX, 1, scalar(1), b"n"),
    lambda: wallet().disclosure(b"x"),
]


@pytest.mark.parametrize("call", LENGTHS, ids=range(len(LENGTHS)))
def test_wrong_lengths(call: Callable[[], object]) -> None:
    with pytest.raises(WrongLength):
        call()


# -- tiers and addresses --------------------------------------------------------------------------------------


# SPEC LEDGER-3.1
def test_addresses_differ_and_agree_between_tiers() -> None:
    view = WalletKeys.from_view(wallet().export_view())
    addresses = {wallet().address(a, j) for a in range(3) for j in range(3)}
    assert len(addresses) == 9
    assert all(ring.address_points_ok(address) for address in addresses)
    assert view.address(2, 1) == wallet().address(2, 1)
    assert view.export_detect() == wallet().export_detect()
    assert WalletKeys.from_seed(b"v" * 32).address(0, 0) != wallet().address(0, 0)


# SPEC LEDGER-14.1
def test_no_tier_reaches_further_than_it_should() -> None:
    view = WalletKeys.from_view(wallet().export_view())
    detect = WalletKeys.from_detect(wallet().export_detect())
    assert [keys.tier for keys in (wallet(), view, detect)] == ["spend", "view", "detect"]
    output, _ = pay_to(0, 1)
    refused: list[Callable[[], object]] = [
        lambda: view.disclosure(ZEROS),
        lambda: view.prove_topup(0, 0, [], ZEROS),
        detect.export_view,
        lambda: detect.address(0, 0),
        lambda: detect.extend(0, 1),
        lambda: detect.recipient_hash(b"a"),
        lambda: detect.open([(CTX, output, 1, b"")]),
        lambda: detect.refund_stub(0, 0, CTX, 1, scalar(1), N),
        lambda: detect.prove_receive(output, CTX, 0, 0, b"", ZEROS),
    ]
    for call in refused:
        with pytest.raises(WrongTier):
            call()


# SPEC LEDGER-15.31
def test_keys_show_and_store_nothing() -> None:
    output, _ = pay_to(0, 1)
    opened = open_one(wallet(), output)
    for secret in (wallet(), opened):
        assert "***" in repr(secret)
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    with pytest.raises(BadScalar):
        WalletKeys.from_detect(ZEROS)
    with pytest.raises(BadPoint):
        WalletKeys.from_view(scalar(1) + ZEROS + ZEROS)


def test_disclosure_and_recipient_hash() -> None:
    assert len(wallet().disclosure(ZEROS)) == 32
    assert wallet().disclosure(ZEROS) != wallet().disclosure(b"\1" + ZEROS[1:])
    balance = wallet().export_view()[64:]
    assert wallet().recipient_hash(b"address") == ring.pl1_hash("memo/rcpt", [balance, b"address"])[:30]


# -- outputs --------------------------------------------------------------------------------------------------


def test_a_payment_is_found_and_opened() -> None:
    memo = bytes(range(128))
    outputs = [pay_to(0, 3, 10, memo)[0], pay_to(7, 1, 2**64 - 1)[0], pay_to(7, 2)[0]]
    other = ring.make_output(wallet(b"o" * 32).address(0, 0), CTX, 10, N, NO_MEMO)[0]
    rows = [candidate(output) for output in [*outputs, other]]
    for keys in (wallet(), WalletKeys.from_detect(wallet().export_detect())):
        for threads in (0, 1, 2):
            assert keys.detect([(CTX, b""), (CTX, b"".join(rows)), (ZEROS, rows[0])], threads) == [[], [0, 1, 2], []]
    first, second, beyond, foreign = wallet().open([(CTX, output, 1, b"") for output in [*outputs, other]])
    assert first is not None and second is not None
    assert (first.status, first.account, first.index, first.value, first.memo) == ("ours", 0, 3, 10, memo)
    assert (second.account, second.index, second.value, second.anchor) == (7, 1, 2**64 - 1, N)
    assert first.key_image != second.key_image and len(first.key_image) == 32
    # (7, 2) is ours and beyond the look-ahead.
    assert beyond is None and foreign is None
    wider = WalletKeys.from_seed(SEED)
    wider.extend(7, 3)
    assert open_one(wider, outputs[2]) is not None
    view = WalletKeys.from_view(wallet().export_view())
    view.extend(0, 4)
    seen = open_one(view, outputs[0])
    assert seen is not None and (seen.value, seen.key_image) == (10, b"")
    assert wallet().open([(ZEROS, outputs[0], 1, b"")]) == [None]


def test_the_look_ahead_of_a_long_run() -> None:
    keys = WalletKeys.from_seed(SEED)
    keys.extend(1, 300)
    keys.extend(1, 100)
    pays = [keys.address(1, index) for index in (0, 63, 64, 299)]
    outputs = [ring.make_output(pay, CTX, 1, N, NO_MEMO)[0] for pay in pays]
    assert [opened and opened.index for opened in keys.open([(CTX, out, 1, b"") for out in outputs])] == [
        0,
        63,
        64,
        299,
    ]


def test_undecodable_candidates_are_nobodys() -> None:
    good = candidate(pay_to(0, 0)[0])
    rows = [point + b"tag" for point in [*bad_encodings(), ZEROS]]
    assert wallet().detect([(CTX, b"".join(rows) + good)]) == [[30]]
    output, _ = pay_to(0, 0)
    for point in [*bad_encodings(), ZEROS]:
        assert open_one(wallet(), point + output[32:]) is None
        assert open_one(wallet(), output[:64] + point + output[96:]) is None


def test_change_is_read_with_the_balance_secret() -> None:
    balance = wallet().export_view()[64:]
    memo = b"\x07" * 128
    own = open_one(wallet(), pay_to(0, 0, memo=memo, own=balance)[0])
    assert own is not None and (own.memo_own, own.memo) == (True, memo)
    foreign = open_one(wallet(), pay_to(0, 0, memo=memo, own=ZEROS)[0])
    assert foreign is not None and (foreign.status, foreign.memo_own, foreign.memo) == ("ours", False, b"")


def janus(first: bytes, second: bytes, value: int) -> bytes:
    """What a sender makes who wants to know whether two addresses are of one wallet.

    R and the shared secret are those of an output to the first, the one-time key leads to the second. A sender
    knows the shared secret as r·K_v; here the receive proof of the wallet tells it.
    """
    output, _ = ring.make_output(first, CTX, value, N, NO_MEMO)
    shared = wallet().prove_receive(output, CTX, 0, 0, b"", ZEROS)[:32]
    q = ring.pl1_hash("q", [shared, output[64:96], CTX])
    key = ring.sum_points(second[:32] + ring.commit(0, ring.pl1_scalar("otk", [q])))
    amount = value.to_bytes(8, "little")
    commitment = ring.commit(value, ring.pl1_scalar("mask", [q, amount, second[:32]]))
    pad = ring.pl1_hash("amt", [q, key])[:8]
    sealed = bytes(a ^ b for a, b in zip(amount, pad, strict=True))
    return key + commitment + output[64:99] + sealed + output[107:]


# SPEC LEDGER-4.3.2, LEDGER-15.14
def test_an_output_made_for_another_address_of_ours_is_hostile() -> None:
    first, second = wallet().address(0, 0), wallet().address(0, 1)
    opened = open_one(wallet(), janus(first, second, 9))
    assert opened is not None
    assert (opened.status, opened.index, opened.value, opened.key_image) == ("hostile", 1, 9, b"")


# SPEC LEDGER-4.3.1, LEDGER-15.15
def test_an_amount_that_does_not_open_the_commitment_is_not_credited() -> None:
    output, _ = pay_to(0, 2, 5)
    for spoiled in (
        output[:99] + bytes([output[99] ^ 1]) + output[100:],
        output[:32] + ring.commit(6, scalar(1)) + output[64:],
        output[:32] + ZEROS + output[64:],
    ):
        opened = open_one(wallet(), spoiled)
        assert opened is not None
        assert (opened.status, opened.value, opened.key_image) == ("mismatch", 0, b"")


def test_public_outputs_are_opened_with_their_mask() -> None:
    (output,) = ring.public_outputs([(wallet().address(7, 0), CTX, N, 77, scalar(5))])
    assert output[32:64] == ring.commit(77, scalar(5))
    assert (output[99:107], output[107:123], output[123:]) == ((77).to_bytes(8, "little"), N, bytes(144))
    assert wallet().detect([(CTX, candidate(output))]) == [[0]]
    for kind in (3, 4):
        opened = open_one(wallet(), output, kind, scalar(5))
        assert opened is not None
        assert (opened.status, opened.account, opened.value, opened.memo) == ("ours", 7, 77, b"")
    wrong = open_one(wallet(), output, 3, scalar(6))
    assert wrong is not None and wrong.status == "mismatch"
    assert [open_one(wallet(), output, kind, scalar(5)) for kind in (0, 6, 7, 256, 2**32 - 1)] == [None] * 5
    with pytest.raises(BadScalar):
        ring.public_outputs([(wallet().address(7, 0), CTX, N, 77, b"\xff" * 32)])


def test_a_refund_is_opened_with_its_public_mask_and_hidden_anchor() -> None:
    stub = wallet().refund_stub(0, 1, CTX, 1000, scalar(9), N)
    assert len(stub) == ring.STUB_BYTES
    value = (1000).to_bytes(8, "little")
    output = stub[:32] + ring.commit(1000, scalar(9)) + stub[32:67] + value + stub[67:]
    opened = open_one(wallet(), output, 5, scalar(9))
    assert opened is not None
    assert (opened.status, opened.value, opened.anchor, opened.memo) == ("ours", 1000, N, NO_MEMO)
    assert stub[67:83] != N


# -- proofs ---------------------------------------------------------------------------------------------------


def test_payment_proof() -> None:
    pay = wallet().address(0, 2)
    output, _ = pay_to(0, 2, 5)
    assert ring.payment_matches(output, CTX, N, pay, 5)
    assert not ring.payment_matches(output, CTX, N, pay, 6)
    assert not ring.payment_matches(output, ZEROS, N, pay, 5)
    assert not ring.payment_matches(output, CTX, b"m" * 16, pay, 5)
    assert not ring.payment_matches(output, CTX, N, wallet().address(0, 1), 5)
    assert not ring.payment_matches(output, CTX, N, ZEROS * 3, 5)
    for place in (0, 32, 64):
        spoiled = output[:place] + bytes([output[place] ^ 1]) + output[place + 1 :]
        assert not ring.payment_matches(spoiled, CTX, N, pay, 5)


# SPEC LEDGER-13.5
def test_receive_proof() -> None:
    output, _ = pay_to(0, 2, 5)
    pay = wallet().address(0, 2)
    proof = wallet().prove_receive(output, CTX, 0, 2, b"challenge", b"r" * 32)
    shared, pair = proof[:32], (pay[:32], pay[32:64], output[64:96])
    assert ring.dleq_verify(b"challenge", *pair, shared, proof[32:])
    assert not ring.dleq_verify(b"another", *pair, shared, proof[32:])
    assert not ring.dleq_verify(b"challenge", *pair, pay[:32], proof[32:])
    for point in [*bad_encodings(), ZEROS]:
        assert not ring.dleq_verify(b"challenge", *pair, point, proof[32:])
    for place in range(64):
        spoiled = bytearray(proof[32:])
        spoiled[place] ^= 1
        assert not ring.dleq_verify(b"challenge", *pair, shared, bytes(spoiled))
    assert wallet().prove_receive(output, CTX, 0, 2, b"challenge", b"q" * 32)[32:] != proof[32:]


def test_reserve_proof() -> None:
    made = [pay_to(0, index, 5 + index) for index in range(3)]
    items = [(CTX, output, 1, b"") for output, _ in made]
    proof = wallet().prove_reserve(items, b"challenge", b"r" * 32)
    base = ring.commit(0, (1).to_bytes(32, "little"))
    images = []
    for number, (output, _) in enumerate(made):
        part = proof[96 * number : 96 * (number + 1)]
        key = output[:32]
        assert ring.dleq_verify(b"challenge", base, key, ring.pl1_point("ki", [key]), part[:32], part[32:])
        images.append(part[:32])
    assert images == [opened.key_image for opened in wallet().open(items) if opened]
    commitments = b"".join(output[32:64] for output, _ in made)
    assert ring.group_equation(b"", commitments, 5 + 6 + 7, 0, proof[-32:])
    foreign = ring.make_output(wallet(b"o" * 32).address(0, 0), CTX, 10, N, NO_MEMO)[0]
    view = WalletKeys.from_view(wallet().export_view())
    view.extend(0, 4)
    for keys, rows in ((wallet(), [(CTX, foreign, 1, b"")]), (view, items)):
        with pytest.raises(OpenFailed):
            keys.prove_reserve(rows, b"challenge", b"r" * 32)


def test_topup_proof() -> None:
    public = wallet().address(0, 3)[:32]
    items = [b"chain", b"cid"]
    proof = wallet().prove_topup(0, 3, items, b"r" * 32)
    assert ring.schnorr_verify("esc/topup", public, items, proof)
    assert not ring.schnorr_verify("esc/other", public, items, proof)
    assert not ring.schnorr_verify("esc/topup", public, [b"chaincid"], proof)
    assert not ring.schnorr_verify("esc/topup", wallet().address(0, 2)[:32], items, proof)
    # SPEC LEDGER-15.5
    beyond = int.from_bytes(proof[32:], "little") + ORDER
    assert not ring.schnorr_verify("esc/topup", public, items, proof[:32] + beyond.to_bytes(32, "little"))
    for point in [*bad_encodings(), ZEROS]:
        assert not ring.schnorr_verify("esc/topup", point, items, proof)
        assert not ring.schnorr_verify("esc/topup", public, items, point + proof[32:])
