"""What people do in a story: mint, pay, pay twice, withdraw, answer, open escrows, govern, and send rubbish."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from specie.crypto.transactions import envelope_class
from specie.ledger.messages.escrow import Record
from specie.ledger.messages.frames import Frame, OpType, frame_of, op_id
from specie.ledger.messages.outputs import ctx_refund, mask_refund
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.state import Domain
from specie.ledger.messages.withdrawals import account_token, withdraw_reference
from specie.ledger.protocol.order import submission_id
from tests.ledger import makers
from tests.ledger.engine.house import Coin, House
from tests.ledger.escrow.makers import Channel
from tests.simulation_ledger.model import OUTSIDE, Intent, Withdrawal
from tests.simulation_ledger.node import TIMEOUT_S

if TYPE_CHECKING:
    from tests.simulation_ledger.story import Story

UNITS = (((1000, 2), (500, 1)), ((20_000, 2),), ((7, 5),), ((50_000, 1), (1, 3)))
CLASSES = (8192, 16384, 32768, 65536)
EPOCH_LENGTHS = (5, 8, 13)
CHANNELS = ("story-0", "story-1", "story-2")


class People:
    """Everybody's hands. Each act hands in bytes or does nothing."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.rng, self.model = story.rng, story.model
        self.numbers: Iterator[int] = count(1)

    @property
    def house(self) -> House:
        return self.story.house

    # -- what every act needs

    def free_coins(self, name: str) -> list[Coin]:
        """Coins of a wallet that nothing under way spends."""
        busy = {need for intent in self.story.open.values() for need in intent.needs}
        return [coin for coin in self.model.purses[name].coins if coin.index not in busy]

    def someone(self) -> str:
        return self.rng.choice(list(self.model.purses))

    def fee(self, inputs: int, outputs: int, extra: int = 0) -> int:
        """The minimum of the size class."""
        parameters = self.house.machine.tip.rules.parameters
        size = envelope_class(inputs, outputs, 1, parameters.ring_size, extra, 0)
        return parameters.fee_min[CLASSES.index(size)]

    def frame(self, what: str, data: bytes, effect: Callable[[int], None], *needs: object, sound: bool = True) -> None:
        self.story.hand_in(Intent(what, op_id(data), submission_id(data), data, effect, sound, needs))

    # -- money comes

    def begin(self) -> None:
        """Everybody has something."""
        for name in self.model.purses:
            self.mint(name)

    def mint(self, name: str = "") -> None:
        """Of a new control bit, or of one that was used before."""
        name, model = name or self.someone(), self.model
        again = bool(model.mints) and self.rng.random() < 0.15
        number = self.rng.choice(list(model.mints)) if again else next(self.numbers)
        units = self.rng.choice(UNITS)
        data = self.house.mint(model.purses[name], number, units)
        value = sum(each * many for each, many in units)
        root = self.house.unit_root(model.purses[name], number, units)

        def effect(height: int) -> None:
            model.mints[number] = "minted"
            model.balance[name] += value
            model.add("minted", value)
            self.story.minted[op_id(data)] = root

        self.frame(f"mint {number} for {name}", data, effect, ("bit", number), sound=not again)

    def cancel(self) -> None:
        """A control bit is given up."""
        known = bool(self.model.mints) and self.rng.random() < 0.3
        number = self.rng.choice(list(self.model.mints)) if known else next(self.numbers)
        data = makers.cancel(self.house.chain_id, number).data

        def effect(height: int) -> None:
            self.model.mints[number] = "cancelled"

        self.frame(f"cancel {number}", data, effect, ("bit", number), sound=not known)

    # -- money moves

    def pay(self) -> None:
        """One to three coins, one to three payees."""
        name = self.someone()
        coins = self.free_coins(name)
        self.rng.shuffle(coins)
        coins = coins[: self.rng.choice((1, 1, 2, 3))]
        if coins:
            self._pay(name, coins)

    def _pay(self, name: str, coins: list[Coin], *, sound: bool = True, **options: Any) -> None:
        payees = self.rng.sample(list(self.model.purses), self.rng.choice((1, 1, 2)))
        outputs = 2 if len(payees) == 1 else 4
        fee = options.pop("fee", None) or self.fee(len(coins), outputs)
        left = sum(coin.value for coin in coins) - fee
        pays: dict[str, int] = {}
        for payee in payees:
            if left > 0:
                pays[payee] = self.rng.randrange(1, left + 1)
                left -= pays[payee]
        if not pays:
            return
        self._send(name, coins, pays, fee, sound=sound, **options)

    def _send(
        self, name: str, coins: list[Coin], pays: dict[str, int], fee: int, *, sound: bool = True, **options: Any
    ) -> None:
        model = self.model
        burn, effect = options.get("burn", 0), options.pop("effect", None)
        payments = [(model.purses[payee].pay, value) for payee, value in pays.items()]
        ring = self.house.machine.tip.rules.parameters.ring_size
        options.setdefault("ring_seed", self.rng.getrandbits(16))
        made = self.house.spend(model.purses[name], coins, payments, fee=fee, ring_size=ring, **options)

        def take(height: int) -> None:
            model.spend(name, coins, fee, pays, burn)
            if effect is not None:
                effect(height)

        what = {1: "pay", 2: "withdrawal", 3: "escrow"}[options.get("kind", 1)]
        data = made.envelope
        needs = tuple(coin.index for coin in coins)
        said = f"{what} of {name}: {sum(pays.values()) + burn} and fee {fee} by coins {sorted(needs)}"
        self.story.hand_in(Intent(said, made.tx_leaf, submission_id(data), data, take, sound, needs))

    def pay_twice(self) -> None:
        """One coin, two envelopes: at most one of them."""
        name = self.someone()
        coins = self.free_coins(name)
        if coins:
            coin = self.rng.choice(coins)
            self._pay(name, [coin])
            self._pay(name, [coin])

    def spend_spent(self) -> None:
        """A coin that is gone already."""
        if self.story.spent:
            name, coin = self.rng.choice(self.story.spent)
            self._pay(name, [coin], sound=False)

    def pay_too_little(self) -> None:
        """A fee below the minimum."""
        name = self.someone()
        coins = [coin for coin in self.free_coins(name) if coin.value > 50]
        if coins and (fee := self.fee(1, 2)) > 1:
            self._pay(name, [self.rng.choice(coins)], fee=fee - 1, sound=False)

    # -- money leaves

    def withdraw(self) -> None:
        """To the bank, by a fresh token; the stub pays the wallet back if it must."""
        name = self.someone()
        coins = [coin for coin in self.free_coins(name) if coin.value > 10]
        if not coins:
            return
        coin = self.rng.choice(coins)
        fee = self.fee(1, 2, 259)
        value = self.rng.randrange(1, coin.value - fee)
        salt = self.rng.randbytes(32)
        chain_id, token = self.house.chain_id, account_token("1", salt)
        ref = withdraw_reference(makers.BANK, token)
        keys = self.model.purses[name].keys
        stub = keys.refund_stub(0, 1, ctx_refund(chain_id, ref), value, mask_refund(chain_id, ref), salt[:16])

        def effect(height: int) -> None:
            time_ms = self.story.time_of(height)
            self.model.withdrawals[ref] = Withdrawal(name, value, token, time_ms, "pending")
            self.model.add("burned", value)

        self._send(name, [coin], {}, fee, kind=2, burn=value, extra=ref + stub, effect=effect)

    def answer(self) -> None:
        """The bank pays or refuses; sometimes it says both, or answers what was answered."""
        known = self.model.withdrawals
        if known:
            ref = self.rng.choice(list(known))
            for _ in range(self.rng.choice((1, 1, 2))):
                self._answer(ref, known[ref])

    def _answer(self, ref: bytes, found: Withdrawal) -> None:
        chain_id, model = self.house.chain_id, self.model
        kind = self.rng.choice(("account", "redeemed", "refused", "forged"))
        sound = found.state == "pending" and kind != "forged"
        if kind == "refused":
            self.frame("answer: refused", makers.refund(chain_id, ref, found.token).data,
                       lambda height: self._refunded(found), ("answer", ref), sound=sound)  # fmt: skip
            return
        outcome = 2 if kind == "redeemed" else 1
        signer = "bank-02" if kind == "forged" else "bank"

        def effect(height: int) -> None:
            found.state = "paid"
            model.add("paid_redeemed" if outcome == 2 else "paid_account", found.value)

        data = makers.paid(chain_id, ref, found.token, outcome=outcome, signer=signer).data
        self.frame(f"answer: paid, {kind}", data, effect, ("answer", ref), sound=sound)

    def _refunded(self, found: Withdrawal) -> None:
        found.state = "refunded"
        self.model.balance[found.owner] += found.value
        self.model.add("refunded", found.value)

    def time_out(self) -> None:
        """Anybody asks for a refund: too early, or late enough."""
        waiting = [(ref, each) for ref, each in self.model.withdrawals.items() if each.state == "pending"]
        if waiting:
            ref, found = self.rng.choice(waiting)
            late = self.house.machine.tip.time_ms >= found.time_ms + 1000 * TIMEOUT_S
            data = makers.refund(self.house.chain_id, ref, cause=2).data
            self.frame(
                "timeout of a withdrawal", data, lambda height: self._refunded(found), ("answer", ref), sound=late
            )

    # -- escrows

    def escrow(self) -> None:
        """Open a channel, or do something with one."""
        name = self.rng.choice(CHANNELS)
        channel = Channel.of(name, ledger_id=self.house.chain_id, asset=self.house.genesis.asset)
        pool = self.model.escrows.get(channel.cid)
        if pool is None:
            self._fund(channel, channel.opening().encode(), channel.burn, new=True)
        elif pool and self.rng.random() < 0.3:
            self._fund(channel, channel.top_up(500).encode(), 500, new=False)
        else:
            self._operate(channel, sound=bool(pool))

    def _fund(self, channel: Channel, operation: bytes, burn: int, *, new: bool) -> None:
        parameters = self.house.machine.tip.rules.parameters
        size = envelope_class(1, 2, 1, parameters.ring_size, len(operation), 0)
        fee = parameters.fee_min[CLASSES.index(size)] + parameters.escrow_fee
        rich = [
            (name, coin)
            for name in self.model.purses
            for coin in self.free_coins(name)
            if coin.value > burn + fee
        ]  # fmt: skip
        if not rich:
            return
        name, coin = self.rng.choice(rich)

        def effect(height: int) -> None:
            self.model.escrows[channel.cid] = self.model.escrows.get(channel.cid, 0) + burn
            self.model.add("escrow_in", burn)

        self._send(name, [coin], {}, fee, kind=3, burn=burn, extra=operation, effect=effect, sound=False)

    def _operate(self, channel: Channel, *, sound: bool) -> None:
        """Both agree, or the vendor settles, or somebody wants the end too early."""
        model, cid = self.model, channel.cid
        kind, body = self.rng.choice(
            [
                (OpType.COOP, channel.cooperate(7_000).encode()),
                (OpType.SETTLE, channel.settle(channel.claim(0, 3, 900)).encode()),
                (OpType.FINALIZE, channel.finalize().encode()),
            ]
        )
        data = frame_of(kind, self.house.chain_id, self.house.height + 50, body)

        def effect(height: int) -> None:
            entry = self.house.machine.chain.entry(Domain.ESCROW, cid)
            assert entry is not None
            left = Record.decode(entry).pool
            paid = model.escrows[cid] - left
            model.escrows[cid] = left
            model.balance[OUTSIDE] += paid
            model.add("escrow_out", paid)

        self.frame(f"operation {kind.name}", data, effect, sound=False)

    # -- others

    def anchor(self) -> None:
        """The next anchor of quota control's log, or one that does not follow."""
        sequence, size = self.model.anchor
        next_, larger = sequence + self.rng.choice((1, 1, 1, 0, 3)), size + self.rng.choice((1, 40, -1))
        sound = next_ == sequence + 1 and larger > size and larger > 0
        if larger < 0:
            return
        data = makers.anchor(self.house.chain_id, next_, larger, sha256(b"%d" % larger).digest()).data

        def effect(height: int) -> None:
            self.model.anchor = (next_, larger)

        self.frame(f"anchor {next_} of {larger}", data, effect, ("anchor", next_), sound=sound)

    def govern(self) -> None:
        """Change fees or the size of rings."""
        version, previous = self.model.change
        fees = self.rng.choice(((1, 2, 4, 8), (2, 4, 8, 16), (3, 3, 3, 3)))
        changes: dict[int, Any] = {Parameter.FEE_MIN: fees}
        if self.rng.random() < 0.3:
            changes[Parameter.RING_SIZE] = self.rng.choice((16, 32))
        signers = self.rng.choice(((0, 1), (0, 1, 2), (1,)))
        effective = self.house.height + self.rng.choice((3, 5))
        data = makers.change(
            self.house.chain_id, version + 1, effective, changes, previous=previous, signers=signers
        ).data
        ident = Frame.decode(data).op_id

        def effect(height: int) -> None:
            self.model.change = (version + 1, ident)

        self.frame(f"change {version + 1} by {signers}", data, effect, ("change", version + 1), sound=False)

    def rubbish(self) -> None:
        """Bytes that must not take effect: cut, flipped, of another chain, or of nothing at all."""
        known = [intent.data for intent in self.story.seen]
        data = bytearray(self.rng.choice(known) if known else b"PLX1" + bytes(8188))
        kind = self.rng.choice(("flip", "flip", "cut", "noise"))
        if kind == "flip":
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        elif kind == "cut":
            del data[self.rng.randrange(1, len(data)) :]
        else:
            data = bytearray(b"PLX1" + self.rng.randbytes(8188))
        self.story.hand_in_rubbish(bytes(data))

    def replay(self) -> None:
        """Old bytes once more."""
        if self.story.seen:
            self.story.hand_in(self.rng.choice(self.story.seen))

    # -- the node's own duty

    def keep_epochs(self) -> None:
        """The key of the next epoch, in time; as the epoch keeper of a node does."""
        house, model = self.house, self.model
        if model.epoch_end - house.height > 4:
            return
        number = model.epochs + 1
        start = max(house.height + 2, model.epoch_end + 1)
        length = self.rng.choice(EPOCH_LENGTHS)
        if any(intent.needs == (("epoch", number),) for intent in self.story.open.values()):
            return
        data = house.epoch(number, start, length)

        def effect(height: int) -> None:
            model.epochs, model.epoch_end = number, start + length - 1

        self.frame(f"epoch {number} from {start}", data, effect, ("epoch", number))
