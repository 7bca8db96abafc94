"""One connection to PostgreSQL, spoken to through libpq: one blocking call per statement.

A cursor of psycopg waits in several short steps and needs the interpreter lock after each of them. Beside
a busy event loop that costs up to 5 ms a step, which is most of the time of a batch; here it is one step.
"""

import select
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from specie.kernel.db.postgres_types import WholeNumberLoader, bind
from specie.kernel.db.types import Row

CONNECT_TIMEOUT_S = 5
STATEMENTS_PREPARED = 256

_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
# A statement that was prepared while its table was empty keeps the plan of an empty table, which reads all of it;
# until the server next looks at the table that takes milliseconds a batch. Our statements go by key.
_SETUP = b"""
SELECT set_config('synchronous_commit', 'on', false) FROM (SELECT) AS one
 WHERE current_setting('synchronous_commit') = 'off'
 UNION ALL SELECT set_config('lock_timeout', '10s', false)
 UNION ALL SELECT set_config('enable_seqscan', 'off', false)
 UNION ALL SELECT set_config('jit', 'off', false)
 UNION ALL SELECT set_config('idle_in_transaction_session_timeout', '60s', false)
"""


class PostgresLink:
    """Connects when made. Every call raises psycopg.Error; OperationalError where the connection is gone."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(
            url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, client_encoding="UTF8"
        )
        self._connection.adapters.register_loader("numeric", WholeNumberLoader)
        self._pgconn = self._connection.pgconn
        self._transformer = Transformer(self._connection)
        self._names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._sent = 0
        self._poll = select.poll()
        self._poll.register(self._pgconn.socket, select.POLLIN)
        try:
            self.control(_SETUP)
        except psycopg.Error:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._connection.closed

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()

    def control(self, statement: bytes) -> bytes | None:
        """BEGIN, COMMIT, ROLLBACK; what the server calls that which it did."""
        self.settle()
        return self._checked(self._pgconn.exec_(statement)).command_status

    def execute(self, sql: bytes, params: Sequence[Any]) -> PGresult:
        """Run a statement with `$1` for its parameters, prepared once for each list of their types."""
        self.settle()
        name, values, formats = self._named(sql, params)
        return self._checked(self._pgconn.exec_prepared(name, values, formats, Format.BINARY))  # type: ignore[arg-type]

    def send(self, sql: bytes, params: Sequence[Any]) -> None:
        """Send a statement without waiting for what becomes of it; `settle`, or the next statement, tells."""
        name, values, formats = self._named(sql, params)
        if not self._sent:
            self._pgconn.enter_pipeline_mode()
        self._sent += 1
        self._pgconn.send_query_prepared(name, values, formats, Format.BINARY)

    def settle(self) -> None:
        """Wait for everything that was sent. Raises the first error among it."""
        if not self._sent:
            return
        self._sent, failed = 0, None
        self._pgconn.pipeline_sync()
        while True:
            self._wait()
            result = self._pgconn.get_result()  # None after the results of each statement
            if result is None:
                if self._pgconn.status != ConnStatus.OK:
                    raise psycopg.OperationalError("the connection was lost")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                break
            elif result.status not in _DONE and failed is None:
                failed = result
        self._pgconn.exit_pipeline_mode()
        if failed is not None:
            self._checked(failed)

    def _wait(self) -> None:
        """Until there is a result. `get_result` would wait too, but with the interpreter lock in its hand."""
        while self._pgconn.is_busy():
            self._poll.poll()
            self._pgconn.consume_input()

    def _named(self, sql: bytes, params: Sequence[Any]) -> tuple[bytes, list[Buffer | None], list[Format]]:
        bound = [bind(value) for value in params]
        key = sql, tuple(oid for oid, _ in bound)
        name = self._names.get(key)
        if name is None:
            self.settle()
            name = self._prepare(key)
        return name, [value for _, value in bound], [Format.BINARY] * len(bound)

    def rows(self, result: PGresult) -> list[Row]:
        """The rows of a result."""
        self._transformer.set_pgresult(result, format=Format.BINARY)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _prepare(self, key: tuple[bytes, tuple[int, ...]]) -> bytes:
        if len(self._names) >= STATEMENTS_PREPARED:
            self._names.clear()
            self.control(b"DEALLOCATE ALL")
        name = b"specie_%d" % len(self._names)
        self._checked(self._pgconn.prepare(name, key[0], key[1]))
        self._names[key] = name
        return name

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in _DONE:
            return result
        error = errors.error_from_result(result)
        # Without a state it does not come from the server: the connection is gone.
        raise error if error.sqlstate else psycopg.OperationalError(str(error))
