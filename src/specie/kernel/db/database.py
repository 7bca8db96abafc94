"""The two ways to run a database: on threads of its own (services), or on the caller's (simulator, tools)."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from specie.kernel.clock import Clock
from specie.kernel.db.sqlite import MEMORY, SqliteSession, sqlite_path
from specie.kernel.db.types import Database, Dialect, Session, Transaction
from specie.kernel.errors import Unavailable

READERS = 2
T = TypeVar("T")
_Done = Callable[[Any, BaseException | None], None]
_Job = tuple[Callable[[Transaction], Any], bool, _Done]


def open_database(url: str, clock: Clock, *, inline: bool = False, clock_override: bool = False) -> Database:
    """A database by its URL: `sqlite:///PATH`, `sqlite://:memory:`, `postgresql://USER@HOST/NAME`.

    Connects on first use. `inline` runs everything on the calling thread, without ever yielding to the event
    loop. `clock_override` makes PostgreSQL too tell the time by `clock`; for tests and the simulator only.
    Raises ValueError for another URL.
    """
    if url.startswith("sqlite:"):
        path, busy_ms = sqlite_path(url)
        sqlite = partial(SqliteSession, path, clock, busy_ms=busy_ms)
        return _arrange(sqlite, inline=inline, alone=path == MEMORY)
    if url.startswith(("postgresql:", "postgres:")):
        try:
            from specie.kernel.db.postgres import PostgresSession
        except ImportError as error:
            raise ValueError("PostgreSQL needs psycopg: install specie[postgres]") from error
        postgres = partial(PostgresSession, url, clock if clock_override else None)
        return _arrange(postgres, inline=inline, alone=False)
    raise ValueError("a database URL begins with sqlite: or postgresql:")


def _arrange(open_session: Callable[[], Session], *, inline: bool, alone: bool) -> Database:
    if inline:
        return InlineDatabase(open_session())
    return ThreadedDatabase(open_session, readers=0 if alone else READERS)


class InlineDatabase:
    """Everything on the calling thread and one connection: the same calls give the same order of events."""

    def __init__(self, session: Session) -> None:
        self.dialect: Dialect = session.dialect
        self._session = session
        self._busy = False

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """One transaction; durable when this returns."""
        return self._transact(work, writes=True)

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """One snapshot."""
        return self._transact(work, writes=False)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """One transaction; durable when this returns."""
        return self._transact(work, writes=True)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """One snapshot."""
        return self._transact(work, writes=False)

    def _transact(self, work: Callable[[Transaction], T], *, writes: bool) -> T:
        if self._busy:
            raise RuntimeError("a transaction inside a transaction")
        self._busy = True
        try:
            return self._session.transact(work, writes=writes)
        finally:
            self._busy = False

    async def close(self) -> None:
        """Drop the connection; a database in memory is gone."""
        self._session.close()

    def close_now(self) -> None:
        """Drop the connection; a database in memory is gone."""
        self._session.close()


class ThreadedDatabase:
    """One writer thread and a few reader threads; serves any number of event loops and plain threads."""

    def __init__(self, open_session: Callable[[], Session], *, readers: int) -> None:
        self._writer = _Threads(open_session, 1, "writer")
        self._readers = _Threads(open_session, readers, "reader") if readers else self._writer
        self.dialect: Dialect = self._writer.dialect

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """One transaction; durable when this returns."""
        return await self._writer.run(work, writes=True)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """One snapshot."""
        return await self._readers.run(work, writes=False)

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """One transaction; blocks until it is durable."""
        return self._writer.run_now(work, writes=True)

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        """One snapshot; blocks."""
        return self._readers.run_now(work, writes=False)

    async def close(self) -> None:
        """Finish what was begun and let go of the connections."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """Finish what was begun and let go of the connections; blocks."""
        self._readers.close()
        self._writer.close()


class _Threads:
    """Threads that take work from one queue, each with a session of its own; started when first needed."""

    def __init__(self, open_session: Callable[[], Session], count: int, name: str) -> None:
        self._sessions = [open_session() for _ in range(count)]
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False
        self.dialect = self._sessions[0].dialect

    def _put(self, job: _Job) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("the database is closed")
            if not self._threads:
                for session in self._sessions:
                    thread = threading.Thread(
                        target=self._serve, args=(session,), name=f"specie-db-{self._name}", daemon=True
                    )
                    self._threads.append(thread)
                    thread.start()
            self._jobs.put(job)

    def _serve(self, session: Session) -> None:
        while (job := self._jobs.get()) is not None:
            work, writes, done = job
            try:
                answer = session.transact(work, writes=writes)
            except BaseException as error:  # the thread outlives whatever a transaction raises
                done(None, error)
            else:
                done(answer, None)
            del job, work, done
        session.close()

    async def run(self, work: Callable[[Transaction], T], *, writes: bool) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def done(answer: Any, error: BaseException | None) -> None:
            # The loop may have been closed meanwhile: then nobody waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, future, answer, error)

        self._put((work, writes, done))
        return await future

    def run_now(self, work: Callable[[Transaction], T], *, writes: bool) -> T:
        if threading.current_thread() in self._threads:
            raise RuntimeError("a transaction inside a transaction")
        future: Future[T] = Future()

        def done(answer: Any, error: BaseException | None) -> None:
            if error is None:
                future.set_result(answer)
            else:
                future.set_exception(error)

        self._put((work, writes, done))
        return future.result()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join()


def _settle(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():  # the caller was cancelled
        return
    if error is None:
        future.set_result(answer)
    elif isinstance(error, StopIteration):  # a future cannot carry it
        future.set_exception(RuntimeError("a transaction raised StopIteration"))
    else:
        future.set_exception(error)
