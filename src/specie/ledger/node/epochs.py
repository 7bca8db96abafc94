"""The keeper of the epoch keys: makes them, seals them, publishes them, erases them (LEDGER §20.1).

Stage 1 has one enclave and one key pair at a time. A key is sealed and durable before its EPOCH_KEY leaves, so that no
crash leaves an epoch on the ledger that nobody can open. Which epoch is live follows from heights alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Lock
from typing import Protocol

from specie.crypto.errors import OpenFailed, WrongLength
from specie.crypto.transactions import EpochKey
from specie.enclave.api import Enclave
from specie.kernel.clock import Randomness
from specie.ledger.messages.binary import Reader, put_u8
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.frames import Frame, OpType, op_signature_input
from specie.ledger.messages.parameters import Parameters
from specie.ledger.node.vault import Vault

X25519_SUITE, HYBRID_SUITE = 1, 2
LEAD_BLOCKS_MAX = 100
"""The next key is published this many blocks before the end of an epoch, or a tenth of an epoch if that is less."""

_MAGIC = b"PLE1"
_RANDOM_BYTES = 64
_SIGNATURE_BYTES = 64


class EpochOnChain(Protocol):
    """An epoch as the ledger has it."""

    @property
    def epoch(self) -> int: ...
    @property
    def public_key(self) -> bytes: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Chain(Protocol):
    """What the keeper reads after a block."""

    @property
    def height(self) -> int:
        """Of the last durable block."""
        ...

    @property
    def parameters(self) -> Parameters: ...

    @property
    def epochs(self) -> Sequence[EpochOnChain]:
        """Ascending; the last one is on the ledger, whether it has begun or not."""
        ...


def last_height(epochs: Sequence[EpochOnChain], place: int) -> int:
    """E_e of LEDGER-9.10.4: an epoch ends at its end, or where the next one begins if that is sooner."""
    end = epochs[place].end
    return end if place + 1 >= len(epochs) else min(end, epochs[place + 1].start - 1)


def lead_blocks(epoch_blocks: int) -> int:
    """How long before the end of an epoch the next key is published."""
    return min(LEAD_BLOCKS_MAX, epoch_blocks // 10)


class EpochKeeper:
    """The epoch keys of one chain, in one enclave. `key` may be called from any thread."""

    def __init__(
        self,
        enclave: Enclave,
        chain_id: bytes,
        vault: Vault,
        randomness: Randomness,
        *,
        suite: int = X25519_SUITE,
    ) -> None:
        """suite: of new keys; those that are kept have their own."""
        self._enclave = enclave
        self._chain_id = chain_id
        self._vault = vault
        self._randomness = randomness
        self._suite = suite
        self._keys: dict[int, EpochKey] = {}
        self._kept: set[int] = set()
        self._rotate_from: int | None = None
        self._last = 0
        self._lock = Lock()
        self.unopened: tuple[int, ...] = ()
        """Epochs whose sealed keys this enclave cannot open: other code sealed them."""

    def open(self) -> None:
        """Unseal what is kept. To be called once, before the chain is served; reads files."""
        found = self._vault.load()
        unopened = []
        for epoch, sealed in sorted(found.items()):
            try:
                self._keys[epoch] = self._unseal(epoch, sealed)
            except OpenFailed:
                unopened.append(epoch)
        self._kept = set(found)
        self.unopened = tuple(unopened)

    def key(self, epoch: int) -> EpochKey | None:
        """The key of an epoch; None where it is erased or was never here."""
        return self._keys.get(epoch)

    @property
    def held(self) -> tuple[int, ...]:
        """The epochs whose keys are here."""
        return tuple(sorted(self._keys))

    def rotate(self) -> None:
        """Begin a new epoch as soon as the ledger allows it (an operator's wish)."""
        self._rotate_from = self._last

    async def frames(self, chain: Chain) -> list[bytes]:
        """What must be published now: one EPOCH_KEY, or nothing. To be called at the start and after every block.

        As long as nothing reaches the ledger the same epoch comes again with the same key. An enclave that the chain
        has not admitted publishes nothing.
        """
        return await asyncio.to_thread(self._frames, chain)

    def _frames(self, chain: Chain) -> list[bytes]:
        with self._lock:
            epochs = chain.epochs
            self._last = epochs[-1].epoch if epochs else 0
            # SPEC LEDGER-20.1.1
            self._erase_through(self._over(chain.height, epochs))
            index = self._index(chain.parameters)
            start = self._next_start(chain)
            if start is None or index is None:
                return []
            return [self._publish(index, self._last + 1, start, start + chain.parameters.epoch_blocks - 1)]

    def _index(self, parameters: Parameters) -> int | None:
        """Of this enclave among those that the chain has admitted."""
        admitted = parameters.enclaves.admitted
        return next((each.index for each in admitted if each.key == self._enclave.public_key), None)

    # SPEC LEDGER-20.1.1, LEDGER-12.3.2
    def erase_through(self, epoch: int) -> None:
        """Erase the keys of this and all earlier epochs, in memory and in the vault."""
        with self._lock:
            self._erase_through(epoch)

    def _erase_through(self, epoch: int) -> None:
        for old in [each for each in self._keys if each <= epoch]:
            self._keys.pop(old).erase()
        for old in sorted(each for each in self._kept if each <= epoch):
            self._vault.erase(old)
            self._kept.discard(old)

    @staticmethod
    def _over(height: int, epochs: Sequence[EpochOnChain]) -> int:
        """The last epoch whose next one has ended; 0 for none."""
        over = 0
        for place in range(1, len(epochs)):
            if height >= last_height(epochs, place):
                over = epochs[place - 1].epoch
        return over

    # SPEC LEDGER-9.10.2
    def _next_start(self, chain: Chain) -> int | None:
        """Where the next epoch has to begin, if it must be published now."""
        # the frame stands in the next block at the soonest, and an epoch begins above the block that announces it
        soonest = chain.height + 2
        if not chain.epochs:
            return soonest
        last = chain.epochs[-1]
        held = self._keys.get(last.epoch)
        is_lost = held is None or held.public() != last.public_key
        if is_lost or self._rotate_from == last.epoch:
            return max(soonest, last.start + 1)
        if last.end - chain.height <= lead_blocks(chain.parameters.epoch_blocks):
            return max(soonest, last.end + 1)
        return None

    def _publish(self, index: int, epoch: int, start: int, end: int) -> bytes:
        """The EPOCH_KEY frame; its key is durable before this returns."""
        key = self._keys.get(epoch) or self._make(epoch)
        unsigned = EpochKeyOp(
            epoch=epoch,
            suite=key.suite,
            public_key=key.public(),
            ratchet_commit=bytes(32),
            start=start,
            end=end,
            signatures=((index, bytes(_SIGNATURE_BYTES)),),
        )
        # it cannot stand in a block that is not below its start, and need not wait any longer than that
        frame = Frame.of(OpType.EPOCH_KEY, self._chain_id, start, unsigned.encode())
        prefix = unsigned.signed_part(frame)
        # SPEC LEDGER-9.10.1
        signature = self._enclave.sign(op_signature_input(prefix))
        return prefix + put_u8(1) + put_u8(index) + signature

    def _make(self, epoch: int) -> EpochKey:
        key = EpochKey.generate(self._suite, self._randomness.bytes(_RANDOM_BYTES))
        self._vault.keep(epoch, self._seal(epoch, key))
        self._keys[epoch] = key
        self._kept.add(epoch)
        return key

    def _seal(self, epoch: int, key: EpochKey) -> bytes:
        wrapping = self._enclave.sealing_key(self._chain_id, f"epoch/{epoch}")
        return _MAGIC + put_u8(key.suite) + key.wrap(wrapping.reveal(), self._randomness.bytes(_RANDOM_BYTES))

    def _unseal(self, epoch: int, sealed: bytes) -> EpochKey:
        """Raises OpenFailed."""
        reader = Reader(sealed)
        if sealed[:4] != _MAGIC or len(sealed) < 5:
            raise OpenFailed("this is no sealed epoch key")
        reader.magic(_MAGIC)
        wrapping = self._enclave.sealing_key(self._chain_id, f"epoch/{epoch}")
        try:
            return EpochKey.unwrap(reader.u8(), reader.rest(), wrapping.reveal())
        except WrongLength as error:
            raise OpenFailed("this is no sealed epoch key") from error
