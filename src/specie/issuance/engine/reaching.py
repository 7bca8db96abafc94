"""The database and its writer under this room's own codes: DB_UNAVAILABLE and OVERLOADED (ISSUANCE section 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from specie.issuance.errors import DatabaseUnavailable, Overloaded
from specie.kernel import errors as kernel
from specie.kernel.db import BatchedWriter, ConnectionLost, Database, DatabaseBusy, Transaction

Item = TypeVar("Item")
Answer = TypeVar("Answer")
T = TypeVar("T")

FOREIGN = (DatabaseBusy, ConnectionLost, kernel.Overloaded)


def in_this_room(error: Exception) -> Exception:
    """The same word under the chapter's code; what is no word of the database stays as it is."""
    if isinstance(error, DatabaseBusy | ConnectionLost):
        return DatabaseUnavailable(error.detail, error.retry_after_s)
    if isinstance(error, kernel.Overloaded):
        return Overloaded(error.detail, error.retry_after_s)
    return error


class RoomDatabase:
    """A database whose readers are told of its absence in the room's code. The writer needs the kernel's own words."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.write = database.write
        self.write_now = database.write_now
        self.close = database.close
        self.close_now = database.close_now

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """As Database.read. Raises DatabaseUnavailable."""
        try:
            return await self._database.read(work)
        except FOREIGN as error:
            raise in_this_room(error) from error

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """As Database.read_now. Raises DatabaseUnavailable."""
        try:
            return self._database.read_now(work)
        except FOREIGN as error:
            raise in_this_room(error) from error


class RoomWriter(BatchedWriter[Item, Answer]):
    """The batched writer, answering in the room's codes."""

    async def submit(self, item: Item) -> Answer:
        """As BatchedWriter.submit. Raises Overloaded, DatabaseUnavailable."""
        try:
            return await super().submit(item)
        except FOREIGN as error:
            raise in_this_room(error) from error

    async def submit_many(self, items: Sequence[Item]) -> list[Answer | Exception]:
        """As BatchedWriter.submit_many. Raises Overloaded; DatabaseUnavailable stands in its place."""
        try:
            answers = await super().submit_many(items)
        except FOREIGN as error:
            raise in_this_room(error) from error
        return [in_this_room(answer) if isinstance(answer, Exception) else answer for answer in answers]
