"""The state machine: blocks, their order, what is refused, what comes back after a restart."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest

from specie.crypto import merkle
from specie.ledger.engine.closing import IdentityBroken
from specie.ledger.errors import NotReady, StoreDamaged
from specie.ledger.messages.frames import op_id
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import ctx_refund, mask_refund
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.record import BlockRecord, ProofsSegment
from specie.ledger.messages.state import Counters, Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.withdrawals import account_token, withdraw_reference
from specie.ledger.protocol.order import submission_id
from specie.ledger.protocol.rules import Candidate
from specie.ledger.store import reading
from tests.ledger import makers
from tests.ledger.engine.drafts import seal, take_apart
from tests.ledger.engine.house import HeldKeys, House, Purse, code_of, memory, purse


def rich(*names: str, blocks: int = 1) -> tuple[House, list[Purse]]:
    """A chain on which these wallets have money."""
    house, purses = House(), [purse(name) for name in names]
    house.open(*purses)
    house.blocks(blocks)
    return house, purses


# SPEC LEDGER-8.6.3
def test_block_0_is_what_the_genesis_document_says() -> None:
    house = House()
    tip = house.machine.tip
    record = BlockRecord.decode(house.database.read_now(lambda tx: reading.record(tx, 0)) or b"")
    header = tip.header
    assert (header.height, header.time_ms, header.prev_app_hash) == (0, 1000 * house.genesis.created, bytes(32))
    assert (header.epoch, header.params_version, header.ratchet_commit) == (0, 0, bytes(32))
    assert (len(record.public_outputs), record.frames, header.out_size) == (128, (), 128)
    assert [each.class_ for each in record.public_outputs] == [0] * 64 + [1] * 64
    assert tip.counters == Counters(outputs=128)


def test_a_mint_and_a_transfer_take_effect() -> None:
    house, (alice,) = rich("alice")
    bob = purse("bob")
    first = house.machine.tip.header.out_size
    made = house.spend(alice, alice.coins, [(bob.pay, 700)])
    result = house.block(made.envelope)
    record, header = BlockRecord.decode(result.record), Header.decode(result.header)
    assert [code_of(each.refusal) for each in result.verdicts] == ["ok"]
    assert record.tx_leaves == (made.tx_leaf,)
    assert record.key_images == tuple(sorted(made.key_images))
    assert header.tx_root == merkle.root([merkle.leaf_hash(made.tx_leaf)])
    assert result.verdicts[0].leaf == made.tx_leaf
    # the fee output stands last
    assert (record.public_outputs[-1].kind, record.totals.fee) == (3, 1)
    assert [coin.value for coin in house.find_change(bob, first)] == [700]
    assert house.machine.tip.counters.hidden == 2500


# SPEC LEDGER-8.2.4, LEDGER-8.2.5, LEDGER-8.3.1
def test_the_record_lists_are_flat_and_sorted() -> None:
    house, (alice, bob) = rich("alice", "bob")
    one = house.spend(alice, alice.coins, [(bob.pay, 10)])
    two = house.spend(bob, bob.coins, [(alice.pay, 20)])
    result = house.block(one.envelope, two.envelope)
    record, proofs = BlockRecord.decode(result.record), ProofsSegment.decode(result.proofs)
    assert record.tx_leaves == tuple(sorted((one.tx_leaf, two.tx_leaf)))
    assert record.key_images == tuple(sorted((*one.key_images, *two.key_images)))
    rs = [output.R for output in record.outputs]
    assert rs == sorted(rs)
    places = sorted(place for entry in proofs.entries for place in entry.positions)
    assert places == list(range(len(record.outputs)))
    # single pseudo-outputs stand nowhere in it
    assert len(result.record) == 630 * 2 + 32 * 2 - 32 * 2 + 110 + 301 or len(result.record) < 2 * 700 + 500


# SPEC LEDGER-8.5.1, LEDGER-16.1.2
@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    """The same frames in any order, in bundles or not, known before or not: one app_hash."""
    house, purses = rich("alice", "bob", "carol", blocks=2)
    alice, bob, carol = purses
    frames = [house.spend(each, each.coins[:1], [(alice.pay, 5)]).envelope for each in purses]
    frames += [house.spend(carol, carol.coins[:1], [(bob.pay, 6)], ring_seed=1).envelope]
    frames += [house.mint(bob, 7), makers.anchor(house.chain_id, 1, 4).data, frames[0]]
    expected = house.finalize(*frames)
    random = Random(seed)
    for _ in range(3):
        random.shuffle(frames)
        bundled = frames
        if random.random() < 0.5:
            envelopes = [frame for frame in frames if frame[:4] == b"PLX1"]
            bundle = b"PLB1" + len(envelopes).to_bytes(2, "little")
            bundle += b"".join(len(each).to_bytes(4, "little") + each for each in envelopes)
            bundled = [*(frame for frame in frames if frame[:4] != b"PLX1"), bundle]
        if random.random() < 0.5:
            house.machine.forget()
        result = house.finalize(*bundled)
        assert (result.app_hash, result.record) == (expected.app_hash, expected.record)


# SPEC LEDGER-8.5.2, LEDGER-8.5.3, LEDGER-8.5.4, LEDGER-15.8
def test_a_double_spend_in_one_block_leaves_one() -> None:
    house, (alice,) = rich("alice")
    bob, carol = purse("bob"), purse("carol")
    one = house.spend(alice, alice.coins[:1], [(bob.pay, 5)])
    two = house.spend(alice, alice.coins[:1], [(carol.pay, 5)], ring_seed=2)
    assert one.key_images == two.key_images
    result = house.block(one.envelope, two.envelope)
    codes = {each.ident: code_of(each.refusal) for each in result.verdicts}
    winner, loser = sorted((one, two), key=lambda each: each.tx_leaf)
    assert (codes[winner.env_id], codes[loser.env_id]) == ("ok", "key_image_spent")
    assert BlockRecord.decode(result.record).tx_leaves == (winner.tx_leaf,)
    # and in history
    assert house.codes(loser.envelope) == ["key_image_spent"]


# SPEC LEDGER-8.5.4, LEDGER-15.25
def test_a_second_envelope_of_one_transaction_is_a_duplicate() -> None:
    house, (alice,) = rich("alice")
    made = house.spend(alice, alice.coins[:1], [(alice.pay, 5)], portable=True)
    draft = take_apart(house, made.envelope)
    again = seal(house, draft)
    assert again != made.envelope
    codes = house.codes(made.envelope, again, made.envelope)
    assert sorted(codes) == ["ok", "tx_duplicate", "tx_duplicate"]
    assert house.codes(again) == ["tx_duplicate"]
    assert house.machine.check([again])[0].leaf == made.tx_leaf


# SPEC LEDGER-9.5.6
def test_a_final_operation_changes_nothing_again() -> None:
    house = House()
    frame = house.mint(purse("alice"))
    assert house.codes(frame) == ["ok"]
    before = house.machine.tip.counters
    assert house.codes(frame) == ["tx_duplicate"]
    assert house.machine.tip.counters == before
    assert code_of(house.machine.check([frame])[0].refusal) == "tx_duplicate"


# SPEC LEDGER-9.2.1
def test_blocks_without_fees_have_no_fee_output() -> None:
    house = House()
    result = house.block()
    assert BlockRecord.decode(result.record).public_outputs == ()
    assert Header.decode(result.header).out_size == 128


# SPEC LEDGER-7.25
def test_a_missing_key_is_never_a_bad_envelope() -> None:
    house, (alice,) = rich("alice")
    made = house.spend(alice, alice.coins, [(alice.pay, 5)])
    other = House(house.genesis, house.database, HeldKeys())
    assert isinstance(other.machine.check([made.envelope])[0].refusal, NotReady)
    with pytest.raises(NotReady):
        other.finalize(made.envelope)
    with pytest.raises(NotReady):
        other.machine.process([made.envelope], other.height + 1, other.machine.tip.time_ms + 1)


# SPEC LEDGER-9.10.4, LEDGER-20.1.1, LEDGER-12.3.2
def test_epochs_overlap_for_the_grace_and_their_keys_are_erased() -> None:
    settings = dict(makers.genesis().settings) | {Parameter.EPOCH_BLOCKS: 100, Parameter.ANCHOR_WINDOW: 10}
    house, alice = House(makers.genesis(settings=settings)), purse("alice")
    house.block(house.epoch(1, 2, 8))
    house.fund(alice)
    old = house.spend(alice, alice.coins[:1], [(alice.pay, 5)], anchor=2).envelope
    house.block(house.epoch(2, 6, 9))
    assert house.machine.tip.rules.live == {1}
    house.blocks(2)
    # height 6: epoch 1 ended at 5 and has its grace of min(10, 50) blocks, but not beyond the end of epoch 2
    assert house.machine.tip.rules.live == {1, 2}
    assert code_of(house.machine.check([old])[0].refusal) == "ok"
    house.blocks(8)
    assert house.height == 13
    assert house.machine.tip.rules.live == {1, 2}
    assert house.keys.erased == []
    house.blocks(1)
    # the last block of epoch 2 is durable: the key of epoch 1 is gone
    assert house.keys.erased == [1]
    assert house.machine.tip.rules.live == frozenset()
    assert code_of(house.machine.check([old])[0].refusal) == "epoch_unknown"


# SPEC LEDGER-16.3.2
def test_process_accepts_conflicts_inside_the_block_only() -> None:
    house, (alice,) = rich("alice")
    one = house.spend(alice, alice.coins[:1], [(alice.pay, 5)]).envelope
    two = house.spend(alice, alice.coins[:1], [(alice.pay, 6)], ring_seed=3).envelope
    height, time_ms = house.height + 1, house.machine.tip.time_ms + 9
    assert house.machine.process([one, two], height, time_ms)
    assert not house.machine.process([one, b"PLX1" + bytes(8188)], height, time_ms)
    assert not house.machine.process([b"PLB1\0\0"], height, time_ms)
    assert not house.machine.process([one], height + 1, time_ms)
    house.block(one)
    assert not house.machine.process([two], height + 1, time_ms + 9)


def test_propose_takes_what_fits_and_does_not_conflict() -> None:
    house, (alice, bob) = rich("alice", "bob")
    frames = [
        house.spend(alice, alice.coins[:1], [(bob.pay, 5)]).envelope,
        house.spend(alice, alice.coins[:1], [(bob.pay, 6)], ring_seed=3).envelope,
        house.spend(bob, bob.coins[:1], [(bob.pay, 6)]).envelope,
        house.mint(bob, 5),
    ]
    assert [code_of(each.refusal) for each in house.machine.check(frames)] == ["ok"] * 4
    chosen = house.machine.propose(1 << 20, 0)
    assert len(chosen) == 3
    assert chosen[-1] == frames[3]
    leaves = [house.machine.check([each])[0].leaf for each in chosen[:2]]
    assert leaves == sorted(leaves)
    assert house.machine.propose(8192, 0) in ([frames[0]], [frames[0]])
    assert house.machine.propose(1 << 20, 0, 1) == [frames[0]]
    assert house.codes(*chosen) == ["ok"] * 3
    # the one that lost is still there, and is told so by its block
    left = house.machine.propose(1 << 20, 0)
    assert left == [frames[1]]
    assert house.codes(*left) == ["key_image_spent"]
    assert house.machine.propose(1 << 20, 0) == []


# SPEC LEDGER-8.7.2, LEDGER-16.2.7
def test_a_node_that_starts_again_stands_where_it_stood() -> None:
    house, (alice,) = rich("alice", blocks=3)
    house.block(house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope)
    again = house.again()
    one, other = house.machine.tip, again.machine.tip
    assert replace(one, images=other.images, state=other.state) == other or one.app_hash == other.app_hash
    assert (one.counters, one.held, one.epochs, one.rules) == (other.counters, other.held, other.epochs, other.rules)
    assert (one.images.root(), one.state.root()) == (other.images.root(), other.state.root())
    assert again.machine.chain.log_at == house.machine.chain.log_at
    for height, (images, state) in house.machine.chain.trees.items():
        found = again.machine.chain.trees[height]
        assert (found[0].root(), found[1].root()) == (images.root(), state.root())
    frame = house.mint(alice, 4)
    assert again.finalize(frame).app_hash == house.finalize(frame).app_hash


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE alembic SET x = 1",
        "INSERT INTO output(idx, class, height, data) VALUES (9999, 0, 1, X'00')",
        "INSERT INTO key_image(image, height) VALUES (X'0102', 1)",
        "INSERT INTO entry(domain, id, height, value) VALUES (9, X'01', 1, X'00')",
    ],
    ids=["nothing", "output", "key image", "entry"],
)
def test_rows_that_do_not_give_the_last_header_stop_the_start(spoil: str) -> None:
    house, (alice,) = rich("alice")
    house.block(house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope)
    if spoil.startswith("UPDATE"):
        assert house.again().height == house.height
        return
    house.database.write_now(lambda tx: tx.run(spoil))
    with pytest.raises((StoreDamaged, Exception)) as caught:
        house.again()
    assert caught.type.__name__ in ("StoreDamaged", "BadPoint", "WrongLength")


def test_another_genesis_is_refused() -> None:
    house = House()
    with pytest.raises(StoreDamaged):
        House(makers.genesis(random=bytes(31) + b"\1"), house.database)


# SPEC LEDGER-8.7.2
@pytest.mark.parametrize("table", ["output", "used_point", "key_image", "leaf", "entry", "submission", "once"])
def test_a_crash_inside_the_commit_leaves_nothing(table: str) -> None:
    """The write of one table fails: the block is not there, and made again it is the same."""
    house, (alice,) = rich("alice")
    frames = [house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope, house.mint(alice, 4)]
    house.database.write_now(
        lambda tx: tx.run(
            f"CREATE TRIGGER crash BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END"
        )
    )
    height, result = house.height, house.finalize(*frames)
    house.machine.seal(house.sign(result.height, result.app_hash))
    with pytest.raises(Exception, match="the disk is gone"):
        house.machine.commit()
    assert house.height == height
    house.database.write_now(lambda tx: tx.run("DROP TRIGGER crash"))
    again = house.again()
    assert again.height == height
    assert again.block(*frames).app_hash == result.app_hash
    # the machine that saw the failure can go on too
    assert again.height == height + 1


def test_a_block_must_follow_the_last_one() -> None:
    house = House()
    time_ms = house.machine.tip.time_ms
    for height, at in [(2, time_ms + 1), (0, time_ms + 1), (1, time_ms)]:
        with pytest.raises(ValueError, match="does not follow"):
            house.machine.finalize([], height, at)
    with pytest.raises(RuntimeError):
        house.machine.commit()
    with pytest.raises(RuntimeError):
        house.machine.seal(b"")


# -- withdrawals


def withdraw(house: House, wallet: Purse, value: int, salt: bytes = bytes(32)) -> tuple[bytes, bytes, bytes]:
    """(envelope, withdraw_ref, token) of a withdrawal to the account `1`."""
    token = account_token("1", salt)
    ref = withdraw_reference(makers.BANK, token)
    ctx, mask = ctx_refund(house.chain_id, ref), mask_refund(house.chain_id, ref)
    stub = wallet.keys.refund_stub(0, 1, ctx, value, mask, sha256(salt).digest()[:16])
    made = house.spend(wallet, wallet.coins[:1], [], kind=2, burn=value, extra=ref + stub)
    return made.envelope, ref, token


def state_of(house: House, ref: bytes) -> WithdrawalState:
    value = house.machine.chain.entry(Domain.WITHDRAWAL, ref)
    assert value is not None
    return WithdrawalState.decode(value)


# SPEC LEDGER-7.11, LEDGER-9.3.1, LEDGER-9.3.2, LEDGER-9.3.6, LEDGER-15.17, LEDGER-9.4.1
def test_a_withdrawal_is_paid_once() -> None:
    house, (alice,) = rich("alice")
    envelope, ref, token = withdraw(house, alice, 300)
    again = withdraw(house, replace(alice, coins=alice.coins[1:]), 300)[0]
    codes = house.codes(envelope, again)
    assert sorted(codes) == ["ok", "withdraw_ref_used"]
    assert house.machine.tip.held.waiting == 1
    assert (house.machine.tip.counters.pending, house.machine.tip.counters.hidden) == (300, 2200)
    stub = state_of(house, ref).stub
    assert house.machine.chain.used(stub.P + stub.R) == b"\1\1"
    assert house.again().machine.chain.used(stub.P + stub.R) == b"\1\1"
    paid = makers.paid(house.chain_id, ref, token).data
    assert house.codes(makers.refund(house.chain_id, ref, cause=2).data) == ["withdraw_too_early"]
    assert house.codes(paid, makers.refund(house.chain_id, ref, token).data) == ["ok", "withdraw_state"]
    counters = house.machine.tip.counters
    assert (counters.pending, counters.paid_account, house.machine.tip.held.waiting) == (0, 300, 0)
    assert state_of(house, ref).status == WithdrawalStatus.PAID
    assert house.codes(makers.paid(house.chain_id, ref, token, outcome=2).data) == ["withdraw_state"]


# SPEC LEDGER-9.3.5, LEDGER-8.4.1
def test_a_withdrawal_that_nobody_answers_comes_back() -> None:
    house, (alice,) = rich("alice")
    envelope, ref, _ = withdraw(house, alice, 300)
    assert house.codes(envelope) == ["ok"]
    late = makers.refund(house.chain_id, ref, cause=2).data
    timeout_ms = house.machine.tip.rules.parameters.withdraw_timeout_s * 1000
    assert house.codes(late, step_ms=timeout_ms - 1) == ["withdraw_too_early"]
    first = house.machine.tip.header.out_size
    assert house.codes(late, step_ms=1) == ["ok"]
    rows = house.database.read_now(lambda tx: reading.outputs(tx, first, 9))
    ctx, mask = ctx_refund(house.chain_id, ref), mask_refund(house.chain_id, ref)
    (owned,) = alice.keys.open([(ctx, rows[0][3], 5, mask)])
    assert owned is not None
    assert (owned.value, owned.status, rows[0][1]) == (300, "ours", 1)
    assert house.machine.tip.counters.hidden == 2500
    assert house.again().machine.tip.app_hash == house.machine.tip.app_hash


# -- parameters


# SPEC LEDGER-9.8.5, LEDGER-7.26, LEDGER-7.24
def test_a_change_takes_effect_at_its_height_and_empties_the_cache() -> None:
    house, (alice,) = rich("alice")
    made = house.spend(alice, alice.coins[:1], [(alice.pay, 5)]).envelope
    assert code_of(house.machine.check([made])[0].refusal) == "ok"
    effective = house.height + 3
    frame = makers.change(house.chain_id, 1, effective, {Parameter.FEE_MIN: (7, 8, 9, 10)}).data
    assert house.codes(frame) == ["ok"]
    assert house.machine.tip.rules.parameters.version == 0
    house.blocks(1)
    assert house.machine.tip.rules.height == effective
    assert house.machine.tip.rules.parameters.fee_min == (7, 8, 9, 10)
    assert house.again().machine.tip.rules == house.machine.tip.rules
    assert len(house.machine._cache) == 0
    result = house.block(made)
    assert code_of(result.verdicts[0].refusal) == "fee_too_low"
    assert Header.decode(result.header).params_version == 1


def test_a_key_that_is_set_counts_from_its_height_on() -> None:
    house = House()
    entry = makers.entry("kms:audit", makers.Role.ANCHOR, makers.KMS, topic=9)
    frame = makers.change(house.chain_id, 1, 3, makers.set_keys(entry)).data
    anchored = makers.anchor(house.chain_id, 1, 4, topic=9, source=makers.KMS, signer="kms:audit").data
    assert house.codes(frame, anchored) == ["ok", "anchor_key"]
    assert house.codes(anchored) == ["anchor_key"]
    assert house.codes(anchored) == ["ok"]
    assert house.again().machine.tip.app_hash == house.machine.tip.app_hash


# SPEC LEDGER-9.4.1
def test_a_block_that_would_break_an_identity_stops_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    house, (alice,) = rich("alice")
    made = house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope
    tip = house.machine.tip
    house.machine.tip = replace(tip, counters=replace(tip.counters, burned=tip.counters.burned + 1))
    with pytest.raises(IdentityBroken):
        house.finalize(made)
    house.machine.tip = tip
    assert house.codes(made) == ["ok"]


def test_ids_of_frames_and_envelopes() -> None:
    house = House()
    frame = house.mint(purse("alice"))
    verdict = house.machine.check([frame])[0]
    assert (verdict.ident, verdict.leaf, verdict.number) == (submission_id(frame), op_id(frame), 0)
    assert house.machine.check([b"nothing"])[0].number == 4


# SPEC LEDGER-16.2.8, LEDGER-8.2.3, LEDGER-6.2.2, LEDGER-8.2.5
def test_rings_and_signatures_leave_no_trace() -> None:
    """After the commit neither the memory nor any table holds a part of what the envelope kept to itself."""
    house, (alice,) = rich("alice")
    made = house.spend(alice, alice.coins, [(alice.pay, 5)], portable=True)
    draft = take_apart(house, made.envelope)
    house.machine.check([made.envelope])
    result = house.block(made.envelope)
    private = [draft.salt, made.envelope[17:200], *draft.pseudo]
    private += [signature[:96] for signature in draft.signatures]
    assert len(house.machine.pool) == 0
    assert house.machine.pool.bytes == 0
    assert submission_id(made.envelope) not in house.machine._cache
    names = house.database.read_now(lambda tx: tx.all("SELECT name FROM sqlite_master WHERE type = 'table'"))
    stored = [result.header, result.record, result.proofs]
    for (name,) in names:
        rows = house.database.read_now(lambda tx, name=name: tx.all(f"SELECT * FROM {name}"))
        stored += [value for row in rows for value in row if isinstance(value, bytes)]
    assert not [secret for secret in private for value in stored if secret in value]
    # the public part is there: the test looks where it should
    assert any(draft.images[0] in value for value in stored)


# SPEC LEDGER-16.1.1, LEDGER-16.1.2
def test_two_chains_of_one_genesis_are_the_same_chain() -> None:
    one, other = House(database=memory()), House(database=memory())
    frame = one.mint(purse("alice"))
    assert one.block(frame).app_hash == other.block(frame).app_hash


# SPEC LEDGER-8.5.5
def test_a_block_moves_no_more_than_fits_an_amount() -> None:
    house, alice = House(), purse("alice")
    most = ((2**62 - 1, 1),)
    one, two = house.mint(alice, 1, most), house.mint(alice, 2, most)
    assert sorted(house.codes(one, two)) == ["block_full", "ok"]
    left = two if op_id(one) < op_id(two) else one
    assert house.codes(left) == ["ok"]
    assert house.machine.tip.counters.minted == 2 * (2**62 - 1)
    assert house.again().machine.tip.counters == house.machine.tip.counters


def test_a_value_read_while_a_block_replaced_it_is_not_kept() -> None:
    """A checking thread reads an entry, a block replaces it, and only then does the thread get on."""
    house = House()
    chain, key = house.machine.chain, (int(Domain.COUNTERS), b"")
    again = house.again().machine.chain
    real = again.database

    class Overtaken:
        def read_now(self, work: object) -> object:
            found = real.read_now(work)  # type: ignore[arg-type, var-annotated]
            again.wrote({key: b"new"})
            return found

    again.database = Overtaken()  # type: ignore[assignment]
    assert again.entry(*key) == chain.entry(*key)
    assert again.entry(*key) == b"new"


def test_a_transaction_that_nobody_verified_is_never_applied() -> None:
    house, (alice,) = rich("alice")
    made = house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope
    house.machine.check([made])
    candidate = house.machine._cache[submission_id(made)]
    assert isinstance(candidate, Candidate)
    candidate.is_proven = False
    with pytest.raises(AssertionError):
        house.finalize(made)
