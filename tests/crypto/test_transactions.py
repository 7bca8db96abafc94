"""Transactions from plan to verdict, and everything that must be refused on the way."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache

import pytest

from crypto.envelopes import CHAIN, EPOCH, RING_SIZE, context, open_by_hand, plaintext_of, seal, town
from specie.crypto import ring
from specie.crypto.errors import BadPlan, BadPoint, Unbalanced, WrongHeader, WrongLength, WrongTier
from specie.crypto.transactions import (
    BuiltTransaction,
    OpenedTransaction,
    build_transaction,
    envelope_class,
    open_envelopes,
    range_proof_bytes,
    verify_transactions,
)
from specie.kernel.codec import TooLarge

SALT = slice(1, 33)


def opened(envelope: bytes, suite: int = 1) -> OpenedTransaction:
    (found,) = open_envelopes(CHAIN, [(town().epoch[suite], EPOCH, envelope)], RING_SIZE)
    assert isinstance(found, OpenedTransaction), found
    return found


def verdicts(*txs: OpenedTransaction, root: bytes | None = None) -> list[str]:
    root = root or town().table.root()
    return verify_transactions(town().table, CHAIN, [(tx, root) for tx in txs], town().random.randbytes(32))


@pytest.mark.parametrize(
    ("spent", "suite", "outputs", "portable"),
    [([1], 1, 2, False), ([2, 3], 2, 2, False), ([4, 5, 6], 2, 4, True), ([7, 8], 1, 16, False)],
)
def test_what_is_built_verifies(spent: list[int], suite: int, outputs: int, portable: bool) -> None:
    built = town().build(spent, suite=suite, outputs=outputs, portable=portable)
    tx = opened(built.envelope, suite)
    assert tx.static_faults() == []
    assert verdicts(tx) == [""]
    assert verdicts(tx) == [""], "a second look"
    assert (tx.tx_public, tx.tx_id, tx.tx_leaf, tx.env_id) == (
        built.tx_public,
        built.tx_id,
        built.tx_leaf,
        built.env_id,
    )
    assert (tx.version, tx.type, tx.expiry_height, tx.fee, tx.burn, tx.extra) == (1, 1, 100, 1, 0, b"")
    assert (tx.flags, tx.anchor_height, tx.ring_size, tx.note) == (int(portable), 1, RING_SIZE, b"")
    assert len(built.envelope) <= envelope_class(len(spent), outputs, suite, RING_SIZE, 0, 0)


def test_the_bytes_are_those_of_the_chapter() -> None:
    built = town().build([9, 10], suite=1)
    tx = opened(built.envelope)
    public, private, _ = open_by_hand(built.envelope)
    assert (public, len(public)) == (built.tx_public, 1334)
    head = b"\x01\x00\x01" + (100).to_bytes(8, "little") + (1).to_bytes(8, "little") + bytes(8)
    fields = b"\x02" + b"".join(tx.key_images) + b"".join(tx.pseudo_outputs) + b"\x02" + b"".join(tx.outputs)
    assert public == head + fields + (641).to_bytes(2, "little") + tx.range_proof
    assert sorted(tx.key_images) == tx.key_images == built.key_images
    assert sorted(output[64:96] for output in tx.outputs) == [output[64:96] for output in tx.outputs]
    tx_id = ring.pl1_hash("tx/id", [public])[:32]
    salt = private[SALT]
    assert (tx.tx_id, tx.tx_leaf) == (tx_id, ring.pl1_hash("tx/leaf", [tx_id, salt])[:32])
    # SPEC LEDGER-2.5
    assert tx.bp_ctx == ring.pl1_hash("bp/ctx", [CHAIN, salt, head + fields])
    # SPEC LEDGER-7.19
    assert ring.group_equation(
        b"".join(tx.pseudo_outputs), b"".join(output[32:64] for output in tx.outputs), 0, tx.fee + tx.burn, b""
    )
    assert private[0] == 0 and int.from_bytes(private[33:41], "little") == 1
    deltas = tx.rings[0][:1] + [b - a for a, b in zip(tx.rings[0], tx.rings[0][1:], strict=False)]
    assert private[41 : 41 + RING_SIZE] == bytes(deltas)
    assert len(private) == 41 + 2 * (RING_SIZE + 1600)


# SPEC LEDGER-5.5.3
def test_the_rings_verify_by_the_single_verifier() -> None:
    """m and k_req recomputed here, each ring judged alone by the ring room."""
    built = town().build([11, 12], suite=1)
    public, private, exporter = open_by_hand(built.envelope)
    tx = opened(built.envelope)
    message = ring.pl1_hash("tx/msg", [CHAIN, public, (1).to_bytes(8, "little"), town().table.root()])
    k_ring = ring.pl1_hash("req/key", [message, exporter])[:32]
    for number, indices in enumerate(tx.rings):
        members = b"".join(town().outputs[index][:64] for index in indices)
        start = 41 + number * 1616 + 16
        claim = (message, k_ring, number, indices, members)
        sigma = private[start : start + 1600]
        assert ring.clsag_verify((*claim, tx.pseudo_outputs[number], tx.key_images[number], sigma))


def test_recipients_find_their_outputs() -> None:
    plan = town().plan([13, 14], outputs=4)
    built = build_transaction(town().keys, plan)
    tx, ctx = opened(built.envelope), context(b"\x01")
    for place, (address, value, memo, own) in enumerate(plan["outputs"]):
        output = tx.outputs[built.order[place]]
        (found,) = town().keys.open([(ctx, output, 1, b"")])
        assert found is not None and found.status == "ours"
        assert (found.value, found.anchor, found.memo_own) == (value, built.anchors[place], own)
        assert found.memo == (memo or bytes(128))
        assert ring.payment_matches(output, ctx, built.anchors[place], address, value)


def test_the_same_call_gives_the_same_bytes() -> None:
    plan = town().plan([15, 16], suite=2)
    one, two = build_transaction(town().keys, plan), build_transaction(town().keys, plan)
    assert one.envelope == two.envelope
    plan["random"] = b"r" * 64
    assert build_transaction(town().keys, plan).tx_public != one.tx_public


def test_withdrawals_funds_and_notes() -> None:
    keys = town().keys
    stub = keys.refund_stub(0, 1, context(b"\x05", b"w" * 32), 100, bytes(31) + b"\x01", b"a" * 16)
    extra = b"w" * 32 + stub
    tx = opened(town().build([17], kind=2, burn=100, extra=extra).envelope)
    assert (verdicts(tx), tx.type, tx.burn, tx.extra, tx.static_faults()) == ([""], 2, 100, extra, [])
    bad = opened(town().build([17], kind=2, burn=100, extra=extra[:32] + b"\xff" * 32 + extra[64:]).envelope)
    assert bad.static_faults() == ["V-10"]

    tx = opened(town().build([18], kind=3, burn=7, extra=b"operation", note=b"a note").envelope)
    assert (tx.extra, tx.flags, len(tx.note)) == (b"operation", 4, 6 + 16)
    # SPEC LEDGER-6.2.1
    assert tx.open_note() is None
    assert verdicts(tx, root=bytes(32)) == ["V-16"] and tx.open_note() is None
    assert verdicts(tx) == [""] and tx.open_note() == b"a note"


@pytest.mark.parametrize(
    ("refusal", "changes"),
    [
        (Unbalanced, {"fee": 2}),
        (BadPlan, {"burn": 1}),
        (BadPlan, {"kind": 4}),
        (BadPlan, {"kind": 2, "burn": 1}),
        (BadPlan, {"inputs": []}),
        (BadPlan, {"outputs": []}),
        (BadPlan, {"fee": 1 << 62}),
        (WrongLength, {"chain_id": b"C"}),
        (WrongLength, {"random": bytes(63)}),
        (WrongHeader, {"suite": 7}),
        (WrongLength, {"epoch_key": bytes(31)}),
        (TooLarge, {"note": bytes(65000)}),
    ],
    ids=str,
)
def test_impossible_plans_are_refused(refusal: type[Exception], changes: dict[str, object]) -> None:
    plan = town().plan([19])
    plan.update(changes)  # type: ignore[typeddict-item]
    with pytest.raises(refusal):
        build_transaction(town().keys, plan)


def test_inputs_that_cannot_be_spent_are_refused() -> None:
    plan, keys = town().plan([20, 21]), town().keys
    first, second = plan["inputs"]
    view = ring.WalletKeys.from_view(keys.export_view())
    view.extend(0, 5)
    with pytest.raises(WrongTier):
        build_transaction(view, plan)
    for inputs in (
        [first, first],
        [first, (*second[:6], (second[6] + 1) % 16)],
        [first, (b"x" * 32, *second[1:])],
        [first, (*second[:4], second[4][::-1], *second[5:])],
    ):
        with pytest.raises(BadPlan):
            build_transaction(keys, {**plan, "inputs": inputs})
    decoy = (second[6] + 1) % 16
    members = second[5][: 64 * decoy] + b"\xff" * 64 + second[5][64 * decoy + 64 :]
    with pytest.raises(BadPoint):
        build_transaction(keys, {**plan, "inputs": [first, (*second[:5], members, second[6])]})
    with pytest.raises(BadPlan):
        build_transaction(ring.WalletKeys.from_seed(b"other" * 6 + b"!!"), plan)


def test_classes_are_known_before() -> None:
    assert [envelope_class(n, 2, 2, 16, 0, 0) for n in (1, 2, 3, 4, 8, 9, 16)] == [
        *[8192] * 3,
        *[16384] * 2,
        *[32768] * 2,
    ]
    assert envelope_class(16, 16, 2, 32, 0, 0) == 65536
    with pytest.raises(TooLarge):
        envelope_class(16, 2, 1, 64, 0, 0)
    with pytest.raises(WrongLength):
        envelope_class(1, 3, 1, 16, 0, 0)
    with pytest.raises(WrongHeader):
        envelope_class(1, 2, 3, 16, 0, 0)
    assert [range_proof_bytes(n) for n in (2, 4, 8, 16)] == [641, 705, 769, 833]


@cache
def portable() -> tuple[BuiltTransaction, bytes, bytes]:
    built = town().build([22, 23], portable=True)
    public, private, _ = open_by_hand(built.envelope)
    return built, public, private


def outcome(public: bytes, private: bytes) -> str:
    """The first rule that refuses these parts, or "" if they pass."""
    envelope = seal(1, plaintext_of(public, private))
    (found,) = open_envelopes(CHAIN, [(town().epoch[1], EPOCH, envelope)], RING_SIZE)
    if isinstance(found, str):
        return found
    return next(iter(found.static_faults()), "") or verdicts(found)[0]


def spliced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


# Places in TxPublic of two inputs and two outputs: I at 28, C' at 92, the outputs at 157 and 424, the proof at 693.
# Places in TxPrivate: the first delta at 41, c_1 of the first input at 57, D at 89, s at 121, L at 633, R at 1145.
ZERO, FULL = bytes(32), b"\xff" * 32
ORDER = (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
PUBLIC_FAULTS: list[tuple[str, int, bytes]] = [
    ("V-4", 0, b"\x02\x00"),
    ("V-4", 0, b"\x00\x00"),
    ("V-3", 2, b"\x00"),
    ("V-3", 2, b"\x04"),
    ("V-3", 2, b"\x03"),
    ("V-20", 11, (1 << 62).to_bytes(8, "little")),
    ("V-20", 19, b"\x01"),
    ("V-3", 27, b"\x01"),
    ("V-3", 27, b"\x11"),
    ("V-7", 28, FULL),
    ("V-10", 28, ZERO),
    ("V-10", 92, ZERO),
    ("V-10", 92, FULL),
    ("V-3", 156, b"\x04"),
    ("V-10", 157, ZERO),
    ("V-10", 157 + 32, FULL),
    ("V-8", 157 + 64, FULL),
    ("V-10", 157 + 64, ZERO),
    ("V-10", 424, FULL),
    ("V-3", 691, b"\x80"),
    ("V-16", 693, b"\x02"),
    ("V-16", 3, b"\x65"),
    ("V-15", 11, b"\x02"),
]
PRIVATE_FAULTS: list[tuple[str, int, bytes]] = [
    ("V-3", 0, b"\x81"),
    ("V-3", 0, b"\x03"),
    ("V-16", 0, b"\x00"),
    ("V-18", 1, FULL),
    ("V-16", 33, b"\x02"),
    ("V-11", 57, FULL),
    ("V-11", 57, ORDER),
    ("V-16", 57, ZERO),
    ("V-10", 89, ZERO),
    ("V-10", 89, FULL),
    ("V-11", 121, FULL),
    ("V-17", 121, ZERO),
    ("V-10", 633, ZERO),
    ("V-10", 633 + 480, FULL),
    ("V-10", 1145, ZERO),
]


# SPEC LEDGER-15.1
@pytest.mark.parametrize(("rule", "at", "new"), PUBLIC_FAULTS, ids=lambda value: str(value)[:12])
def test_public_faults_are_named(rule: str, at: int, new: bytes) -> None:
    _, public, private = portable()
    assert outcome(public, private) == ""
    assert outcome(spliced(public, at, new), private) == rule


@pytest.mark.parametrize(("rule", "at", "new"), PRIVATE_FAULTS, ids=lambda value: str(value)[:12])
def test_private_faults_are_named(rule: str, at: int, new: bytes) -> None:
    _, public, private = portable()
    assert outcome(public, spliced(private, at, new)) == rule


# SPEC LEDGER-15.20
def test_loose_numbers_are_refused() -> None:
    _, public, private = portable()
    assert private[41] < 0x80
    assert outcome(public, private[:41] + bytes([private[41] | 0x80, 0]) + private[42:]) == "V-3"
    assert outcome(public, private[:41] + b"\xff" * 10 + private[42:]) == "V-3"
    far = b"\xff" * 9 + b"\x01"
    assert outcome(public, private[:41] + far + private[42:]) == "V-3", "the second index lies beyond 64 bits"


# SPEC LEDGER-15.6
def test_repeated_and_distant_members_are_shown_to_the_caller() -> None:
    """V-13 is the caller's; what comes through all the same fails the rings."""
    _, public, private = portable()
    (found,) = open_envelopes(
        CHAIN, [(town().epoch[1], EPOCH, seal(1, plaintext_of(public, spliced(private, 42, b"\x00"))))], RING_SIZE
    )
    assert isinstance(found, OpenedTransaction)
    assert found.rings[0][0] == found.rings[0][1]
    assert verdicts(found) == ["V-17"]
    assert outcome(public, spliced(private, 41, b"\x7f")) == "V-17"


