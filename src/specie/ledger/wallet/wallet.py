"""A wallet: one holder's keys on one ledger, over a database of its own.

It shows nothing that it has not checked, and acknowledges nothing hostile. Spec: LEDGER-3, 4, 10, 13, 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from specie.crypto.ring import WalletKeys, address_points_ok
from specie.crypto.secret import Secret
from specie.kernel.db import Database, Transaction, UniqueViolation
from specie.ledger.errors import AddressInvalid, NetworkMismatch, Unknown, ViewOnly
from specie.ledger.messages.address import Address
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.transaction import TransactionType
from specie.ledger.wallet import figures, withdrawing
from specie.ledger.wallet.building import Wish, check_amount
from specie.ledger.wallet.chain import Chain, join
from specie.ledger.wallet.errors import WalletExists, WalletLocked, WalletUnknown
from specie.ledger.wallet.escrows import EscrowSide
from specie.ledger.wallet.figures import Balance, Item
from specie.ledger.wallet.lookahead import ACCOUNTS_AHEAD, LookAhead
from specie.ledger.wallet.memos import words_memo
from specie.ledger.wallet.minting import CheckedMint, check_mint
from specie.ledger.wallet.paying import Payer
from specie.ledger.wallet.proving import Prover
from specie.ledger.wallet.scanning import Report, Scanner
from specie.ledger.wallet.seeds import SPEND, VIEW, Seed
from specie.ledger.wallet.store import holding, outputs, payments
from specie.ledger.wallet.store.holding import Holder, Issued
from specie.ledger.wallet.store.payments import Departure, Payee, Payment, Token
from specie.ledger.wallet.surroundings import Standing, Surroundings

# SPEC LEDGER-11.4.7
DETECT_WARNING = (
    "Whoever holds the detection key can tell for ever which outputs are this wallet's and which addresses belong"
    " together, though no amounts."
)
"""What a holder is told before k_d is handed out."""


async def create(database: Database, world: Surroundings, key: Seed | Secret) -> Wallet:
    """Make a wallet in an empty database, from a seed, or from a view export (96 bytes) as view-only.

    Raises WalletExists, NetworkMismatch, and the refusals of the key service.
    """
    chain = await join(world.ledger, dev=world.dev)
    if isinstance(key, Seed):
        keys = WalletKeys.from_seed(key.secret.reveal())
        spend: bytes | None = await world.vault.seal(key.secret, SPEND, chain.chain_id)
        view, birthday = Secret(keys.export_view()), key.birthday
    else:
        keys, spend, view, birthday = WalletKeys.from_view(key.reveal()), None, key, 0
    sealed = await world.vault.seal(view, VIEW, chain.chain_id)
    genesis, now_us = chain.genesis.encode(), world.clock.now_us()
    holder = Holder(chain.chain_id, genesis, keys.tier, spend, sealed, birthday, False, now_us)

    def write(tx: Transaction) -> None:
        holding.write_holder(tx, holder)
        holding.add_account(tx, 0, "main")

    try:
        await database.write(write)
    except UniqueViolation as error:
        raise WalletExists("this database holds a wallet already") from error
    return Wallet(database, world, chain, keys, holder)


async def open_wallet(database: Database, world: Surroundings, passphrase: Secret | None = None) -> Wallet:
    """Open the wallet of a database; no node is asked. A locked one opens as view-only without its passphrase.

    Raises WalletUnknown, WalletLocked (wrong passphrase), NetworkMismatch, and the refusals of the key service.
    """
    holder = await database.read(holding.read_holder)
    if holder is None:
        raise WalletUnknown("there is no wallet in this database")
    genesis = Genesis.decode(holder.genesis)
    # SPEC LEDGER-1.3
    if genesis.dev != world.dev:
        raise NetworkMismatch("this wallet belongs to the other kind of network")
    chain = Chain(world.ledger, genesis)
    if holder.spend_sealed is not None and (not holder.locked or passphrase is not None):
        secret = await world.vault.open(holder.spend_sealed, SPEND, holder.chain)
        if holder.locked and passphrase is not None:
            secret = world.vault.unlock(secret, passphrase)
        keys = WalletKeys.from_seed(secret.reveal())
    else:
        view = await world.vault.open(holder.view_sealed, VIEW, holder.chain)
        keys = WalletKeys.from_view(view.reveal())
    return Wallet(database, world, chain, keys, holder)


class Wallet:
    """One open wallet. Make it with `create` or `open_wallet`."""

    def __init__(self, database: Database, world: Surroundings, chain: Chain, keys: WalletKeys, holder: Holder) -> None:
        self.database = database
        self.chain = chain
        self._world = world
        self._keys = keys
        self._holder = holder
        ahead = LookAhead(database, keys)
        self._scanner = Scanner(
            database, chain, keys, ahead, holder.birthday, finder=world.finder, threads=world.threads
        )
        self._payer = Payer(
            database,
            chain,
            keys,
            ahead,
            world.clock,
            world.randomness,
            service=world.service,
            manners=world.manners,
            pause=world.pause,
        )
        self.escrows = EscrowSide(database, keys, self.receive, world.randomness)
        self.prover = Prover(database, chain, keys, ahead, world.randomness)

    @property
    def tier(self) -> str:
        """`spend` or `view`: what the open keys can do."""
        return str(self._keys.tier)

    # -- reading the ledger

    async def sync(self, report: Report | None = None) -> Header:
        """Read the ledger to its tip, then look after payments and withdrawals that are not settled.

        Raises NetworkMismatch, ProofInvalid, HistoryDiffers, and what the ledger raises.
        """
        await join(self._world.ledger, dev=self._world.dev, chain_id=self.chain.chain_id)
        reached = await self._scanner.run(report)
        if self.tier == SPEND and await self._payer.resume():
            reached = await self._scanner.run()
        await withdrawing.follow_departures(self.database, self.chain)
        return reached

    async def standing(self) -> Standing:
        """Where this wallet stands."""
        progress = await self.database.read(holding.read_progress)
        header = Header.decode(progress.header) if progress else None
        genesis = self.chain.genesis
        return Standing(
            None if header is None else header.height,
            0 if header is None else header.time_ms,
            self.tier,
            self.tier == VIEW and self._holder.spend_sealed is not None,
            genesis.chain_id,
            genesis.currency,
            genesis.scale,
        )

    async def balance(self, account: int | None = None) -> Balance:
        """Minor units by bucket, as of the last block that was read."""
        progress = await self.database.read(holding.read_progress)
        if progress is None:
            return Balance()
        anchor, min_age = progress.height, progress.min_age
        return await self.database.read(lambda tx: figures.balance_of(tx, anchor, min_age, account))

    async def history(self) -> list[Item]:
        """What came and left, newest first."""
        return await self.database.read(figures.history_of)

    async def departures(self) -> list[Departure]:
        """Withdrawals and escrows of this wallet."""
        return await self.database.read(payments.departures)

    # -- addresses

    def address(self, account: int = 0, place: int = 0) -> Address:
        """An address of this wallet. All look alike (LEDGER-3.1)."""
        return Address.of_pay(self.chain.genesis.net, self._keys.address(account, place))

    async def receive(self, name: str, account: int = 0) -> tuple[Issued, Address]:
        """A fresh address for one counterparty: outputs that come to it are never mixed with others' unasked.

        Raises Unknown for an account that lies too far ahead.
        """
        now_us = self._world.clock.now_us()

        def issue(tx: Transaction) -> Issued:
            # a wallet that is restored from its seed looks so far and no further
            if account >= holding.accounts_used(tx) - 1 + ACCOUNTS_AHEAD:
                raise Unknown("accounts are opened one after another", account=account)
            return holding.issue_address(tx, account, name, now_us)

        issued = await self.database.write(issue)
        return issued, self.address(issued.account, issued.place)

    # SPEC LEDGER-3.2, LEDGER-1.3
    def parse_address(self, text: str) -> Address:
        """Somebody's address. Raises AddressInvalid, NetworkMismatch."""
        address = Address.parse(text)
        if address.net != self.chain.genesis.net:
            raise NetworkMismatch("the address belongs to the other kind of network")
        if not address_points_ok(address.pay):
            raise AddressInvalid("a key of the address is no key")
        return address

    async def payee(self, said: str) -> Address:
        """An address, or the name of a contact. Raises AddressInvalid, NetworkMismatch."""
        known = dict(await self.database.read(holding.contacts))
        if said in known:
            return Address.decode(known[said])
        return self.parse_address(said)

    async def remember(self, name: str, address: Address) -> None:
        """Keep a contact."""
        await self.database.write(lambda tx: holding.write_contact(tx, name, address.data))

    async def contacts(self) -> list[tuple[str, Address]]:
        """Names and addresses."""
        return [(name, Address.decode(data)) for name, data in await self.database.read(holding.contacts)]

    def recipient_hash(self, address: Address) -> bytes:
        """How this wallet's history names an address."""
        return bytes(self._keys.recipient_hash(address.data))

    # -- paying

    async def pay(
        self,
        to: Address,
        amount: int,
        *,
        words: str = "",
        account: int = 0,
        key: str | None = None,
        merge: bool = False,
        note: str = "",
    ) -> Payment:
        """Pay minor units to an address, and follow the payment to its end.

        words: for the payee, at most 127 bytes. merge: allow that outputs of different people are spent together.
        The same key again is the same payment. Raises, in this order: FundsInsufficient (amount), ViewOnly,
        WalletLocked, KeyReused, FundsInsufficient, ConsentMissing, NotReady, ProofInvalid, a refusal of the ledger,
        PaymentInDoubt.
        """
        wish = self.wish([(to, amount, words)], account=account, note=note)
        return await self.carry_out(wish, key, merge=merge)

    def wish(self, payees: Sequence[tuple[Address, int, str]], *, account: int = 0, note: str = "") -> Wish:
        """A transfer to 1 to 15 payees: (address, minor units, words). Raises FundsInsufficient, NetworkMismatch."""
        for to, amount, _ in payees:
            check_amount(amount)
            if to.net != self.chain.genesis.net:
                raise NetworkMismatch("the address belongs to the other kind of network")
        items = tuple((to, amount, words_memo(words)) for to, amount, words in payees)
        return Wish(TransactionType.TRANSFER, account, items, note=note)

    async def follow(self, payment: Payment, patience_s: int) -> Payment:
        """Wait for the end of a payment that was sent. Raises as `pay`."""
        return await self._payer.follow(payment, patience_s)

    async def withdraw(
        self,
        amount: int,
        bank_id: str,
        bank_account: str,
        *,
        account: int = 0,
        key: str | None = None,
        merge: bool = False,
    ) -> tuple[Payment, Token]:
        """Burn minor units for an account at a bank; the token tells the bank which one. Raises as `pay`."""
        check_amount(amount)
        earlier = await self._earlier_token(key)
        leaving = withdrawing.plan_withdrawal(
            self._spend_keys(),
            *(self.chain.chain_id, account, amount, bank_id, bank_account, self._world.randomness),
            earlier,
        )
        if earlier is None:
            # written before anything is sent: without the salt nobody could ever claim the value
            await self.database.write(lambda tx: payments.add_token(tx, leaving.token))
        return await self.carry_out(leaving.wish, key, merge=merge), leaving.token

    async def _earlier_token(self, key: str | None) -> Token | None:
        """The token of an earlier attempt under the same key."""

        def read(tx: Transaction) -> Token | None:
            earlier = payments.payment_of_key(tx, key) if key else None
            return payments.token(tx, earlier.ref) if earlier and earlier.ref else None

        return await self.database.read(read)

    async def fund(
        self,
        amount: int,
        operation: bytes,
        cid: bytes,
        *,
        account: int = 0,
        key: str | None = None,
        merge: bool = False,
    ) -> Payment:
        """Move minor units into an escrow by its operation OPEN or TOPUP. Raises as `pay`."""
        check_amount(amount)
        return await self.carry_out(withdrawing.plan_funding(account, amount, operation, cid), key, merge=merge)

    async def dry_run(self, wish: Wish, *, merge: bool = False) -> int:
        """What a payment would cost: the fee. Nothing is built or sent. Raises as `pay`."""
        return await self._payer.price(wish, merge=merge)

    async def carry_out(self, wish: Wish, key: str | None = None, *, merge: bool = False) -> Payment:
        """Do what a wish says, and follow it to its end. Raises as `pay`."""
        self._spend_keys()
        payment, _ = await self._payer.prepare(wish, key, merge=merge)
        return await self._payer.send(payment)

    # SPEC LEDGER-14.1
    def _spend_keys(self) -> WalletKeys:
        if self.tier != SPEND:
            if self._holder.spend_sealed is not None:
                raise WalletLocked("the wallet is locked: open it with its passphrase")
            raise ViewOnly("this wallet sees, but has no key to spend with")
        return self._keys

    async def payments(self, limit: int = 50) -> list[Payment]:
        """The wallet's own list of payments, newest first."""
        return await self.database.read(lambda tx: payments.payments(tx, limit))

    async def payment(self, prefix: str) -> tuple[Payment, list[Payee]]:
        """A payment by the beginning of its id. Raises Unknown."""

        def read(tx: Transaction) -> tuple[list[Payment], list[Payee]]:
            found = payments.find_payments(tx, prefix)
            return found, payments.payees(tx, found[0].id) if len(found) == 1 else []

        found, payees = await self.database.read(read)
        if len(found) != 1:
            raise Unknown("no payment, or more than one, begins like this")
        return found[0], payees

    # -- mints, secrets

    async def check_mint(self, mint_id: bytes, units: int) -> CheckedMint:
        """The owner's check of a mint, after a sync. Raises ProofInvalid, MintDiffers."""
        return await check_mint(self.database, self.chain, mint_id, units)

    async def outputs(self) -> Sequence[outputs.Owned]:
        """Everything that the wallet's keys opened."""
        return await self.database.read(outputs.all_outputs)

    async def reveal_seed(self) -> Seed:
        """The seed, for a backup that the holder asked for. Raises ViewOnly, WalletLocked."""
        self._spend_keys()
        assert self._holder.spend_sealed is not None
        if self._holder.locked:
            raise WalletLocked("unlock the wallet before you back it up")
        secret = await self._world.vault.open(self._holder.spend_sealed, SPEND, self.chain.chain_id)
        return Seed(secret, self._holder.birthday)

    def reveal_view(self) -> Secret:
        """The view export: sees everything for ever, spends nothing."""
        return Secret(self._keys.export_view())

    def reveal_detect(self) -> Secret:
        """k_d, for a scan service. Say DETECT_WARNING first."""
        return Secret(self._keys.export_detect())

    async def lock(self, passphrase: Secret) -> None:
        """Lock: from now on only the passphrase opens the spend key. Raises ViewOnly, WalletLocked."""
        seed = await self.reveal_seed()
        vault = self._world.vault
        sealed = await vault.seal(vault.lock(seed.secret, passphrase), SPEND, self.chain.chain_id)
        await self.database.write(lambda tx: holding.write_lock(tx, True, sealed))

    async def unlock(self, passphrase: Secret) -> None:
        """Take the lock off for good. Raises WalletLocked for another passphrase."""
        if not self._holder.locked or self._holder.spend_sealed is None:
            return
        vault = self._world.vault
        locked = await vault.open(self._holder.spend_sealed, SPEND, self.chain.chain_id)
        sealed = await vault.seal(vault.unlock(locked, passphrase), SPEND, self.chain.chain_id)
        await self.database.write(lambda tx: holding.write_lock(tx, False, sealed))


def wallet_file(folder: Path, name: str) -> Path:
    """Where the database of a wallet stands."""
    return folder / f"{name}.sqlite3"


__all__ = ["Standing", "Surroundings", "Wallet", "create", "open_wallet", "wallet_file"]
