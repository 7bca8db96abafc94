"""V-1 to V-22: the first rule that fails names the refusal, cold or warm, alone or in a batch (LEDGER-7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from specie.ledger.messages.outputs import OutputKind, ctx_fee
from specie.ledger.messages.outputs import mask_fee as mask_of_fee
from tests.ledger.engine.drafts import Draft, seal, take_apart
from tests.ledger.engine.house import Coin, House, Purse, code_of, purse


class Scene:
    """A chain with money, one spent coin, and a good transaction to spoil."""

    def __init__(self) -> None:
        self.house = House()
        self.alice, self.bob = purse("alice"), purse("bob")
        self.house.open(self.alice)
        self.house.fund(self.alice, 9)
        self.house.blocks(2)
        first = self.alice.coins[:1]
        self.spent = self.house.spend(self.alice, first, [(self.bob.pay, 10)], portable=True)
        assert self.house.codes(self.spent.envelope) == ["ok"]
        self.coins = self.alice.coins[1:3]
        self.good = self.house.spend(self.alice, self.coins, [(self.bob.pay, 100)], portable=True).envelope

    def draft(self) -> Draft:
        return take_apart(self.house, self.good)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def _v1(scene: Scene, draft: Draft) -> None:
    draft.after.append((4, b"\2"))


def _v2(scene: Scene, draft: Draft) -> None:
    draft.after.append((100, bytes(8)))


def _v3(scene: Scene, draft: Draft) -> None:
    draft.padding = b"\0\1"


def _v4(scene: Scene, draft: Draft) -> None:
    draft.version = 2


def _v20(scene: Scene, draft: Draft) -> None:
    draft.burn = 1


def _v5(scene: Scene, draft: Draft) -> None:
    draft.expiry = scene.house.height + 1


def _v6(scene: Scene, draft: Draft) -> None:
    draft.fee = 0


def _v7(scene: Scene, draft: Draft) -> None:
    draft.images.sort(reverse=True)


def _v8(scene: Scene, draft: Draft) -> None:
    draft.outputs.sort(key=lambda output: output[64:96], reverse=True)


def _v9(scene: Scene, draft: Draft) -> None:
    draft.images[0] = scene.spent.key_images[0]
    draft.images.sort()


def _v10(scene: Scene, draft: Draft) -> None:
    output = draft.outputs[1]
    draft.outputs[1] = output[:32] + bytes(32) + output[64:]


def _v11(scene: Scene, draft: Draft) -> None:
    draft.signatures[0] = draft.signatures[0][:64] + b"\xff" * 32 + draft.signatures[0][96:]


def _v12(scene: Scene, draft: Draft) -> None:
    known = scene.alice.coins[0].output[:32]
    draft.outputs[0] = known + draft.outputs[0][32:]


def _v14(scene: Scene, draft: Draft) -> None:
    draft.anchor = scene.house.height + 1


def _v13(scene: Scene, draft: Draft) -> None:
    draft.rings[0][1] = draft.rings[0][0]


def _v22(scene: Scene, draft: Draft) -> None:
    draft.rings[1] = [*range(50, 65), draft.rings[1][-1]]


def _v15(scene: Scene, draft: Draft) -> None:
    draft.fee += 1


def _v16(scene: Scene, draft: Draft) -> None:
    draft.signatures[0] = bytes(31) + b"\1" + draft.signatures[0][32:]


def _v17(scene: Scene, draft: Draft) -> None:
    draft.signatures[0] = draft.signatures[0][:64] + b"\1" + bytes(31) + draft.signatures[0][96:]


def _v18(scene: Scene, draft: Draft) -> None:
    draft.salt = bytes(32)


FAULTS: list[tuple[str, str, Callable[[Scene, Draft], None]]] = [
    ("V-1", "envelope_malformed", _v1),
    ("V-2", "envelope_unopenable", _v2),
    ("V-3", "non_canonical", _v3),
    ("V-4", "shape", _v4),
    ("V-20", "burn_rule", _v20),
    ("V-5", "expired", _v5),
    ("V-6", "fee_too_low", _v6),
    ("V-7", "key_image_order", _v7),
    ("V-8", "output_order", _v8),
    ("V-9", "key_image_spent", _v9),
    ("V-10", "point_invalid", _v10),
    ("V-11", "scalar_invalid", _v11),
    ("V-12", "output_key_reused", _v12),
    ("V-14", "anchor_invalid", _v14),
    ("V-13", "ring_invalid", _v13),
    ("V-22", "ring_class", _v22),
    ("V-15", "balance", _v15),
    ("V-16", "ring_glue", _v16),
    ("V-17", "ring_signature", _v17),
    ("V-18", "range_proof", _v18),
]


def verdicts(house: House, envelope: bytes) -> list[tuple[str, str | None]]:
    """(code, rule) by a check, by a block that knows it already, and by a block of a node that does not."""
    found = [house.machine.check([envelope])[0].refusal, house.finalize(envelope).verdicts[0].refusal]
    house.machine.forget()
    found.append(house.finalize(envelope).verdicts[0].refusal)
    house.machine.forget()
    return [(code_of(refusal), getattr(refusal, "rule", None)) for refusal in found]


# SPEC LEDGER-7.1, LEDGER-7.2, LEDGER-7.3, LEDGER-7.4, LEDGER-7.5, LEDGER-7.6, LEDGER-7.7, LEDGER-7.8, LEDGER-7.9
# SPEC LEDGER-7.10, LEDGER-7.12, LEDGER-7.13, LEDGER-7.14, LEDGER-7.16, LEDGER-7.17, LEDGER-7.18, LEDGER-7.19
# SPEC LEDGER-7.20, LEDGER-7.21, LEDGER-7.22, LEDGER-7.23, LEDGER-7.24, LEDGER-18.1
@pytest.mark.parametrize("first", range(len(FAULTS)), ids=lambda at: FAULTS[at][0])
def test_a_refusal_names_the_first_rule_that_fails(scene: Scene, first: int) -> None:
    """Put in this fault and every later one: the refusal names this one."""
    draft = scene.draft()
    for _, _, spoil in reversed(FAULTS[first:]):
        spoil(scene, draft)
    label, code, _ = FAULTS[first]
    assert verdicts(scene.house, seal(scene.house, draft)) == [(code, label)] * 3


@pytest.mark.parametrize("which", range(len(FAULTS)), ids=lambda at: FAULTS[at][0])
def test_each_fault_alone_is_found(scene: Scene, which: int) -> None:
    draft = scene.draft()
    label, code, spoil = FAULTS[which]
    spoil(scene, draft)
    assert verdicts(scene.house, seal(scene.house, draft)) == [(code, label)] * 3


# SPEC LEDGER-15.21, LEDGER-5.5.3
def test_one_bad_envelope_in_a_batch_is_blamed_alone(scene: Scene) -> None:
    house = scene.house
    batch = []
    for _, _, spoil in FAULTS[-4:]:
        draft = scene.draft()
        spoil(scene, draft)
        batch.append(seal(house, draft))
    batch.insert(2, scene.good)
    codes = [code_of(each.refusal) for each in house.machine.check(batch)]
    assert codes == ["balance", "ring_glue", "ok", "ring_signature", "range_proof"]
    assert [each.costly for each in house.machine.check(batch)] == [True, True, False, True, True]
    house.machine.forget()


# SPEC LEDGER-6.3.1, LEDGER-6.3.3, LEDGER-15.20
def test_a_larger_envelope_than_needed_is_refused(scene: Scene) -> None:
    draft = scene.draft()
    draft.size = 16384
    draft.fee = 2
    assert verdicts(scene.house, seal(scene.house, draft))[0][0] == "non_canonical"


# SPEC LEDGER-15.18
@pytest.mark.parametrize(
    ("place", "data", "code"),
    [
        (4, b"\2", "envelope_malformed"),
        (5, b"\7\0\0\0", "epoch_unknown"),
        (9, bytes(8), "envelope_malformed"),
        (17, bytes(32), "envelope_unopenable"),
    ],
    ids=["suite", "epoch", "key id", "share"],
)
def test_the_head_of_an_envelope_is_bound(scene: Scene, place: int, data: bytes, code: str) -> None:
    draft = scene.draft()
    draft.after.append((place, data))
    assert verdicts(scene.house, seal(scene.house, draft))[0][0] == code


def test_lengths_that_no_envelope_has(scene: Scene) -> None:
    for data, code in [
        (scene.good[:-1], "envelope_malformed"),
        (scene.good + b"\0", "envelope_malformed"),
        (b"PLX1" + bytes(65536), "too_large"),
        (b"PLX1", "envelope_malformed"),
        (b"", "non_canonical"),
    ]:
        assert code_of(scene.house.machine.check([data])[0].refusal) == code


# SPEC LEDGER-15.26
def test_an_expiry_too_far_ahead(scene: Scene) -> None:
    draft = scene.draft()
    draft.expiry = scene.house.height + 1 + 20161
    assert verdicts(scene.house, seal(scene.house, draft))[0] == ("expired", "V-5")


# SPEC LEDGER-15.23
def test_an_anchor_older_than_the_window() -> None:
    from specie.ledger.messages.parameters import Parameter
    from tests.ledger import makers

    settings = dict(makers.genesis().settings) | {Parameter.ANCHOR_WINDOW: 10}
    house = House(makers.genesis(settings=settings))
    alice = purse("alice")
    house.open(alice)
    made = house.spend(alice, alice.coins, [(alice.pay, 10)], anchor=house.height).envelope
    house.blocks(9)
    assert code_of(house.machine.check([made])[0].refusal) == "ok"
    house.blocks(1)
    assert verdicts(house, made)[0] == ("anchor_invalid", "V-14")


# SPEC LEDGER-5.1.1, LEDGER-15.7
def test_another_ring_size_than_the_chains() -> None:
    house, alice = House(), purse("alice")
    house.open(alice)
    made = house.spend(alice, alice.coins, [(alice.pay, 10)], ring_size=32, fee=2).envelope
    assert verdicts(house, made) == [("ring_invalid", "V-13")] * 3


# SPEC LEDGER-4.5.2, LEDGER-15.24
def test_an_output_with_a_public_opening_is_spent_among_its_like() -> None:
    from specie.ledger.messages.parameters import Parameter
    from tests.ledger import makers

    till: Purse = purse("till")
    settings = dict(makers.genesis().settings) | {Parameter.FEE_ADDRESS: till.pay}
    house, alice = House(makers.genesis(settings=settings)), purse("alice")
    house.open(alice)
    before = house.machine.tip.app_hash
    made = house.spend(alice, alice.coins, [(alice.pay, 10)], fee=50).envelope
    assert house.codes(made) == ["ok"]
    mask, ctx = mask_of_fee(before, house.height), ctx_fee(house.chain_id, house.height)
    index = house.machine.tip.header.out_size - 1
    (_, _, output) = house.machine.chain.table.members([index])[0]
    from specie.ledger.store import reading

    (row,) = house.database.read_now(lambda tx: reading.outputs(tx, index, 1))
    assert row[3][:32] == output[:32]
    (owned,) = till.keys.open([(ctx, row[3], OutputKind.FEE, mask)])
    assert owned is not None
    assert (owned.value, owned.status) == (50, "ours")
    coin = Coin(index, ctx, OutputKind.FEE, row[3], 50, mask)
    assert house.codes(house.spend(till, [coin], [(alice.pay, 20)]).envelope) == ["ok"]
