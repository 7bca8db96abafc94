"""The vectors of the chapter: `hash`, `cms_l`, `channel`, `escrow`, and `must_reject` where the ledger refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from specie.crypto import lockable
from specie.ledger.errors import Rejected
from specie.ledger.messages.escrow import (
    ChannelBody,
    ChannelState,
    EscrowStatus,
    EscrowType,
    Open,
    OpenLock,
    Record,
    TopUp,
    decode_funding,
    decode_operation,
)
from specie.ledger.messages.state import Domain
from tests.ledger.escrow.ledger import Books, Names
from tests.ledger.escrow.makers import Wallet

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "micropay" / "cms.json").read_text())
STEPS = {name: step for name, step in VECTORS["escrow"].items() if isinstance(step, dict) and "after" in step}
REJECTED = [case for case in VECTORS["must_reject"] if case["where"] == "ledger"]
PARTIES = {"C": 0, "V": 1}
WALLET = Wallet.of("client")


def books() -> Books:
    fields = VECTORS["channel"]["fields"]
    names = Names(bytes.fromhex(fields["ledger_id"]), bytes.fromhex(fields["asset"]))
    return Books(names, bytes.fromhex(VECTORS["channel"]["keys"]["bank"]["P"]))


def with_points(operation: bytes, chain_id: bytes) -> bytes:
    """The vectors have opaque bytes where LEDGER wants points, and no signature of the wallet in TOPUP."""
    if operation[0] == EscrowType.OPEN:
        return operation[:-192] + WALLET.pay + Wallet.of("vendor").pay
    top_up = decode_funding(operation)
    assert isinstance(top_up, TopUp) and top_up.signature == bytes(64)
    return WALLET.sign(top_up, chain_id).encode()


def execute(ledger: Books, operation: dict[str, Any], time_ms: int) -> list[tuple[int, int]]:
    body = bytes.fromhex(operation["bytes"])
    assert len(body) == operation.get("length", len(body))
    if operation["type"] > EscrowType.TOPUP:
        return ledger.send(operation["type"], body, time_ms)
    ledger.fund(with_points(body, ledger.genesis.chain_id), operation["burn"], time_ms)
    return []


def shown(record: Record) -> dict[str, Any]:
    """A record as the vectors write it."""

    def lock_of(lock: OpenLock | None) -> dict[str, Any] | None:
        if lock is None:
            return None
        point, digest = lock.point.hex(), lock.digest.hex()
        return {"i": lock.index, "A": lock.amount, "m": digest, "T": point, "answer_by": lock.answer_by_ms}

    return {
        "status": record.status.name,
        "F": record.capacity,
        "bond": record.bond,
        "n_max": record.index_max,
        "T_exp": record.expires_ms,
        "t_close": record.close_ms,
        "paid_C": record.paid_client,
        "paid_V": record.paid_vendor,
        "bond_paid": record.bond_paid,
        "taken": record.taken,
        "lanes": [
            {
                "best_i": lane.best_index,
                "best_A": lane.best_amount,
                "best_j": lane.best_ticks,
                "best_hash": lane.best_digest.hex(),
                "fraud_i": lane.fraud_index,
                "open_lock": lock_of(lane.lock),
            }
            for lane in record.lanes
        ],
    }


def put_record(ledger: Books, wanted: dict[str, Any]) -> Record:
    """Open the demo channel and bring its record to where a vector starts."""
    opening = VECTORS["escrow"]["open"]
    execute(ledger, opening["op"], opening["ledger_time"])
    record = ledger.record(bytes.fromhex(VECTORS["channel"]["cid"]))
    record.status = EscrowStatus[wanted["status"]]
    record.capacity, record.bond, record.index_max = wanted["F"], wanted["bond"], wanted["n_max"]
    record.expires_ms, record.close_ms = wanted["T_exp"], wanted["t_close"]
    record.paid_client, record.paid_vendor = wanted["paid_C"], wanted["paid_V"]
    record.bond_paid, record.taken = wanted["bond_paid"], wanted["taken"]
    for lane, given in zip(record.lanes, wanted["lanes"], strict=True):
        lane.best_index, lane.best_amount, lane.best_ticks = given["best_i"], given["best_A"], given["best_j"]
        lane.best_digest, lane.fraud_index = bytes.fromhex(given["best_hash"]), given["fraud_i"]
        lock = given["open_lock"]
        lane.lock = lock and OpenLock(
            lock["i"], lock["A"], bytes.fromhex(lock["m"]), bytes.fromhex(lock["T"]), lock["answer_by"]
        )
    ledger.put(Domain.ESCROW, record.cid, record.encode())
    assert shown(ledger.record(record.cid)) == wanted
    return record


# SPEC LEDGER-9.6.1, LEDGER-9.6.6
def test_open() -> None:
    opening, ledger = VECTORS["escrow"]["open"], books()
    assert execute(ledger, opening["op"], opening["ledger_time"]) == []
    cid = bytes.fromhex(VECTORS["channel"]["cid"])
    assert shown(ledger.record(cid)) == opening["after"]
    assert ledger.totals.escrow_in == opening["op"]["burn"]
    assert ledger.get(Domain.CHANNEL_KEY, ledger.record(cid).client_key) == cid


# SPEC MICROPAY-3.9.1, MICROPAY-5.1.1
@pytest.mark.parametrize("name", [name for name in STEPS if name != "open"])
def test_step(name: str) -> None:
    step, ledger = STEPS[name], books()
    record = put_record(ledger, step["before"])
    payments = execute(ledger, step["op"], step["ledger_time"])
    assert payments == [(PARTIES[payout["party"]], payout["amount"]) for payout in step["payouts"]]
    assert shown(ledger.record(record.cid)) == step["after"]
    assert ledger.totals.escrow_out == sum(amount for _, amount in payments)


# SPEC MICROPAY-3.9.2, MICROPAY-5.1.2
@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case["name"])
def test_must_reject(case: dict[str, Any]) -> None:
    ledger = books()
    for earlier in case["setup"]["ops_before"]:
        execute(ledger, earlier["op"], earlier["ledger_time"])
    if case["setup"]["before"]:
        assert shown(ledger.record(bytes.fromhex(VECTORS["channel"]["cid"]))) == case["setup"]["before"]
    before = ledger.snapshot()
    with pytest.raises(Rejected) as caught:
        execute(ledger, case["input"], case["ledger_time"])
    assert (caught.value.code, caught.value.number, caught.value.rule) == (case["code"], case["number"], case["rule"])
    assert ledger.snapshot() == before


def test_the_vectors_name_every_code_of_the_ledger() -> None:
    from specie.ledger.errors import of_rule

    for row in VECTORS["codes"]["ledger"]:
        refusal = of_rule(row["rule"])
        assert (refusal.code, refusal.number, refusal.status) == (row["code"], row["number"], row["http"])


def test_channel_body_and_open() -> None:
    channel = VECTORS["channel"]
    body = ChannelBody.decode(bytes.fromhex(channel["body"]))
    assert body.encode().hex() == channel["body"]
    assert (body.cid.hex(), body.tx_0.hex()) == (channel["cid"], channel["Tx_0"])
    operation = bytes.fromhex(VECTORS["escrow"]["open"]["op"]["bytes"])
    opening = decode_funding(operation)
    assert isinstance(opening, Open) and opening.encode() == operation
    assert opening.grant.hex() == channel["sigma_0"] and opening.pay_client.hex() == channel["pay_C"]


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if step["op"]["type"] > EscrowType.TOPUP])
def test_operations_encode_to_their_bytes(name: str) -> None:
    operation = STEPS[name]["op"]
    body = bytes.fromhex(operation["bytes"])
    assert decode_operation(operation["type"], body).encode() == body


# SPEC LEDGER-9.6.10
def test_hashes_locks_and_chains() -> None:
    hashes, chain = VECTORS["hash"], VECTORS["cms_l"]
    for name in ("TH_empty", "TH_demo"):
        item = hashes[name]
        assert lockable.tagged_hash(item["tag"], bytes.fromhex(item["data"])).hex() == item["out"]
    assert lockable.wide_scalar("demo/x", b"client").hex() == hashes["WS_demo"]["out"]
    cid, public = bytes.fromhex(chain["cid"]), bytes.fromhex(chain["P_C"])
    top, length = bytes.fromhex(chain["w_16"]), chain["N"]
    assert lockable.walk_chain("w", cid, 0, 0, length, top, length).hex() == chain["w_0"]
    assert lockable.walk_chain("v", cid, 0, 0, length, bytes.fromhex(chain["v_16"]), length).hex() == chain["v_0"]
    for given in chain["states"]:
        point, secret = bytes.fromhex(given["T"]), bytes.fromhex(given["t"])
        state = ChannelState(
            given["i"],
            given["A"],
            given["ts"],
            given["kind"],
            point,
            bytes.fromhex(given["Tx"]),
            given["epoch"],
            bytes.fromhex(given["v_0"]),
        )
        assert state.digest(cid, given["lane"]).hex() == given["m"]
        nonce, scalar = bytes.fromhex(given["R_hat"]), bytes.fromhex(given["k"])
        assert lockable.verify_lock(public, state.digest(cid, 0), point, nonce, scalar)
        assert lockable.is_opening(secret, point)
        witness = bytes.fromhex(given["w"])
        assert lockable.witness_point(cid, 0, 0, given["i"], witness) == point
        assert lockable.walk_chain("w", cid, 0, 0, given["i"], witness, given["i"]).hex() == chain["w_0"]
