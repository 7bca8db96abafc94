"""What every part of the engine stands on: identity, store, writer, keys, clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from specie.bank.engine.books import Books, Needs
from specie.bank.errors import BankRefusal, BankUnavailable, Halted
from specie.bank.messages.policy import LimitPolicy
from specie.bank.protocol.limits import open_policy
from specie.bank.store import accounts as account_store
from specie.crypto import cose
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.wire import Body
from specie.kernel.clock import Clock, Randomness
from specie.kernel.db import BatchedWriter, ConnectionLost, Database, DatabaseBusy, Transaction
from specie.kernel.errors import Overloaded
from specie.kernel.ids import uuid7
from specie.kms.api import Keys, KeyUri

T = TypeVar("T")
SECOND_US = 1_000_000
BATCH_MAX = 256


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One piece of work inside a batch: what it reads, and what it does with the books. It must be idempotent."""

    needs: Needs
    run: Callable[[Books], T]
    lane: str = ""
    debits: bool = True
    """Does it take value from anybody? A bank whose books disagree refuses that."""


class Desk:
    """One bank's store and hands. register_key: `bank:reg`."""

    def __init__(
        self,
        me: str,
        database: Database,
        keys: Keys,
        register_key: KeyUri,
        clock: Clock,
        randomness: Randomness,
        *,
        environment: str = "dev",
    ) -> None:
        self.me = me
        self.environment = environment
        self.database = database
        self.keys = keys
        self.register_key = register_key
        self.clock = clock
        self.randomness = randomness
        self.halted = ""
        """Why debits are refused; empty while the books agree."""
        self.writer: BatchedWriter[Item[Any], Any] = BatchedWriter(
            database, self._decide, lane=lambda item: item.lane, recover=lambda tx, item: None, batch_max=BATCH_MAX
        )

    # SPEC BANK-2.6
    def _decide(self, tx: Transaction, items: Sequence[Item[Any]]) -> list[Any]:
        needs = Needs(
            tuple({each: None for item in items for each in item.needs.accounts}),
            tuple({each: None for item in items for each in item.needs.refs}),
            tuple({each: None for item in items for each in item.needs.holds}),
        )
        books = Books.open(tx, needs, self.policies(tx))
        answers: list[Any] = []
        for item in items:
            before = books.changes
            try:
                # SPEC BANK-12.7
                if item.debits and self.halted:
                    raise Halted(self.halted)
                answers.append(item.run(books))
            except (BankRefusal, BankUnavailable) as refusal:
                if books.changes != before:
                    # refused half-way: nothing of this batch stays, and the writer decides its items one by one
                    raise
                answers.append(refusal)
        books.flush()
        return answers

    @staticmethod
    def policies(tx: Transaction) -> list[tuple[int, LimitPolicy]]:
        """(in force from, policy), oldest first; before the first one, what a new bank begins with."""
        stored = [(from_us, LimitPolicy.decode(data)) for _, data, from_us in account_store.policies(tx)]
        return [(0, open_policy()), *stored]

    async def submit(self, item: Item[T]) -> T:
        """Decide one item. Raises what it refuses; BankUnavailable where the store cannot be reached."""
        try:
            answer: T = await self.writer.submit(item)
            return answer
        except (Overloaded, ConnectionLost, DatabaseBusy) as error:
            raise BankUnavailable(error.detail, error.retry_after_s) from error

    async def submit_many(self, items: Sequence[Item[Any]]) -> list[Any]:
        """Decide several; a refusal stands in its place. Raises BankUnavailable."""
        try:
            answers = await self.writer.submit_many(items)
        except (Overloaded, ConnectionLost, DatabaseBusy) as error:
            raise BankUnavailable(error.detail, error.retry_after_s) from error
        foreign = (Overloaded, ConnectionLost, DatabaseBusy)
        return [BankUnavailable(each.detail) if isinstance(each, foreign) else each for each in answers]

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Raises BankUnavailable."""
        try:
            return await self.database.read(work)
        except (ConnectionLost, DatabaseBusy) as error:
            raise BankUnavailable(error.detail, error.retry_after_s) from error

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """A step of an intent that moves no value. Raises BankUnavailable."""
        try:
            return await self.database.write(work)
        except (ConnectionLost, DatabaseBusy) as error:
            raise BankUnavailable(error.detail, error.retry_after_s) from error

    def now_s(self) -> int:
        return self.clock.now_us() // SECOND_US

    def new_id(self) -> bytes:
        return uuid7(self.clock.now_us(), self.randomness)

    # SPEC BANK-5.5
    async def sign(self, body: Body, iat: int, cti: bytes, *, aud: str | None = None) -> bytes:
        """A COSE_Sign1 by `bank:reg`. The same body, time and id give the same bytes under the same key."""
        typ: str = body.typ  # type: ignore[attr-defined]
        payload = payload_of(Claims(self.me, iat, cti, aud=aud), body)
        kid = cose.key_id((await self.keys.public_key(self.register_key)).bytes)
        tbs = cose.to_be_signed(typ, kid, payload, cose.EDDSA)
        signature = await self.keys.sign(self.register_key, "cose", tbs, cti)
        return cose.assemble_sign1(typ, kid, payload, bytes(signature), cose.EDDSA)

    async def close(self) -> None:
        await self.writer.close()
