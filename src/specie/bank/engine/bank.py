"""The bank: all its parts behind one face, `BankApi`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from specie.bank.api import Chain, RedeemAtQuotaControl, SignEvent, Treasury
from specie.bank.engine.accounts import Accounts
from specie.bank.engine.arrivals import Arrivals
from specie.bank.engine.burns import Burns
from specie.bank.engine.checkpoints import Checkpoints
from specie.bank.engine.desk import Desk
from specie.bank.engine.orders import Orders
from specie.bank.engine.payouts import Payouts
from specie.bank.engine.reconcile import Report, reconcile
from specie.bank.engine.redemptions import Redemptions
from specie.bank.engine.reputations import Reputations
from specie.bank.engine.statements import Statements, pool_of
from specie.bank.engine.takings import AccountMoney
from specie.bank.errors import BankRefusal, BankUnavailable, Halted
from specie.bank.messages.accounts import AccountView
from specie.bank.messages.holds import Burn, Hold, Outgoing
from specie.bank.messages.pool import Pool
from specie.bank.messages.postings import Kind, Order, Receipt
from specie.bank.protocol.takings import KeysInForce
from specie.issuance.api import Anchor
from specie.kernel.clock import Clock, Randomness
from specie.kernel.db import Database
from specie.kernel.errors import Unavailable
from specie.kms.api import Keys, KeyUri


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the bank reaches; whatever is left out, it does without."""

    keys_in_force: Callable[[], KeysInForce | None] = lambda: None
    """The key manifest that the bank has verified."""
    treasuries: Mapping[str, Treasury] = field(default_factory=dict)
    """Currency to the wallet of the reserve."""
    chain: Chain | None = None
    withdrawal_key: KeyUri | None = None
    """`bank:wd`, for operations 18 and 19."""
    redeem: RedeemAtQuotaControl | None = None
    sign_event: SignEvent | None = None
    log_key: KeyUri | None = None
    """`bank:log`."""
    anchor: Anchor | None = None


@dataclass(slots=True)
class BankEngine:
    """One bank. Make it with `of`."""

    desk: Desk
    accounts: Accounts
    orders: Orders
    money: AccountMoney
    payouts: Payouts
    arrivals: Arrivals
    burns: Burns
    redemptions: Redemptions
    statements: Statements
    reputations: Reputations
    checkpoints: Checkpoints

    @classmethod
    def of(
        cls,
        me: str,
        database: Database,
        keys: Keys,
        register_key: KeyUri,
        clock: Clock,
        randomness: Randomness,
        *,
        environment: str = "dev",
        around: Surroundings | None = None,
    ) -> Self:
        """Put the parts together; nothing is asked of anybody yet."""
        around = around or Surroundings()
        desk = Desk(me, database, keys, register_key, clock, randomness, environment=environment)
        orders = Orders(desk)
        return cls(
            desk,
            Accounts(desk),
            orders,
            AccountMoney(desk, around.keys_in_force),
            Payouts(desk, around.treasuries),
            Arrivals(desk, around.treasuries),
            Burns(desk, around.chain, around.withdrawal_key),
            Redemptions(desk, around.redeem),
            Statements(desk),
            Reputations(desk, around.sign_event),
            Checkpoints(desk, around.log_key, around.anchor, around.chain),
        )

    # -- BankApi

    async def account(self, account: str) -> AccountView:
        return await self.accounts.view(account)

    async def debit(self, ref: bytes, kind: Kind, account: str, amount: int, *, room: str = "") -> Receipt:
        return await self.orders.debit(ref, kind, account, amount, room=room)

    async def credit(
        self, ref: bytes, kind: Kind, shares: Sequence[tuple[str, int]], *, room: str = ""
    ) -> Receipt:  # fmt: skip
        return await self.orders.credit(ref, kind, shares, room=room)

    async def post_many(
        self, orders: Sequence[Order], *, room: str = ""
    ) -> Sequence[Receipt | BankRefusal | BankUnavailable]:
        return await self.orders.post_many(orders, room=room)

    async def licence(
        self, ref: bytes, account: str, tier: int, until_s: int, *, coins_blocked: bool
    ) -> AccountView:  # fmt: skip
        return await self.accounts.licence(ref, account, tier, until_s, coins_blocked=coins_blocked)

    async def hold(self, ref: bytes, account: str, amount: int, until_s: int) -> Hold:
        return await self.orders.hold(ref, account, amount, until_s)

    async def capture(self, ref: bytes, kind: Kind, amount: int, *, room: str = "") -> Receipt:
        return await self.orders.capture(ref, kind, amount, room=room)

    async def release(self, ref: bytes) -> Hold:
        return await self.orders.release(ref)

    async def transfer(self, key: str, debited: str, credited: str, amount: int, memo: bytes = b"") -> Receipt:
        return await self.orders.transfer(key, debited, credited, amount, memo)

    async def pay_out(self, key: str, account: str, address: bytes, amount: int) -> Outgoing:
        return await self.payouts.pay_out(key, account, address, amount)

    async def claim(self, account: str, salt: bytes) -> Burn:
        return await self.burns.claim(account, salt)

    async def pool(self, currency: str) -> Pool:
        return await self.desk.read(lambda tx: pool_of(tx, currency))

    # -- the bank's own duties

    async def verify(self) -> Report:
        """Recompute the books; where they disagree, no debit is taken until people have looked."""
        report = await self.desk.read(reconcile)
        self.desk.halted = "" if report.agrees else report.faults[0]
        return report

    # SPEC BANK-2.9
    async def start(self, witnessed: Sequence[bytes] = ()) -> int:
        """Before the first debit: the journal contains what others saw of it, the books agree, open intents go on.

        Answers how many intents are still open. Raises Halted; Unavailable where the ledger cannot be asked.
        """
        self.desk.halted = "the bank is starting"
        await self.checkpoints.check_extends(witnessed)
        report = await self.desk.read(reconcile)
        if not report.agrees:
            self.desk.halted = report.faults[0]
            raise Halted(report.faults[0])
        left = await self.settle()
        self.desk.halted = ""
        return left

    # SPEC BANK-4.4
    async def settle(self) -> int:
        """Take every open intent of this bank as far as it goes; how many are still open.

        A neighbour who is away holds up nothing but what needs him.
        """
        left = 0
        for step in (self.arrivals.scan, self.payouts.settle_all, self.burns.settle_all, self.redemptions.settle_all):
            try:
                left += await step()
            except Unavailable:
                left += 1
        return left

    async def close(self) -> None:
        await self.desk.close()
