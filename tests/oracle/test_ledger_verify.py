"""ledger-verify in a process of its own, on a chain that the oracle made. Spec: LEDGER-13.2, LEDGER-8.4.1.

Each fault is put into the chain before or after it is sealed, and the program must name it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.ledger import blocks, holder, outputs, world
from oracle.ledger.blocks import Carried, Record
from oracle.ledger.hashes import sha, u64
from oracle.ledger.standalone import PROGRAM, codes, export, run

CHALLENGE = b"asked"
Change = Callable[[world.Chain], None]


@cache
def good() -> tuple[world.Chain, list[world.Sent]]:
    chain = world.lively()
    sent = chain.transfer()
    chain.close()
    return chain, sent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The good chain, and every kind of proof beside it."""
    chain, sent = good()
    export(chain, tmp_path)
    held = [((0, 0), each) for each in sent if each.address == chain.alice.address(0, 0)]
    proofs = {
        "receipt": chain.receipt(3, 1),
        "state": chain.state_receipt(9, b""),
        "payment": holder.payment(chain, sent[0]),
        "receive": holder.receive(chain, chain.bob, sent[0], CHALLENGE),
        "reserve": holder.reserve(chain, chain.alice, held, CHALLENGE),
    }
    for name, data in proofs.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


KINDS = ["receipt", "state", "payment", "receive", "reserve"]


def check(folder: Path, kind: str, *more: str) -> list[str]:
    return codes(folder, kind, kind, "--genesis", "genesis.cbor", "--challenge", CHALLENGE.hex(), *more)


