"""The keeper of the epoch keys over a chain that is only facts: when it publishes, what it keeps, when it erases."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from specie.crypto import ed25519
from specie.crypto.secret import Secret
from specie.enclave.simulated import SimulatedEnclave, measure_release
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.frames import Frame, OpType, op_signature_input
from specie.ledger.messages.parameters import AdmittedEnclave, Enclaves, Parameters
from specie.ledger.node.epochs import EpochKeeper, last_height, lead_blocks
from specie.ledger.node.vault import FolderVault

CHAIN = bytes([5]) * 32
EPOCH_BLOCKS = 100


@dataclass(frozen=True)
class Epoch:
    epoch: int
    public_key: bytes
    start: int
    end: int


@dataclass(frozen=True)
class Facts:
    """What the engine tells of a chain."""

    height: int
    parameters: Parameters
    epochs: tuple[Epoch, ...] = field(default=())

    def at(self, height: int) -> Facts:
        return replace(self, height=height)

    def after(self, frame: bytes) -> Facts:
        """The chain when this EPOCH_KEY stands in its next block."""
        found = EpochKeyOp.decode(Frame.decode(frame).body)
        row = Epoch(found.epoch, found.public_key, found.start, found.end)
        return replace(self, height=self.height + 1, epochs=(*self.epochs, row))


def enclave(measurement: bytes = measure_release("1")) -> SimulatedEnclave:
    return SimulatedEnclave(
        Secret(bytes([3]) * 32), measurement=measurement, clock=ManualClock(), randomness=SeededRandomness(3)
    )


def facts(height: int = 0, *, admitted: bool = True) -> Facts:
    own = enclave()
    entry = AdmittedEnclave(4, own.public_key, own.measurement().mrenclave, bytes(32))
    enclaves = Enclaves((own.measurement().mrenclave,), (entry,) if admitted else ())
    parameters = Parameters(bytes(96), (bytes(32),), epoch_blocks=EPOCH_BLOCKS, enclaves=enclaves)
    return Facts(height, parameters)


def keeper(folder: Path, measurement: bytes = measure_release("1"), seed: int = 1) -> EpochKeeper:
    made = EpochKeeper(enclave(measurement), CHAIN, FolderVault(folder), SeededRandomness(seed))
    made.open()
    return made


def publish(keeper: EpochKeeper, chain: Facts) -> bytes:
    (frame,) = asyncio.run(keeper.frames(chain))
    return frame


def silent(keeper: EpochKeeper, chain: Facts) -> bool:
    return not asyncio.run(keeper.frames(chain))


# SPEC LEDGER-9.10.1, LEDGER-9.10.2
def test_the_first_key_goes_into_block_1_and_begins_behind_it(tmp_path: Path) -> None:
    frame = Frame.decode(publish(keeper(tmp_path), facts()))
    body = EpochKeyOp.decode(frame.body)
    assert (frame.type, frame.chain_id, frame.expiry_height) == (OpType.EPOCH_KEY, CHAIN, 2)
    assert (body.epoch, body.suite, body.start, body.end) == (1, 1, 2, 1 + EPOCH_BLOCKS)
    assert body.ratchet_commit == bytes(32)
    ((index, signature),) = body.signatures
    assert index == 4
    ed25519.verify(enclave().public_key, op_signature_input(body.signed_part(frame)), signature)


def test_what_was_published_is_held(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    body = EpochKeyOp.decode(Frame.decode(publish(kept, facts())).body)
    key = kept.key(1)
    assert key is not None
    assert key.public() == body.public_key
    assert kept.key(2) is None


def test_until_it_stands_on_the_ledger_the_same_key_comes_again_further_on(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    first = publish(kept, facts())
    assert publish(kept, facts()) == first
    later = EpochKeyOp.decode(Frame.decode(publish(kept, facts(5))).body)
    assert later.start == 7
    assert later.public_key == EpochKeyOp.decode(Frame.decode(first).body).public_key


def test_an_enclave_that_is_not_admitted_publishes_nothing(tmp_path: Path) -> None:
    assert silent(keeper(tmp_path), facts(admitted=False))


def test_the_next_key_comes_before_the_end_and_begins_behind_it(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    chain = facts().after(publish(kept, facts()))
    end = chain.epochs[0].end
    lead = lead_blocks(EPOCH_BLOCKS)
    assert silent(kept, chain)
    assert silent(kept, chain.at(end - lead - 1))
    chain = chain.at(end - lead)
    second = EpochKeyOp.decode(Frame.decode(publish(kept, chain)).body)
    assert (second.epoch, second.start, second.end) == (2, end + 1, end + EPOCH_BLOCKS)
    assert silent(kept, chain.after(publish(kept, chain)))


def test_a_late_keeper_begins_as_soon_as_it_may(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    chain = facts().after(publish(kept, facts())).at(5000)
    assert EpochKeyOp.decode(Frame.decode(publish(kept, chain)).body).start == 5002


def test_an_operator_may_rotate_once(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    chain = facts().after(publish(kept, facts())).at(20)
    assert silent(kept, chain)
    kept.rotate()
    frame = publish(kept, chain)
    assert EpochKeyOp.decode(Frame.decode(frame).body).start == 22
    assert silent(kept, chain.after(frame))


# SPEC LEDGER-20.1.1, LEDGER-12.3.2
def test_a_key_is_erased_at_the_end_of_the_next_epoch(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    chain = facts().after(publish(kept, facts()))
    chain = chain.at(chain.epochs[0].end - 1).after(publish(kept, chain.at(chain.epochs[0].end - 1)))
    over = last_height(chain.epochs, 1)
    asyncio.run(kept.frames(chain.at(over - 1)))
    assert kept.held[:2] == (1, 2)
    asyncio.run(kept.frames(chain.at(over)))
    assert kept.key(1) is None
    assert kept.key(2) is not None
    assert not (tmp_path / "epoch-0000000001.sealed").exists()
    assert keeper(tmp_path).key(1) is None


# SPEC LEDGER-9.10.4
def test_an_epoch_ends_where_the_next_one_begins() -> None:
    epochs = (Epoch(1, b"", 2, 101), Epoch(2, b"", 50, 149), Epoch(3, b"", 300, 399))
    assert [last_height(epochs, place) for place in range(3)] == [49, 149, 399]


def test_keys_outlive_a_restart(tmp_path: Path) -> None:
    before = keeper(tmp_path)
    chain = facts().after(publish(before, facts()))
    again = keeper(tmp_path, seed=2)
    key = again.key(1)
    assert key is not None
    assert key.public() == chain.epochs[0].public_key
    assert silent(again, chain)


def test_a_key_that_was_made_and_not_published_is_published_after_a_restart(tmp_path: Path) -> None:
    first = EpochKeyOp.decode(Frame.decode(publish(keeper(tmp_path), facts())).body)
    again = EpochKeyOp.decode(Frame.decode(publish(keeper(tmp_path, seed=2), facts())).body)
    assert again.public_key == first.public_key


@pytest.mark.parametrize("spoil", ["other code", "damage", "lost"])
def test_keys_that_cannot_be_opened_are_followed_by_a_new_epoch_at_once(tmp_path: Path, spoil: str) -> None:
    chain = facts().after(publish(keeper(tmp_path), facts())).at(10)
    path = tmp_path / "epoch-0000000001.sealed"
    if spoil == "damage":
        path.write_bytes(path.read_bytes()[:-1])
    elif spoil == "lost":
        path.unlink()
    again = keeper(tmp_path, measure_release("2" if spoil == "other code" else "1"), seed=2)
    assert again.unopened == (() if spoil == "lost" else (1,))
    assert again.key(1) is None
    body = EpochKeyOp.decode(Frame.decode(publish(again, chain)).body)
    assert (body.epoch, body.start) == (2, 12)


def test_a_key_that_is_not_the_one_on_the_ledger_is_replaced(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    chain = facts().after(publish(kept, facts()))
    foreign = replace(chain, epochs=(replace(chain.epochs[0], public_key=bytes(32)),))
    assert EpochKeyOp.decode(Frame.decode(publish(kept, foreign)).body).epoch == 2


def test_sealed_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    publish(keeper(folder), facts())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_vault_leaves_other_files_alone(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    (tmp_path / "notes").write_text("mine")
    vault.keep(7, b"sealed")
    vault.erase(8)
    assert vault.load() == {7: b"sealed"}
    vault.erase(7)
    assert vault.load() == {}
    assert (tmp_path / "notes").exists()
