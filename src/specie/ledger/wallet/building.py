"""From a wish to an envelope: outputs, change with its memo, padding, fee, rings, and the core's signatures.

Nothing here is sent or written. Spec: LEDGER-6, 9.2, 9.3, 10, 14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.crypto.ring import WalletKeys
from specie.crypto.transactions import BuiltTransaction, build_transaction, envelope_class
from specie.kernel.clock import Randomness
from specie.ledger.errors import FundsInsufficient, NotAvailable
from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.binary import AMOUNT_MAX
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import OUTPUT_COUNTS
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.transaction import TransactionType, TxPublic
from specie.ledger.wallet.memos import NO_MEMO, ChangeMemo
from specie.ledger.wallet.rings import Ring
from specie.ledger.wallet.store.outputs import Owned
from specie.ledger.wallet.store.payments import Payee

NOTE_BYTES = 512
"""A sealed note of regulated mode; filled with random bytes below the limit."""

_CLASS_BYTES = (8192, 16384, 32768, 65536)
_BUILDS_MAX = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """What a transaction is to do."""

    kind: TransactionType
    account: int
    """Whose outputs pay, and where the change goes."""

    payees: tuple[tuple[Address, int, bytes], ...] = ()
    """(address, minor units, memo of 128 bytes)"""

    burn: int = 0
    extra: bytes = b""
    """Type 2: withdraw_ref | stub. Type 3: the operation."""

    ref: bytes | None = None
    """withdraw_ref or cid"""

    note: str = ""
    """For the holder's own list of payments; never sent."""

    purpose: bytes = b""
    """What stands behind a random `extra`, so that the same wish is recognised again."""

    @property
    def amount(self) -> int:
        """Minor units that leave the wallet, the fee not counted."""
        return sum(value for _, value, _ in self.payees) + self.burn

    @property
    def asked(self) -> bytes:
        """SHA-256 of the wish."""
        parts = [bytes((self.kind,)), self.account.to_bytes(4, "little"), self.burn.to_bytes(8, "little"), self.purpose]
        parts += [address.data + value.to_bytes(8, "little") + memo for address, value, memo in self.payees]
        return sha256(b"".join(parts)).digest()

    @property
    def output_count(self) -> int:
        """Payees and change, padded to the next number that is allowed (LEDGER-6.1.2)."""
        return next(count for count in OUTPUT_COUNTS if count > len(self.payees))


@dataclass(frozen=True, slots=True)
class Ground:
    """What a transaction stands on: an anchor that was verified, the epoch's key, the parameters in force."""

    net: int
    chain_id: bytes
    header: Header
    key: EpochKeyOp
    parameters: Parameters
    expiry_height: int

    # SPEC LEDGER-9.2.2
    def fee_of_class(self, envelope_bytes: int, kind: TransactionType) -> int:
        """Exactly the minimum of the envelope's size class; more would be a fingerprint."""
        extra = self.parameters.escrow_fee if kind == TransactionType.FUND else 0
        return self.parameters.fee_min[_CLASS_BYTES.index(envelope_bytes)] + extra

    def fee_for(self, wish: Wish) -> Callable[[int], int]:
        """The fee by number of inputs, as far as it is known before the rings are."""

        def fee(inputs: int) -> int:
            size = envelope_class(
                *(inputs, wish.output_count, self.key.suite, self.parameters.ring_size, len(wish.extra)),
                NOTE_BYTES if self.parameters.regulated else 0,
            )
            return self.fee_of_class(size, wish.kind)

        return fee


@dataclass(frozen=True, slots=True)
class Built:
    """A transaction, ready to be written down and sent."""

    transaction: BuiltTransaction
    fee: int
    payees: tuple[Payee, ...]