# SPEC LEDGER-13.2
def test_the_process_has_nothing_but_the_standard_library(folder: Path) -> None:
    probe = "import importlib.util as u; print([n for n in ('specie', 'cryptography', 'oracle') if u.find_spec(n)])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_proof_verifies(folder: Path, kind: str) -> None:
    assert check(folder, kind) == []
    (folder / kind).write_text((folder / kind).read_bytes().hex() + "\n", encoding="ascii")
    assert check(folder, kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_refused(folder: Path, kind: str) -> None:
    data = bytearray((folder / kind).read_bytes())
    for at in (len(data) // 3, len(data) * 2 // 3, len(data) - 1):
        data[at] ^= 1
        (folder / kind).write_bytes(data)
        assert len(check(folder, kind)) == 1
        data[at] ^= 1


# SPEC LEDGER-13.5
@pytest.mark.parametrize("kind", ["receive", "reserve"])
def test_a_proof_for_somebody_else_is_refused(folder: Path, kind: str) -> None:
    assert codes(folder, kind, kind, "--genesis", "genesis.cbor") == ["CHALLENGE"]
    assert codes(folder, kind, kind, "--genesis", "genesis.cbor", "--challenge", "00") == ["CHALLENGE"]


def test_usage(folder: Path) -> None:
    assert run(folder, "receipt", "receipt").returncode == 2
    assert run(folder, "receipt", "nowhere", "--genesis", "genesis.cbor").returncode == 2
    assert run(folder, "receipt", "receipt", "--genesis", "receipt").returncode == 2
    assert run(folder, "blocks", ".", "--chain", "00").returncode == 2
    assert run(folder, "blocks", ".", "--chain", good()[0].id.hex()).returncode == 0


# SPEC LEDGER-13.1
def test_one_validator_of_many_makes_nothing_final(folder: Path) -> None:
    (folder / "genesis.cbor").write_bytes(world.genesis_document("cometbft"))
    assert run(folder, "receipt", "receipt", "--genesis", "genesis.cbor").returncode == 2


# -- whole chains ---------------------------------------------------------------------------------------------


# SPEC LEDGER-8.4.1, LEDGER-9.4.1
def test_a_good_chain_verifies(folder: Path) -> None:
    done = run(folder, "blocks", ".", "--json")
    answer = json.loads(done.stdout)
    chain = good()[0]
    assert (done.returncode, answer["verified"]) == (0, {"block": len(chain.headers)})
    figures = chain.supply
    told = f"minted {figures.minted}, paid_account {figures.paid_account}, paid_redeemed {figures.paid_redeemed}"
    told += f", hidden {figures.hidden}, escrow_pool {figures.escrow_pool}, pending {figures.pending}"
    assert f"supply: {told}, fees {figures.fees}" in answer["notes"]
    assert any(chain.headers[-1].app_hash.hex() in note for note in answer["notes"])
    assert "ok: verified" in run(folder, "blocks", ".").stdout


def test_a_chain_without_proofs_segments_verifies(tmp_path: Path) -> None:
    export(good()[0], tmp_path, segments=False)
    assert codes(tmp_path, "blocks", ".") == []


def test_an_empty_folder_and_a_gap_are_no_success(tmp_path: Path) -> None:
    (tmp_path / "genesis.cbor").write_bytes(good()[0].genesis)
    assert codes(tmp_path, "blocks", ".") == ["NOTHING"]
    export(good()[0], tmp_path)
    (tmp_path / "3.header").unlink()
    assert codes(tmp_path, "blocks", ".") == ["GAP"]


@pytest.mark.parametrize(("name", "code"), [("2.header", ""), ("2.record", "RECORD"), ("2.proofs", "SEGMENT")])
def test_a_changed_file_is_found(folder: Path, name: str, code: str) -> None:
    data = bytearray((folder / name).read_bytes())
    for at in range(7, len(data), len(data) // 2):
        spoilt = bytearray(data)
        spoilt[at] ^= 16
        (folder / name).write_bytes(spoilt)
        found = codes(folder, "blocks", ".")
        assert len(found) == 1 and code in found[0]


def sealed(change: Change, close: bool = True) -> world.Chain:
    """A chain whose maker and validator are of one mind to cheat: the change is sealed under good signatures."""
    chain = world.Chain()
    chain.mint([60, 40])
    chain.close()
    chain.transfer()
    change(chain)
    if close:
        chain.close()
    return chain


def reseal(chain: world.Chain, change: Callable[[Record], None]) -> None:
    """The last block of the draft with a change that its header then fits."""
    record = chain.finish_record()
    change(record)
    chain.entries += record.log_entries()
    chain.images |= dict.fromkeys(record.images, record.height)
    chain.seal(record, blocks.segment(record.height, chain.draft.proofs))


def burn_more(chain: world.Chain) -> None:
    chain.withdraw(5)
    chain.count(burn=1)


def fund_more(chain: world.Chain) -> None:
    chain.fund(b"\x0c" * 32, 5)
    chain.count(escrow_in=1)


def spend_again(chain: world.Chain) -> None:
    chain.close()
    chain.transfer()
    chain.draft.record.images[0] = Record.decode(chain.records[2]).images[0]


def pay_twice(chain: world.Chain) -> None:
    ref = chain.withdraw(30)
    chain.close()
    chain.pay_bank(ref, 1)
    chain.pay_bank(ref, 2)


def refund_after_payment(chain: world.Chain) -> None:
    ref = chain.withdraw(30)
    chain.close()
    chain.pay_bank(ref, 1)
    chain.close()
    chain.refund(ref)


def pay_nothing_known(chain: world.Chain) -> None:
    chain.pay_bank(bytes(32), 1)


def withdraw_again(chain: world.Chain) -> None:
    chain.withdraw(7)
    chain.draft.record.carried.append(chain.draft.record.carried[-1])
    chain.count(burn=7)


def other_refund(chain: world.Chain) -> None:
    ref = chain.withdraw(30)
    chain.close()
    chain.stubs[ref] = (
        29,
        outputs.send_refund(
            chain.alice.address(0, 9),
            outputs.ctx_refund(chain.id, ref),
            29,
            b"n" * 16,
            outputs.mask_refund(chain.id, ref),
        ),
    )
    chain.refund(ref)


def mint_more(chain: world.Chain) -> None:
    chain.mint([5, 6], spoil=1)


def state_more(chain: world.Chain) -> None:
    chain.mint([5, 6])
    chain.count(mint=1)


def overdraw(chain: world.Chain) -> None:
    chain.withdraw(1000)


def overpay(chain: world.Chain) -> None:
    chain.pay_out(b"\x0c" * 32, 0, (4, 1))


def late_operation(chain: world.Chain) -> None:
    data = blocks.frame(80, chain.id, chain.height, b"late")
    chain.draft.record.carried.append(Carried(80, data))


def far_operation(chain: world.Chain) -> None:
    data = blocks.frame(80, chain.id, chain.height + 20161, b"far")
    chain.draft.record.carried.append(Carried(80, data))


def foreign_operation(chain: world.Chain) -> None:
    chain.draft.record.carried.append(Carried(80, blocks.frame(80, bytes(32), chain.height + 1, b"")))


def same_operation(chain: world.Chain) -> None:
    data = chain.frame(80, b"same")
    chain.close()
    chain.draft.record.carried.append(Carried(80, data))


def same_output(chain: world.Chain) -> None:
    used = Record.decode(chain.records[1])
    stolen = outputs.Fields.of(blocks.Mint.of(used.frames[0]).outputs[0])
    record = chain.draft.record
    record.outputs[0] = outputs.Fields.of(record.outputs[0])._replace(P=stolen.P).data
    chain.draft.pending.clear()


CHEATS = [
    (burn_more, "TOTALS"),
    (fund_more, "TOTALS"),
    (spend_again, "DOUBLE_SPEND"),
    (pay_twice, "WITHDRAWAL"),
    (refund_after_payment, "WITHDRAWAL"),
    (pay_nothing_known, "WITHDRAWAL"),
    (withdraw_again, "RECORD"),
    (other_refund, "WITHDRAWAL"),
    (mint_more, "MINT"),
    (state_more, "TOTALS"),
    (overdraw, "SUPPLY"),
    (overpay, "SUPPLY"),
    (late_operation, "RECORD"),
    (far_operation, "RECORD"),
    (foreign_operation, "MALFORMED"),
    (same_operation, "RECORD"),
    (same_output, "REUSED"),
]


# SPEC LEDGER-9.4.1, LEDGER-15.8, LEDGER-15.11, LEDGER-15.13, LEDGER-15.16, LEDGER-15.17
@pytest.mark.parametrize(("change", "code"), CHEATS, ids=lambda each: getattr(each, "__name__", each))
def test_a_validator_that_cheats_is_found(tmp_path: Path, change: Change, code: str) -> None:
    made = sealed(change, close=False)
    # what the world's own books refuse to carry is sealed without them
    reseal(made, lambda _: None)
    export(made, tmp_path)
    assert codes(tmp_path, "blocks", ".") == [code]


def shift(place: int) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        record.totals = tuple(value + (at == place) for at, value in enumerate(record.totals))

    return change


def drop_fee(record: Record) -> None:
    record.public.pop()


def two_fees(record: Record) -> None:
    record.public.append(record.public[-1])


def other_fee(record: Record) -> None:
    made = record.public[-1]
    record.public[-1] = made._replace(output=made.output[:99] + u64(9) + made.output[107:])


def hidden_fee(record: Record) -> None:
    record.public[-1] = record.public[-1]._replace(class_=0)


def other_pseudo(record: Record) -> None:
    record.ps_sum = record.outputs[0][32:64]


def bad_image(record: Record) -> None:
    record.images[-1] = b"\xff" * 32


def no_image(record: Record) -> None:
    record.images[0] = bytes(32)


def unsorted(record: Record) -> None:
    record.outputs.reverse()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        *((shift(place), "TOTALS") for place in range(6)),
        (drop_fee, "TOTALS"),
        (two_fees, "REUSED"),
        (other_fee, "OPENING"),
        (hidden_fee, "RECORD"),
        (other_pseudo, "EQUATION"),
        (bad_image, "POINT"),
        (no_image, "POINT"),
        (unsorted, "MALFORMED"),
    ],
)
def test_a_record_that_cheats_is_found(tmp_path: Path, change: Callable[[Record], None], code: str) -> None:
    made = sealed(lambda chain: reseal(chain, change), close=False)
    export(made, tmp_path)
    assert codes(tmp_path, "blocks", ".") == [code]


@pytest.mark.parametrize(
    "field", ["out_root", "ki_root", "tx_root", "tx_count", "out_size", "time_ms", "prev_app_hash"]
)
def test_a_header_that_cheats_is_found(tmp_path: Path, field: str) -> None:
    made = sealed(lambda _: None)
    header = made.headers[-1]
    value = getattr(header, field)
    setattr(header, field, 7 if isinstance(value, int) else sha(value))
    made.finalities[-1] = blocks.finality(world.VALIDATOR.sign(blocks.block_message(header)))
    export(made, tmp_path)
    expected = {"time_ms": "HEADER", "prev_app_hash": "HEADER"}
    assert codes(tmp_path, "blocks", ".") == [expected.get(field, "ROOT")]


# SPEC LEDGER-15.12
def test_a_range_proof_that_is_none_is_found_when_asked_for(tmp_path: Path) -> None:
    """The world has no range proofs, only bytes of their length."""
    export(sealed(lambda _: None), tmp_path)
    assert codes(tmp_path, "blocks", ".") == []
    assert len(codes(tmp_path, "blocks", ".", "--ranges")) == 1


# -- any bytes ------------------------------------------------------------------------------------------------


@cache
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ledger_verify", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ledger_verify"] = module
    spec.loader.exec_module(module)
    return module


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(KINDS), st.binary(max_size=300), st.integers(0, 800), st.integers(0, 40))
def test_any_bytes_are_judged(kind: str, noise: bytes, at: int, dropped: int) -> None:
    """Noise is Wrong or right, never another exception."""
    chain, sent = good()
    data = {
        "receipt": lambda: chain.receipt(3, 1),
        "state": lambda: chain.state_receipt(9, b""),
        "payment": lambda: holder.payment(chain, sent[0]),
        "receive": lambda: holder.receive(chain, chain.bob, sent[0], CHALLENGE),
        "reserve": lambda: holder.reserve(chain, chain.alice, [], CHALLENGE),
    }[kind]()
    tool = program()
    genesis, asked = tool.Genesis(chain.genesis), tool.Asked(CHALLENGE, None)
    for spoilt in (noise, data[:5] + noise, data[:at] + noise + data[at + dropped :]):
        with suppress(tool.Wrong):
            tool.CHECKS[kind](spoilt, genesis, asked)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_genesis_is_judged(noise: bytes) -> None:
    tool = program()
    with suppress(tool.Wrong):
        tool.Genesis(noise)
