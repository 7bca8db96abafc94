"""A chain of the real state machine, recomputed by the oracle and judged by ledger-verify. Spec: LEDGER 8, 9.4, 13.

Mints, transfers, withdrawals that are paid and refunded, an escrow with its payouts: all roots, masks, equations and
counters come out of the oracle as the machine wrote them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ledger import makers
from ledger.engine.house import House, Purse, purse
from ledger.escrow.makers import Channel, Key
from ledger.wallet.town import Town, in_town
from oracle.issuance import merkle
from oracle.ledger import blocks, bulletproofs_plus, equation, outputs, sparse
from oracle.ledger.blocks import Header, Record
from oracle.ledger.hashes import sha, u64
from oracle.ledger.standalone import codes, run
from specie.kernel.errors import Refused
from specie.ledger.messages import header as header_messages
from specie.ledger.messages import record as record_messages
from specie.ledger.messages.frames import OpType, frame_of
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.outputs import ctx_refund, mask_refund
from specie.ledger.messages.withdrawals import account_token, withdraw_reference
from specie.ledger.protocol import light, light_block
from specie.ledger.store import reading


@dataclass(frozen=True)
class Chain:
    """What a node publishes of a chain, and its entries of the state tree at the tip."""

    genesis: Genesis
    headers: list[bytes]
    finalities: list[bytes]
    records: list[bytes]
    segments: list[bytes]
    state: list[tuple[int, bytes, bytes]]

    @property
    def id(self) -> bytes:
        return self.genesis.chain_id

    def header(self, height: int) -> Header:
        return Header.decode(self.headers[height])


def withdraw(house: House, wallet: Purse, value: int, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """(envelope, withdraw_ref, token)."""
    token = account_token("1", salt)
    ref = withdraw_reference(makers.BANK, token)
    ctx, mask = ctx_refund(house.chain_id, ref), mask_refund(house.chain_id, ref)
    stub = wallet.keys.refund_stub(0, 1, ctx, value, mask, hashlib.sha256(salt).digest()[:16])
    coin = wallet.coins.pop()
    return house.spend(wallet, [coin], [], kind=2, burn=value, extra=ref + stub).envelope, ref, token


def live(house: House) -> None:
    """Everything happens once."""
    alice, bob, carol = purse("alice"), purse("bob"), purse("carol")
    house.block(house.epoch())
    for number, (each, value) in enumerate(((alice, 60_000), (bob, 400), (carol, 70_000)), 1):
        house.fund(each, number, ((value, 1), (value // 2, 1)))
    sent = [
        house.spend(alice, [alice.coins.pop()], [(bob.pay, 30)]),
        house.spend(bob, [bob.coins.pop()], [(alice.pay, 7)], fee=3),
    ]
    assert house.codes(*(each.envelope for each in sent)) == ["ok", "ok"]
    first, paid_ref, paid_token = withdraw(house, alice, 100, b"\x01" * 32)
    second, back_ref, back_token = withdraw(house, bob, 50, b"\x02" * 32)
    assert house.codes(first, second) == ["ok", "ok"]
    paid = makers.paid(house.chain_id, paid_ref, paid_token, outcome=2)
    back = makers.refund(house.chain_id, back_ref, back_token)
    assert house.codes(paid.data, back.data) == ["ok", "ok"]
    now = house.machine.tip.time_ms
    changes = {"ledger_id": house.chain_id, "asset": house.genesis.asset, "opened_ms": now}
    channel = Channel.of(**changes, expires_ms=now + 10 * 86_400_000)
    coin = carol.coins.pop(0)
    opening = house.spend(carol, [coin], [], kind=3, fee=2, burn=channel.burn, extra=channel.opening().encode())
    assert house.codes(opening.envelope) == ["ok"]
    for kind, operation in (
        (OpType.SETTLE, channel.settle(channel.claim(0, 3, 700))),
        (OpType.COOP, channel.cooperate(900)),
    ):
        assert house.codes(frame_of(kind, house.chain_id, house.height + 50, operation.encode())) == ["ok"]
    house.block()


@cache
def chain() -> Chain:
    bank = makers.channel_entry(Key.of("bank").public)
    entries = tuple(sorted([*makers.authorities(), bank], key=lambda each: each.kid))
    house = House(makers.genesis(authorities=entries))
    live(house)
    rows = house.database.read_now(lambda tx: reading.blocks_with_records(tx, 0, 1000))
    state = house.database.read_now(lambda tx: reading.entries_until(tx, house.height))
    headers, finalities = [row.header for row, _, _ in rows], [row.finality for row, _, _ in rows]
    return Chain(house.genesis, headers, finalities, [r for _, r, _ in rows], [s or b"" for _, _, s in rows], state)


def export(folder: Path) -> None:
    made = chain()
    (folder / "genesis.cbor").write_bytes(made.genesis.encode())
    for height in range(len(made.headers)):
        (folder / f"{height}.header").write_bytes(made.headers[height] + made.finalities[height])
        (folder / f"{height}.record").write_bytes(made.records[height])
        (folder / f"{height}.proofs").write_bytes(made.segments[height])


# SPEC LEDGER-8.3.1
def test_every_byte_reads_alike() -> None:
    for header, record, segment in zip(chain().headers, chain().records, chain().segments, strict=True):
        assert Header.decode(header).encode() == header
        assert Header.decode(header).app_hash == header_messages.Header.decode(header).app_hash
        assert Record.decode(record).encode() == record
        assert record_messages.BlockRecord.decode(record).encode() == record
        height, proofs = blocks.read_segment(segment)
        assert blocks.segment(height, proofs) == segment


# SPEC LEDGER-8.6.3
def test_block_0_is_the_oracles() -> None:
    made, header, record = chain(), chain().header(0), Record.decode(chain().records[0])
    assert header.time_ms == 1000 * makers.START_S
    assert (header.prev_app_hash, header.ratchet_commit, header.epoch) == (bytes(32), bytes(32), 0)
    places = [(class_, k) for class_ in (0, 1) for k in range(64)]
    expected = [
        blocks.PublicOutput(outputs.START, class_, bytes(32), outputs.start_output(made.id, class_, k).data)
        for class_, k in places
    ]
    assert record == Record(0, public=expected)


# SPEC LEDGER-8.3.1, LEDGER-8.5.1
def test_every_root_is_the_oracles() -> None:
    entries: list[tuple[int, int, bytes]] = []
    images: dict[bytes, bytes] = {}
    previous = bytes(32)
    for data, record_bytes, segment in zip(chain().headers, chain().records, chain().segments, strict=True):
        header, record = Header.decode(data), Record.decode(record_bytes)
        entries += record.log_entries()
        images |= {sparse.image_key(image): sha(u64(record.height)) for image in record.images}
        assert header.prev_app_hash == previous
        assert (header.record_hash, header.proofs_hash) == (sha(record_bytes), sha(segment))
        assert header.totals == record.totals
        assert (header.tx_root, header.tx_count) == (record.tx_root(), len(record.leaves) + len(record.frames))
        assert (header.out_root, header.out_size) == (merkle.root(blocks.log_leaves(entries)), len(entries))
        assert header.ki_root == sparse.root(images)
        previous = header.app_hash
    tree = {sparse.state_key(domain, ident): sha(value) for domain, ident, value in chain().state}
    assert chain().header(-1).state_root == sparse.root(tree)


# SPEC LEDGER-8.4.1, LEDGER-9.4.1
def test_every_block_balances_and_the_counters_are_the_oracles() -> None:
    masks, supply, pending = equation.Masks(chain().id), equation.Supply(), dict[bytes, int]()
    kinds: set[int] = set()
    for data, record_bytes in zip(chain().headers, chain().records, strict=True):
        record = Record.decode(record_bytes)
        assert equation.holds(record, masks.of(record, Header.decode(data).prev_app_hash))
        kinds |= {made.kind for made in record.public}
        supply.add(record)
        supply.pay(record, pending)
        assert supply.holds()
    assert kinds == {outputs.FEE, outputs.PAYOUT, outputs.REFUND, outputs.START}
    (counters,) = [value for domain, _, value in chain().state if domain == 9]
    assert supply.encode() == counters
    assert (supply.paid_redeemed, supply.refunded, supply.escrow_pool, supply.pending) == (100, 50, 0, 0)
    assert supply.hidden == supply.minted - 100


# SPEC LEDGER-2.5, LEDGER-8.2.1
def test_a_range_proof_of_the_segment_verifies() -> None:
    height = next(h for h, segment in enumerate(chain().segments) if blocks.read_segment(segment)[1])
    record = Record.decode(chain().records[height])
    proof = blocks.read_segment(chain().segments[height])[1][0]
    commitments = [record.outputs[place][32:64] for place in proof.positions]
    assert bulletproofs_plus.verify(commitments, proof.proof, proof.bp_ctx)


# SPEC LEDGER-13.1, LEDGER-13.2
def test_light_verifiers_take_the_chain() -> None:
    made = chain()
    trusted = light.Trusted.of(made.genesis)
    headers = light.verify_headers(trusted, zip(made.headers, made.finalities, strict=True))
    sequences: dict[bytes, int] = {}
    for header, data in zip(headers, made.records, strict=True):
        light_block.verify_equation(header, light_block.verify_record(header, data), sequences)
    with pytest.raises(Refused):
        light_block.verify_record(headers[3], made.records[4])


# SPEC LEDGER-13.2, LEDGER-8.4.1
def test_ledger_verify_takes_the_chain_and_finds_a_changed_bit(tmp_path: Path) -> None:
    export(tmp_path)
    done = run(tmp_path, "blocks", ".", "--chain", chain().id.hex(), "--ranges")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"verified {len(chain().headers)} block" in done.stdout
    # three mints, two transfers, two withdrawals and one funding
    assert "8 range proofs were judged" in done.stdout
    record = bytearray(chain().records[5])
    record[len(record) // 2] ^= 1
    (tmp_path / "5.record").write_bytes(record)
    assert codes(tmp_path, "blocks", ".") == ["RECORD"]


# -- what the engine answers, and what wallets prove ----------------------------------------------------------


# SPEC LEDGER-13.2, LEDGER-21.5.1
@in_town
async def test_answers_of_the_engine_hold_without_it(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    paid = await alice.pay(bob.address(0, 3), 250)
    trusted = light.Trusted.of(town.house.genesis)
    engine = town.engine
    tip = (await engine.status()).height
    headers = light.verify_headers(trusted, await engine.headers(0, tip + 1))
    record = Record.decode(await engine.block(tip))
    assert light_block.verify_record(headers[-1], record.encode()).height == paid.height == tip
    for leaf in record.leaves:
        assert light.verify_receipt(trusted, await engine.receipt(leaf), leaf).header == headers[-1]
    for ident, present in ((b"", True), (b"\x01" * 32, False)):
        data = await engine.state_receipt(9 if present else 3, ident)
        found = light.verify_state_receipt(trusted, data, 9 if present else 3, ident)
        assert bool(found.value) is present
    for image in record.images:
        said = await engine.prove_key_image(image)
        light.verify_spent(headers[said.height], image, tip, bytes.fromhex(said.proof))
        sparse.check(headers[said.height].ki_root, sparse.image_key(image), sha(u64(tip)), bytes.fromhex(said.proof))
    for index in (0, 64, headers[-1].out_size - 1):
        proof = await engine.prove_output(index)
        leaf, path = bytes.fromhex(proof.leaf), [bytes.fromhex(step) for step in proof.path]
        light.verify_output(headers[proof.height], index, leaf[0], int.from_bytes(leaf[1:9], "little"), leaf[9:], path)
    for first in range(tip + 1):
        light.verify_growth(headers[first], headers[-1], await engine.prove_consistency(first, tip))


# SPEC LEDGER-13.2, LEDGER-13.5
@in_town
async def test_proofs_of_wallets_hold_in_a_program_that_has_no_wallet(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    paid = await alice.pay(bob.address(0, 3), 250)
    await bob.sync()
    (owned,) = [each for each in await bob.outputs() if each.value]
    made = {
        "payment": await alice.prover.prove_payment(paid.id),
        "receive": await bob.prover.prove_receive(owned.number, b"court-7"),
        "reserve": await bob.prover.prove_reserve(b"court-7", 200),
    }
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "genesis.cbor").write_bytes(await town.engine.genesis())
        (folder / "receipt").write_bytes(await town.engine.receipt(paid.leaf or b""))
        (folder / "state").write_bytes(await town.engine.state_receipt(9, b""))
        for kind, proof in made.items():
            (folder / kind).write_bytes(proof.encode())
        for kind in ("receipt", "state", *made):
            asked = ("--genesis", "genesis.cbor", "--challenge", b"court-7".hex())
            assert codes(folder, kind, kind, *asked) == [], kind
        assert codes(folder, "receive", "receive", "--genesis", "genesis.cbor", "--challenge", "00") == ["CHALLENGE"]
