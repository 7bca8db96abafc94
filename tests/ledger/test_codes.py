"""Every refusal code and every check label is provoked through a public door: where, and the ones nobody else tries.

The table at the end is checked against `specie.ledger.errors`: a code or a label that is missing there fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import makers
from ledger.adversary.court import Court, court
from ledger.service.world import World, living
from ledger.test_codes_2 import CONTRACT
from specie.kernel.clock import SeededRandomness
from specie.kernel.errors import Refused, Unavailable
from specie.ledger import errors
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.parameters import Parameter
from tests.app.serving import ask, run

HERE = Path(__file__).parent
DAY_S = 86_400
OCTETS = [("content-type", "application/vnd.specie.ledger+octets"), ("prefer", "wait=10")]


# -- frames ---------------------------------------------------------------------------------------------------


# SPEC LEDGER-18.1, LEDGER-9.5.1, LEDGER-9.5.3, LEDGER-9.5.4, LEDGER-20.1.2
def test_frames_that_are_none() -> None:
    here = court()
    good = makers.anchor(here.chain_id, 1, 10).data
    for data, code, rule in [
        (makers.anchor(bytes(32), 1, 10).data, "wrong_chain", "9.5.1"),
        (b"PLP2" + good[4:], "non_canonical", "9.5.1"),
        (good[:4] + b"\2\0" + good[6:], "non_canonical", "9.5.1"),
        (good[:7] + b"\1" + good[8:], "non_canonical", "9.5.1"),
        (good[:6] + b"\x63" + good[7:], "non_canonical", "9.5.1"),
        (good + b"\0", "non_canonical", "9.5.1"),
        (good[:-1], "non_canonical", "9.5.1"),
        (good.ljust(65_537, b"\0"), "too_large", "9.5.3"),
        *((_stage_two(kind), "not_available", "20.1.2") for kind in range(81, 85)),
    ]:
        here.refuses(data, code, rule)


def _stage_two(kind: int) -> bytes:
    return Frame.of(OpType(kind), court().chain_id, court().height + 50, bytes(100)).data


# SPEC LEDGER-18.1, LEDGER-8.5.5, LEDGER-21.1.6
def test_a_block_that_is_full_leaves_the_rest_for_the_next() -> None:
    """Two mints of all the money that one block may mint."""
    here = Court()
    units = ((2**62 - 1, 1),)
    frames = [makers.mint(here.chain_id, number, denominations=units, expiry=900).data for number in (1, 2)]
    said, _ = here.in_block(*frames)
    assert sorted(said) == sorted([("ok", None), ("block_full", "8.5.5")])
    here.machine.forget()
    assert here.judge(*frames) == [("verified", None)] * 2
    here.turn()
    assert sorted(here.answer(data)[0] for data in frames) == ["final", "verified"]
    here.turn()
    assert [here.answer(data)[0] for data in frames] == ["final"] * 2


# -- what the node itself cannot do ---------------------------------------------------------------------------


# SPEC LEDGER-18.1, LEDGER-7.25, LEDGER-21.1.6
def test_a_node_without_the_key_of_the_epoch() -> None:
    """It says nothing about the envelope, and judges the same bytes when it has the key."""
    here = Court()
    envelope = here.built().seal()
    key = here.epoch_keys.keys.pop(1)
    assert here.judge(envelope) == [("not_ready", None)]
    with pytest.raises(errors.NotReady):
        here.in_block(envelope)
    here.epoch_keys.keys[1] = key
    here.accepts(envelope)


# SPEC LEDGER-18.1, LEDGER-16.1.4, LEDGER-21.1.6
def test_a_node_with_too_much_to_do() -> None:
    here = Court(waiting_max=2)
    frames = [here.house.mint(here.owner, number) for number in (1, 2, 3)]
    assert [here.judge_at_door(data) for data in frames] == [("ok", None)] * 2 + [("overloaded", None)]
    here.turn()
    here.accepts(frames[2])
    assert [here.answer(data)[0] for data in frames] == ["final"] * 3


class Failing(SeededRandomness):
    """A generator that can break down."""

    broken = False

    def bytes(self, count: int) -> bytes:
        if self.broken:
            raise OSError("no random numbers")
        return super().bytes(count)


# SPEC LEDGER-18.1, LEDGER-21.1.6
def test_a_fault_of_the_node_is_no_fault_of_the_envelope() -> None:
    randomness = Failing(5)
    here = Court(randomness=randomness)
    envelope = here.built().seal()
    randomness.broken = True
    assert here.judge(envelope) == [("internal", None)]
    randomness.broken = False
    here.accepts(envelope)


# SPEC LEDGER-18.1, LEDGER-8.2.1
def test_a_segment_that_was_dropped() -> None:
    here = Court({Parameter.PROOF_RETENTION: 1})
    here.mint()
    height = here.height
    assert here.run(here.engine.block_proofs(height))
    here.turn(2 * DAY_S * 1000)
    here.run(here.engine.provider.chores.do(here.machine))
    with pytest.raises(errors.Pruned):
        here.run(here.engine.block_proofs(height))
    assert here.run(here.engine.block(height))


# SPEC LEDGER-18.1, LEDGER-21.5.1
def test_what_does_not_exist() -> None:
    here = court()
    engine, far = here.engine, here.height + 1000
    for question in (
        engine.submission(bytes(32)),
        engine.receipt(bytes(32)),
        engine.block(far),
        engine.block_proofs(far),
        engine.output(1 << 40),
        engine.prove_output(0, far),
        engine.parameters(99),
        engine.epoch(99),
    ):
        with pytest.raises(errors.Unknown):
            here.run(question)


# SPEC LEDGER-18.1, LEDGER-21.1.1
def test_codes_at_the_http_door(tmp_path: Path) -> None:
    """Status, code, rule and id as the table says, for a refusal of each kind of status."""

    async def story(world: World) -> None:
        chain_id = world.genesis.chain_id
        good = world.anchor(5)
        for kind, data, refusal, rule in [
            ("operations", good[:-1], errors.NonCanonical, "9.5.1"),
            ("operations", good, errors.AnchorSequence, "A-3"),
            ("operations", makers.anchor(bytes(32), 2, 2).data, errors.WrongChain, "9.5.1"),
            ("operations", makers.anchor(chain_id, 2, 2, signer="kms:audit").data, errors.AnchorKey, "A-1"),
            ("operations", makers.refund(chain_id, bytes(32), cause=2).data, errors.WithdrawState, "WD-2"),
            ("operations", makers.change(chain_id, 1, 900, {1: 16}, signers=(0,)).data, errors.ParamsQuorum, "P-2"),
            ("operations", Frame.of(OpType.COMPLAINT, chain_id, 50, b"").data, errors.NotAvailable, "20.1.2"),
            ("operations", operation_of(chain_id, bytes(32)), errors.EscrowUnknown, "K-21"),
            ("envelopes", b"PLX1" + bytes(8188), errors.EpochUnknown, "V-1"),
            ("envelopes", b"PLX1" + bytes(8189), errors.EnvelopeMalformed, "V-1"),
            ("envelopes", bytes(65_537), errors.TooLarge, "V-1"),
        ]:
            heard = await ask(world.port, "POST", f"/v1/ledger/{kind}", data, OCTETS)
            assert (heard.status, heard.json["code"], heard.json["rule"]) == (refusal.status, refusal.code, rule)
            assert heard.json["funds"] == "unmoved"
        unknown = await ask(world.port, "GET", f"/v1/ledger/envelopes/{'00' * 32}")
        assert (unknown.status, unknown.json["code"]) == (404, errors.Unknown.code)

    async def whole() -> None:
        async with living(tmp_path) as world:
            await story(world)

    run(whole())


def operation_of(chain_id: bytes, cid: bytes) -> bytes:
    return Frame.of(OpType.FINALIZE, chain_id, 50, cid).data


# -- the table ------------------------------------------------------------------------------------------------


BAD, BAD4, BAD5, BAD7 = (f"test_bad_inputs{part}.py" for part in ("", "_4", "_5", "_7"))
ORDER, CODES, CODES2 = "test_rule_order.py::test_each_fault_alone", "test_codes.py", "test_codes_2.py"
MINTS = f"{BAD4}::test_b_15_mints_with_a_fault"
CODES_TRIED: dict[str, str] = {
    "envelope_malformed": f"{BAD5}::test_b_17_cut_and_lengthened",
    "epoch_unknown": ORDER,
    "envelope_unopenable": ORDER,
    "non_canonical": ORDER,
    "shape": ORDER,
    "burn_rule": ORDER,
    "expired": ORDER,
    "fee_too_low": ORDER,
    "key_image_order": ORDER,
    "output_order": ORDER,
    "key_image_spent": ORDER,
    "withdraw_ref_used": ORDER,
    "point_invalid": ORDER,
    "scalar_invalid": ORDER,
    "output_key_reused": ORDER,
    "escrow_refused": ORDER,
    "ring_invalid": ORDER,
    "ring_class": ORDER,
    "anchor_invalid": ORDER,
    "balance": ORDER,
    "ring_glue": ORDER,
    "ring_signature": ORDER,
    "range_proof": ORDER,
    "tx_duplicate": f"{BAD5}::test_b_24_two_signatures_for_one_transaction",
    "wrong_chain": f"{CODES}::test_frames_that_are_none",
    "too_large": f"{CODES}::test_frames_that_are_none",
    "mint_object": MINTS,
    "mint_key": MINTS,
    "mint_signature": MINTS,
    "mint_currency": MINTS,
    "mint_model": MINTS,
    "mint_key_revoked": f"{BAD4}::test_b_15_a_revoked_key",
    "control_bit_used": f"{BAD4}::test_b_15_a_control_bit_counts_once",
    "control_bit_cancelled": f"{BAD4}::test_b_15_cancelled_is_cancelled_and_minted_is_minted",
    "mint_sum": MINTS,
    "mint_owner": MINTS,
    "mint_unit_root": MINTS,
    "mint_kernel": MINTS,
    "cancel_refused": f"{BAD4}::test_b_15_cancels_by_others",
    "withdraw_state": f"{BAD4}::test_b_16_paid_once_and_never_refunded",
    "withdraw_bank": f"{BAD4}::test_b_16_only_the_named_bank_answers",
    "withdraw_too_early": f"{BAD4}::test_b_16_a_time_out_and_an_answer_exclude_each_other_in_a_block",
    "escrow_exists": f"{BAD7}::test_b_26_a_known_escrow_or_channel_key",
    "escrow_unknown": f"{CODES2}::test_checks_of_the_contract",
    "escrow_state": f"{CODES2}::test_checks_of_the_contract",
    "escrow_signature": f"{CODES2}::test_checks_of_the_contract",
    "escrow_claim": f"{CODES2}::test_checks_of_the_contract",
    "escrow_time": f"{CODES2}::test_checks_of_the_contract",
    "escrow_ops": f"{CODES2}::test_checks_of_the_contract",
    "anchor_key": f"{BAD7}::test_b_27_keys_of_another_topic_source_or_role",
    "anchor_sequence": f"{BAD7}::test_b_27_a_sequence_skipped_or_repeated",
    "params_version": f"{BAD7}::test_b_28_versions_skipped_or_repeated",
    "params_quorum": f"{BAD7}::test_b_28_too_few_keys_or_wrong_ones",
    "params_value": f"{BAD7}::test_b_28_values_out_of_bounds",
    "epoch_refused": f"{CODES2}::test_epoch_keys_that_do_not_follow_or_that_nobody_signed",
    "block_full": f"{CODES}::test_a_block_that_is_full_leaves_the_rest_for_the_next",
    "not_available": f"{CODES}::test_frames_that_are_none",
    "not_ready": f"{CODES}::test_a_node_without_the_key_of_the_epoch",
    "overloaded": f"{CODES}::test_a_node_with_too_much_to_do",
    "unknown": f"{CODES}::test_what_does_not_exist",
    "pruned": f"{CODES}::test_a_segment_that_was_dropped",
    "internal": f"{CODES}::test_a_fault_of_the_node_is_no_fault_of_the_envelope",
}
"""Code of section 24 to the test that provokes it through the engine or over HTTP."""
OPENINGS, CONTRACT_TEST = f"{BAD7}::test_b_26_openings_with_a_fault", f"{CODES2}::test_checks_of_the_contract"
LABELS_TRIED: dict[str, str] = {
    **{f"V-{number}": ORDER for number in range(1, 23)},
    **{f"M-{number}": MINTS for number in (*range(1, 7), *range(8, 16))},
    "M-7": f"{BAD4}::test_b_15_a_control_bit_counts_once",
    "MC-1": f"{BAD4}::test_b_15_cancels_by_others",
    "MC-2": f"{BAD4}::test_b_15_cancels_by_others",
    "MC-3": f"{BAD4}::test_b_15_cancelled_is_cancelled_and_minted_is_minted",
    "WD-1": f"{BAD4}::test_b_16_a_reference_is_used_once",
    "WD-2": f"{BAD4}::test_b_16_paid_once_and_never_refunded",
    "WD-3": f"{BAD4}::test_b_16_only_the_named_bank_answers",
    "WD-4": f"{BAD4}::test_b_16_only_the_named_bank_answers",
    "WD-5": f"{BAD4}::test_b_16_a_time_out_and_an_answer_exclude_each_other_in_a_block",
    "WD-6": f"{BAD4}::test_b_16_nobody_takes_the_keys_of_a_refund",
    "E-1": OPENINGS,
    "E-2": OPENINGS,
    "E-3": f"{BAD7}::test_b_26_a_known_escrow_or_channel_key",
    "E-4": OPENINGS,
    "E-5": OPENINGS,
    "E-6": f"{BAD7}::test_b_26_a_burn_that_is_not_the_funding",
    "E-7": f"{BAD}::test_b_01_in_payout_addresses",
    "E-8": f"{BAD7}::test_b_26_top_ups_with_a_fault",
    "E-9": CONTRACT_TEST,
    "E-10": CONTRACT_TEST,
    "E-11": CONTRACT_TEST,
    **{f"K-{number:02}": OPENINGS for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)},
    "K-04": f"{BAD7}::test_b_26_a_known_escrow_or_channel_key",
    "K-13": f"{BAD7}::test_b_26_a_grant_that_has_lapsed",
    "K-14": f"{BAD7}::test_b_26_a_burn_that_is_not_the_funding",
    "K-15": f"{BAD7}::test_b_26_top_ups_with_a_fault",
    "K-16": f"{BAD7}::test_b_26_top_ups_with_a_fault",
    "K-17": f"{BAD}::test_b_01_in_payout_addresses",
    **{label: CONTRACT_TEST for label, _, _ in CONTRACT},
    "A-1": f"{BAD7}::test_b_27_keys_of_another_topic_source_or_role",
    "A-2": f"{BAD7}::test_b_27_keys_of_another_topic_source_or_role",
    "A-3": f"{BAD7}::test_b_27_a_sequence_skipped_or_repeated",
    "A-4": f"{BAD7}::test_b_27_a_log_that_shrinks_or_becomes_another",
    "A-5": f"{BAD7}::test_b_27_two_anchors_of_one_log_in_a_block",
    "P-1": f"{BAD7}::test_b_28_versions_skipped_or_repeated",
    "P-2": f"{BAD7}::test_b_28_too_few_keys_or_wrong_ones",
    "P-3": f"{BAD7}::test_b_28_too_early",
    "P-4": f"{BAD7}::test_b_28_values_out_of_bounds",
    "EK-1": f"{CODES2}::test_epoch_keys_that_do_not_follow_or_that_nobody_signed",
    "EK-2": f"{CODES2}::test_epoch_keys_that_do_not_follow_or_that_nobody_signed",
}
"""Check label to its test. WD-1 is named V-19, WD-6 V-12, and E-1 to E-11 by their label of the contract."""
NO_REFUSAL = {"P-5": "a duty of the node, no check", "EK-3": "a chain of one node has no complaints (20.1.2)"}
ROWS = [f"B-{number:02}" for number in range(1, 29)]


def classes() -> Iterator[type[errors.Rejected] | type[errors.Deferred]]:
    """Every refusal of section 24."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, Refused | Unavailable) and 0 < kind.number < 127:  # type: ignore[attr-defined]
            yield kind


def _tests(place: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", (HERE / place).read_text(), re.MULTILINE))


# SPEC LEDGER-18.1
def test_every_code_is_tried_somewhere() -> None:
    assert set(CODES_TRIED) == {kind.code.removeprefix("ledger.") for kind in classes()}
    for code, place in CODES_TRIED.items():
        path, _, name = place.partition("::")
        assert name in _tests(path), (code, place)


# SPEC LEDGER-18.1
def test_every_label_is_tried_somewhere() -> None:
    assert set(LABELS_TRIED) | set(NO_REFUSAL) == set(errors._RULES)
    for label, place in LABELS_TRIED.items():
        path, _, name = place.partition("::")
        assert name in _tests(path), (label, place)


# SPEC LEDGER-15.1
def test_every_row_of_bad_inputs_has_tests() -> None:
    names = {name for path in HERE.glob("test_bad_inputs*.py") for name in _tests(path.name)}
    tried = {f"B-{name[7:9]}" for name in names if re.match(r"test_b_\d\d_", name)}
    assert tried == set(ROWS)
