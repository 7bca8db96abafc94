"""Paying: choose, build, write down, send, and find out. A crash at any point loses nothing and pays nothing twice.

    prepared → sent → final | refused | expired        doubt: sent, and no answer came

What was built is in the database before it leaves, with the outputs that it holds. The same bytes can be sent any
number of times; they can only take effect once. The chain has the last word (`taking`). Spec: LEDGER-10, 21.1.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from specie.crypto.ring import WalletKeys
from specie.kernel.clock import Clock, Randomness
from specie.kernel.db import Database, Transaction
from specie.kernel.errors import KeyReused, Unavailable
from specie.kernel.ids import uuid7
from specie.ledger.api import Submitted
from specie.ledger.errors import (
    FundsInsufficient,
    KeyImageSpent,
    NotReady,
    Overloaded,
    Rejected,
    TxDuplicate,
    Unknown,
    ViewOnly,
    refusal_class,
)
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import HIDDEN, PUBLIC
from specie.ledger.protocol.light import verify_receipt
from specie.ledger.wallet.building import Built, Ground, Wish, build
from specie.ledger.wallet.chain import Chain
from specie.ledger.wallet.decoys import Chooser, Extent, Log, below
from specie.ledger.wallet.errors import PaymentInDoubt
from specie.ledger.wallet.lookahead import LookAhead
from specie.ledger.wallet.pausing import Pause, pause
from specie.ledger.wallet.rings import Ring, RingService, check_rings, decode_entries, fetch_rings, ring_of
from specie.ledger.wallet.selection import Choice, Coin, choose
from specie.ledger.wallet.store import holding, outputs, payments
from specie.ledger.wallet.store.outputs import Owned
from specie.ledger.wallet.store.payments import DOUBT, EXPIRED, FINAL, OPEN, PREPARED, REFUSED, SENT, Payment

EXPIRY_BLOCKS = 1000
"""How long a payment may take effect. After that an unanswered one is known to be over."""

DELAY_S = 20
WAIT_S = 10
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Manners:
    """How a wallet behaves towards the network."""

    delay_s: int = DELAY_S
    """Largest random delay before a payment leaves; 0 sends at once."""

    wait_s: int = WAIT_S
    """How long to wait for the end of a payment."""

    expiry_blocks: int = EXPIRY_BLOCKS


class Payer:
    """Makes payments out of one wallet."""

    def __init__(
        self,
        database: Database,
        chain: Chain,
        keys: WalletKeys,
        ahead: LookAhead,
        clock: Clock,
        randomness: Randomness,
        *,
        service: RingService | None = None,
        manners: Manners | None = None,
        pause: Pause = pause,
    ) -> None:
        self._database = database
        self._chain = chain
        self._keys = keys
        self._ahead = ahead
        self._clock = clock
        self._randomness = randomness
        self._service = service
        self._manners = manners or Manners()
        self._pause = pause

    # -- making a payment

    async def prepare(self, wish: Wish, key: str | None = None, *, merge: bool = False) -> tuple[Payment, bool]:
        """A payment, built and written down, and whether it was there before; nothing is sent.

        The same key again gives the same payment, unless that came to nothing. The wallet must be up to date.
        Raises, in this order: ViewOnly, KeyReused, FundsInsufficient, ConsentMissing, NotReady, ProofInvalid.
        """
        if self._keys.tier != "spend":
            raise ViewOnly("this wallet sees, but has no key to spend with")
        key = key or self._new_id().hex()
        earlier = await self._database.read(lambda tx: payments.payment_of_key(tx, key))
        if earlier is not None:
            if earlier.asked != wish.asked:
                raise KeyReused("this key was used for another payment")
            if earlier.state not in (REFUSED, EXPIRED):
                return earlier, True
        ground, log, own = await self._ground()
        coins, choice = await self._choose(wish, ground, merge=merge)
        rings = await self._rings(ground, log, own, coins)
        await self._ahead.extend()
        built = await build(self._keys, wish, ground, coins, rings, self._randomness)
        payment = self._payment(wish, key, ground, built)

        def write(tx: Transaction) -> None:
            if earlier is not None:
                payments.retire_key(tx, earlier.id)
            for coin, ring in zip(coins, rings, strict=True):
                outputs.keep_entries(tx, coin.number, ring.entries)
            payments.add_payment(tx, payment, built.payees)
            if not outputs.hold(tx, [coin.number for coin in coins], payment.id):
                raise FundsInsufficient("another payment took these outputs meanwhile", held=choice.total)

        await self._database.write(write)
        return payment, False

    async def price(self, wish: Wish, *, merge: bool = False) -> int:
        """The fee of a payment that is not made. Raises FundsInsufficient, ConsentMissing, NotReady, ProofInvalid."""
        ground, _, _ = await self._ground()
        return (await self._choose(wish, ground, merge=merge))[1].fee

    async def _ground(self) -> tuple[Ground, Log, frozenset[int]]:
        """The last block that this wallet took in is the anchor; no other header is trusted for rings."""

        def read(tx: Transaction) -> tuple[holding.Progress | None, list[Extent], frozenset[int]]:
            return holding.read_progress(tx), holding.extents(tx), outputs.numbers(tx)

        progress, extents, own = await self._database.read(read)
        if progress is None:
            raise NotReady("this wallet has not read the ledger yet")
        header = Header.decode(progress.header)
        parameters = await self._chain.parameters(header)
        key = await self._chain.epoch_key(header)
        expiry = header.height + self._manners.expiry_blocks
        genesis = self._chain.genesis
        ground = Ground(int(genesis.net), genesis.chain_id, header, key, parameters, expiry)
        return ground, Log(extents, header.height, header.time_ms), own

    async def _choose(self, wish: Wish, ground: Ground, *, merge: bool) -> tuple[list[Owned], Choice]:
        def read(tx: Transaction) -> tuple[list[Owned], Choice]:
            rings = outputs.rings(tx)
            free = [each for each in outputs.unspent(tx) if self._is_free(each, wish.account, ground)]
            # bytes that a node refused may still be taken by another: the same inputs again, and only one can win
            refused = payments.refused_like(tx, wish.asked, ground.header.height)
            again = _inputs_of(tx, refused) if refused else []
            if again and all(each in free for each in again):
                free, merged = again, True
            else:
                merged = merge
            tags = outputs.tags(tx, [each.number for each in free])
            coins = [Coin(each.number, each.value, each.height, tags.get(each.number, frozenset())) for each in free]
            choice = choose(coins, wish.amount, ground.fee_for(wish), rings, merge=merged)
            by_number = {each.number: each for each in free}
            return [by_number[coin.index] for coin in choice.coins], choice

        return await self._database.read(read)

    @staticmethod
    def _is_free(each: Owned, account: int, ground: Ground) -> bool:
        mature = ground.header.height + 1 - each.height >= ground.parameters.min_age
        return each.held is None and each.value > 0 and each.account == account and mature

    async def _rings(self, ground: Ground, log: Log, own: frozenset[int], coins: list[Owned]) -> list[Ring]:
        """A ring for each coin: chosen once, written down before anybody hears of it, and asked for once."""
        wanted = await self._choose_rings(ground, log, own, coins)

        def write(tx: Transaction) -> list[bytes]:
            for coin, members in zip(coins, wanted, strict=True):
                # SPEC LEDGER-10.8
                law = ground.parameters.decoy_law.version
                outputs.keep_ring(tx, coin.number, coin.class_, law, members)
            return [outputs.entries(tx, coin.number) for coin in coins]

        kept = await self._database.write(write)
        missing = [(coin.number, members) for coin, members, data in zip(coins, wanted, kept, strict=True) if not data]
        fetched = iter(await fetch_rings(self._chain, self._service, ground.header, missing))
        rings = [
            ring_of(coin.number, members, decode_entries(data)) if data else next(fetched)
            for coin, members, data in zip(coins, wanted, kept, strict=True)
        ]
        reals, classes = [coin.data for coin in coins], [coin.class_ for coin in coins]
        check_rings(rings, reals, classes, ground.header.height, ground.parameters.min_age)
        return rings

    async def _choose_rings(
        self, ground: Ground, log: Log, own: frozenset[int], coins: list[Owned]
    ) -> list[tuple[int, ...]]:
        """The kept ring of each coin, or a new one that no other of ours touches."""
        kept = await self._database.read(outputs.rings)
        # SPEC LEDGER-10.1
        law = ground.parameters.decoy_law.weights
        chooser = Chooser(log, law, ground.parameters.ring_size, ground.parameters.min_age, self._randomness)
        reserved = {number for coin in coins for number in kept.get(coin.number, ())}
        wanted: list[tuple[int, ...]] = []
        for coin in coins:
            mine = kept.get(coin.number, ())
            if len(mine) < ground.parameters.ring_size:
                avoid = own | (reserved - set(mine)) | {number for ring in wanted for number in ring}
                class_ = PUBLIC if coin.class_ else HIDDEN
                mine = tuple(await asyncio.to_thread(chooser.ring, coin.number, class_, avoid - {coin.number}, mine))
            wanted.append(mine)
        return wanted

    def _payment(self, wish: Wish, key: str, ground: Ground, built: Built) -> Payment:
        made = built.transaction
        return Payment(
            id=self._new_id(),
            key=key,
            asked=wish.asked,
            kind=int(wish.kind),
            account=wish.account,
            amount=wish.amount,
            fee=built.fee,
            state=PREPARED,
            envelope=made.envelope,
            envelope_id=made.env_id,
            tx_id=made.tx_id,
            tx_public=made.tx_public,
            leaf=made.tx_leaf,
            images=b"".join(made.key_images),
            expiry_height=ground.expiry_height,
            anchor=ground.header.height,
            at_us=self._clock.now_us(),
            note=wish.note,
            ref=wish.ref,
        )

    def _new_id(self) -> bytes:
        return uuid7(self._clock.now_us(), self._randomness)

    # -- sending it

    async def send(self, payment: Payment) -> Payment:
        """Send a payment, or send it again, and follow it to its end.

        Raises the refusal of the ledger; PaymentInDoubt where no answer came; what the ledger raises where nothing
        left this computer, and then nothing moved and the key can be used again.
        """
        if not payment.is_open:
            return payment
        first = payment.state == PREPARED
        if first and self._manners.delay_s:
            # so that the moment of a payment does not tell who made it (LEDGER section 10)
            wait_ms = below(self._manners.delay_s * MILLISECONDS + 1, self._randomness)
            await self._pause(wait_ms)
        assert payment.envelope is not None
        await self._settle(payment, SENT)
        try:
            answer = await self._chain.ledger.submit_envelope(payment.envelope, self._manners.wait_s)
        except TxDuplicate:
            return await self._finish(payment)
        except Rejected as refusal:
            return await self._refused(payment, refusal)
        except Unavailable as error:
            if first and isinstance(error, NotReady | Overloaded):
                await self._write_refusal(payment, error.code, None)
                raise
            if first and getattr(error, "in_doubt", None) is False:
                await self._database.write(lambda tx: _take_back(tx, payment.id))
                raise
            raise await self._doubt(payment, error) from error
        except (OSError, TimeoutError) as error:
            raise await self._doubt(payment, error) from error
        return await self._follow(payment, answer)

    async def follow(self, payment: Payment, patience_s: int) -> Payment:
        """Wait longer for a payment that was sent. Raises as `send`; PaymentInDoubt when the patience is over."""
        deadline_us = self._clock.now_us() + patience_s * 1_000_000
        while payment.state == SENT:
            try:
                answer = await self._chain.ledger.submission(payment.envelope_id, self._manners.wait_s)
            except (Unknown, Unavailable, OSError, TimeoutError) as error:
                raise await self._doubt(payment, error) from error
            payment = await self._follow(payment, answer)
            if payment.state == SENT and self._clock.now_us() >= deadline_us:
                raise await self._doubt(payment, TimeoutError())
        return payment

    async def _follow(self, payment: Payment, answer: Submitted) -> Payment:
        """What a submission says: its end, or where it stands when waiting is over."""
        if answer.state == "final":
            return await self._finish(payment)
        if answer.state == "refused":
            return await self._refused(payment, refusal_class(answer.code or "")("", rule=answer.rule))
        # what a node calls expired is over only once the chain has passed the height; the scan decides
        return replace(payment, state=SENT)

    async def _finish(self, payment: Payment) -> Payment:
        """Believe the end of a payment by its receipt alone. Raises ProofInvalid, PaymentInDoubt."""
        try:
            data = await self._chain.ledger.receipt(payment.leaf)
        except (Unknown, Unavailable, OSError, TimeoutError) as error:
            raise await self._doubt(payment, error) from error
        receipt = verify_receipt(self._chain.trusted, data, payment.leaf)
        height, position = receipt.header.height, receipt.position
        await self._settle(payment, FINAL, height=height, position=position)
        return replace(payment, state=FINAL, height=height, position=position, envelope=None)

    async def _refused(self, payment: Payment, refusal: Rejected) -> Payment:
        """A refusal, unless it comes from our own earlier sending. The rings stay as they are (LEDGER-10.8)."""
        if isinstance(refusal, KeyImageSpent):
            try:
                await self._chain.ledger.receipt(payment.leaf)
            except (Unknown, Unavailable, OSError, TimeoutError):
                pass
            else:
                return await self._finish(payment)

        await self._write_refusal(payment, refusal.code, refusal.rule)
        raise refusal

    async def _write_refusal(self, payment: Payment, code: str, rule: str | None) -> None:
        """A node refused; it has the bytes all the same, so that the next attempt takes the same inputs."""

        def write(tx: Transaction) -> None:
            payments.settle(tx, payment.id, REFUSED, code=code, rule=rule)
            outputs.release(tx, payment.id)

        await self._database.write(write)

    async def _doubt(self, payment: Payment, error: Exception) -> PaymentInDoubt:
        await self._settle(payment, DOUBT)
        said = str(getattr(error, "detail", "")) or type(error).__name__
        return PaymentInDoubt(f"payment {payment.id.hex()} left, and no answer came ({said}); key {payment.key}")

    async def _settle(
        self, payment: Payment, state: str, *, height: int | None = None, position: int | None = None
    ) -> None:
        await self._database.write(lambda tx: payments.settle(tx, payment.id, state, height=height, position=position))

    # -- finding out

    async def resume(self) -> list[Payment]:
        """Look after every payment whose fate is not known: ask, and where nobody knows it, send the same bytes again.

        Refusals and doubts are in the answer, not raised.
        """
        waiting = await self._database.read(payments.open_payments)
        for payment in waiting:
            try:
                await self._look_after(payment)
            except (Rejected, Unavailable, OSError, TimeoutError):
                continue  # it is written down: refused, in doubt, or as it was
        found = [await self._database.read(lambda tx, each=each: payments.payment(tx, each.id)) for each in waiting]  # type: ignore[misc]
        return [each for each in found if each is not None]

    async def _look_after(self, payment: Payment) -> None:
        try:
            answer = await self._chain.ledger.submission(payment.envelope_id)
        except Unknown:
            await self.send(payment)
        else:
            await self._follow(payment, answer)


def _inputs_of(tx: Transaction, payment: Payment) -> list[Owned]:
    images = [payment.images[at : at + 32] for at in range(0, len(payment.images), 32)]
    return [each for each in outputs.of_images(tx, images) if each.spent_height is None]


def _take_back(tx: Transaction, payment: bytes) -> None:
    outputs.release(tx, payment)
    payments.drop_payment(tx, payment)


__all__ = ["OPEN", "Manners", "Payer"]