# SPEC LEDGER-15.7
def test_another_ring_size_is_read_and_shown() -> None:
    inputs = [town().input(24, 32)]
    tx = opened(town().build([24], inputs=inputs).envelope)
    assert (tx.ring_size, len(tx.rings[0]), verdicts(tx)) == (32, 32, [""])


# SPEC LEDGER-15.9
def test_changed_bytes_are_refused() -> None:
    _, public, private = portable()
    parts = [public, private]
    for number, part in enumerate(parts):
        for at in range(0, len(part), 97):
            changed = parts.copy()
            changed[number] = spliced(part, at, bytes([part[at] ^ 1 << at % 8]))
            assert outcome(*changed), (number, at)


# SPEC LEDGER-15.19
def test_signatures_are_bound_to_envelope_chain_and_anchor() -> None:
    built = town().build([25])
    public, private, _ = open_by_hand(built.envelope)
    assert verdicts(opened(built.envelope)) == [""]
    assert outcome(public, private) == "V-16", "sealed again under another share"
    tx = opened(built.envelope)
    assert verdicts(tx, root=bytes(32)) == ["V-16"]
    assert verify_transactions(town().table, b"D" * 32, [(tx, town().table.root())], bytes(32)) == ["V-16"]


SPOILERS: list[tuple[str, Callable[[bytes, bytes], tuple[bytes, bytes]]]] = [
    ("V-15", lambda public, private: (spliced(public, 11, b"\x02"), private)),
    ("V-16", lambda public, private: (public, spliced(private, 57, ZERO))),
    ("V-17", lambda public, private: (public, spliced(private, 121, ZERO))),
    ("V-18", lambda public, private: (public, spliced(private, 1, ZERO))),
]