async def build(
    keys: WalletKeys, wish: Wish, ground: Ground, coins: Sequence[Owned], rings: Sequence[Ring], randomness: Randomness
) -> Built:
    """Build and sign. coins and rings stand in the same order. Raises FundsInsufficient, NotAvailable."""
    fee = ground.fee_for(wish)(len(coins))
    for _ in range(_BUILDS_MAX):
        built = await asyncio.to_thread(_build, keys, wish, ground, coins, rings, fee, randomness)
        exact = ground.fee_of_class(len(built.transaction.envelope), wish.kind)
        if exact == fee:
            return built
        fee = exact
    raise RuntimeError("the fee changes the size class of the envelope")


def _build(
    keys: WalletKeys,
    wish: Wish,
    ground: Ground,
    coins: Sequence[Owned],
    rings: Sequence[Ring],
    fee: int,
    randomness: Randomness,
) -> Built:
    total = sum(coin.value for coin in coins)
    change = total - wish.amount - fee
    if change < 0:
        raise FundsInsufficient("the outputs that were chosen do not reach amount and fee", held=total)
    outputs = _outputs(keys, wish, ground, coins, change, fee)
    built = build_transaction(
        keys,
        {
            "chain_id": ground.chain_id,
            "net": ground.net,
            "kind": int(wish.kind),
            "expiry_height": ground.expiry_height,
            "fee": fee,
            "burn": wish.burn,
            "extra": wish.extra,
            "inputs": [
                (coin.ctx, coin.kind, coin.data, coin.mask, list(ring.indices), ring.points, ring.real)
                for coin, ring in zip(coins, rings, strict=True)
            ],
            "outputs": [(address.pay, value, memo, own) for address, value, memo, own in outputs],
            "h_a": ground.header.height,
            "out_root": ground.header.out_root,
            "epoch": ground.key.epoch,
            "suite": ground.key.suite,
            "epoch_key": ground.key.public_key,
            "portable": False,
            "note": _note(wish, ground, randomness),
            "random": randomness.bytes(64),
        },
    )
    public = TxPublic.decode(built.tx_public)
    payees = tuple(
        Payee(place, address.data, value, anchor, public.outputs[place].data, own)
        for (address, value, _, own), anchor, place in zip(outputs, built.anchors, built.order, strict=True)
    )
    return Built(built, fee, payees)


# SPEC LEDGER-6.1.2
def _outputs(
    keys: WalletKeys, wish: Wish, ground: Ground, coins: Sequence[Owned], change: int, fee: int
) -> list[tuple[Address, int, bytes, bool]]:
    """Payees, the change with its record, and zero-amount outputs to ourselves up to the count that is allowed."""
    home = Address.of_pay(Network(ground.net), keys.address(wish.account, 0))
    indices = tuple(coin.number for coin in coins)
    memo = ChangeMemo(wish.kind, indices, wish.amount, fee, _recipient(keys, wish)).encode()
    outputs = [(address, value, words, False) for address, value, words in wish.payees]
    outputs.append((home, change, memo, True))
    return outputs + [(home, 0, NO_MEMO, True)] * (wish.output_count - len(outputs))


def _recipient(keys: WalletKeys, wish: Wish) -> bytes:
    """30 bytes: the first payee, under s_b; what left into the open is named as it is named there."""
    if wish.ref is not None:
        return wish.ref[:30]
    return keys.recipient_hash(wish.payees[0][0].data) if wish.payees else b""


def _note(wish: Wish, ground: Ground, randomness: Randomness) -> bytes:
    """Regulated mode: every transfer carries a note of one size, of random bytes below the limit (LEDGER-14)."""
    regulated = ground.parameters.regulated
    if regulated is None:
        return b""
    if wish.amount > regulated.limit:
        raise NotAvailable("payments above the supervised limit need a supervisor's note, which this release lacks")
    return randomness.bytes(NOTE_BYTES)


def check_amount(value: int) -> None:
    """Refuse what no output can hold. Raises FundsInsufficient."""
    if not 1 <= value <= AMOUNT_MAX:
        raise FundsInsufficient("an amount is 1 to 2^62 - 1 minor units", asked=value)