# SPEC LEDGER-15.21
@pytest.mark.parametrize(("rule", "spoil"), SPOILERS, ids=[rule for rule, _ in SPOILERS])
def test_a_batch_blames_exactly(rule: str, spoil: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> None:
    _, public, private = portable()
    good, bad = plaintext_of(public, private), plaintext_of(*spoil(public, private))
    for place in (0, 4, 8):
        txs = [opened(seal(1, bad if at == place else good)) for at in range(9)]
        expected = [rule if at == place else "" for at in range(9)]
        assert verdicts(*txs) == expected == [verdicts(tx)[0] for tx in txs]
    assert verdicts() == []


# SPEC LEDGER-8.2.3
def test_what_is_erased_is_gone() -> None:
    tx = opened(town().build([26]).envelope)
    public = tx.tx_public
    tx.erase()
    assert (tx.tx_public, tx.rings, tx.note, tx.open_note()) == (public, [], b"", None)
    assert verdicts(tx) == ["V-15"]
    assert repr(tx) == "OpenedTransaction(***)"
    with pytest.raises(TypeError):
        pickle.dumps(tx)


def test_arguments_are_checked() -> None:
    tx = opened(town().build([26]).envelope)
    with pytest.raises(WrongLength):
        verify_transactions(town().table, CHAIN, [(tx, bytes(31))], bytes(32))
    with pytest.raises(WrongLength):
        verify_transactions(town().table, CHAIN, [], bytes(31))
    with pytest.raises(WrongLength):
        open_envelopes(b"", [], RING_SIZE)
