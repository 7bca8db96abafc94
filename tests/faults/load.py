"""Issues under load that never give up: whatever a call does not answer is asked again with the same key and bytes."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from specie.app.http.client import RemoteRefused
from specie.app.http.wire import Reply
from specie.kernel.errors import Unavailable
from tests.services import IS, ROLES, Deployment, issue_body, owner_of

CLIENTS = 24
UNITS = 4
AMOUNT = 15_000
RETRIED = ("request.key_in_progress", "issuance.in_progress")


@dataclass
class Load:
    """A number of clients, each with one issue under way at a time."""

    deployment: Deployment
    released: dict[str, str] = field(default_factory=dict)
    """Key of the call to the id of its issue."""
    repeats: int = 0
    _asked: int = 0
    _stopped: bool = False
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        body = json.dumps(issue_body(await owner_of(self.deployment))).encode()
        client = self.deployment.client(IS, connections_max=CLIENTS, timeout_s=10)

        async def ask(key: str) -> Reply | None:
            try:
                return await client.call("POST", "/v1/issues", body, "application/json", (("idempotency-key", key),))
            except Unavailable:
                return None
            except RemoteRefused as refusal:
                if refusal.code not in RETRIED:
                    raise
                return None

        async def client_of_many() -> None:
            try:
                await one()
            finally:
                async with self._moved:
                    self._moved.notify_all()

        async def one() -> None:
            while not self._stopped:
                self._asked += 1
                key = f"issue {self._asked}"
                while (reply := await ask(key)) is None or reply.status != 200:
                    self.repeats += 1
                    await self._breathe()
                self.released[key] = json.loads(reply.body)["id"]
                async with self._moved:
                    self._moved.notify_all()

        self._tasks = [asyncio.create_task(client_of_many()) for _ in range(CLIENTS)]

    async def _breathe(self) -> None:
        """Wait for somebody else's answer, at most a little, before the same call is made again."""
        try:
            async with asyncio.timeout(0.05), self._moved:
                await self._moved.wait()
        except TimeoutError:
            return

    async def more(self, count: int) -> None:
        """Wait until so many further issues are released. Raises what a client met that it cannot repeat."""
        wanted = len(self.released) + count
        async with self._moved:
            while len(self.released) < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await self._moved.wait()

    async def finish(self) -> None:
        """Let every issue that was begun come to its end."""
        self._stopped = True
        await asyncio.gather(*self._tasks)


def scalar(url: str, sql: str) -> int:
    """One number from a store, read beside the service."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as connection:
            return int(connection.execute(sql).fetchone()[0] or 0)
    with psycopg.connect(url) as link:
        row = link.execute(sql.encode()).fetchone()
        return int(row[0] or 0) if row else 0


async def settled(deployment: Deployment) -> None:
    """Wait until no system has anything left to say or to sign; the timeout of the test ends it otherwise."""
    urls = [deployment.config.system(role).database for role in ROLES]
    left = [
        "SELECT COUNT(*) FROM outbox WHERE sent IS NULL",
        "SELECT COUNT(*) FROM object WHERE signature IS NULL",
    ]
    while any([scalar(url, sql) for url in urls for sql in left]):
        await asyncio.to_thread(deployment.services.by_role[IS].ends_within, 0.05)


# SPEC ISSUANCE-21.5, ISSUANCE-9.6.1, ISSUANCE-20.15
async def check_nothing_lost_nothing_twice(deployment: Deployment, load: Load) -> None:
    """After the crashes: every answer holds, every issue was made once, and the books balance."""
    await settled(deployment)
    stores = {role: deployment.config.system(role).database for role in ROLES}
    count = len(load.released)
    assert len(set(load.released.values())) == count
    assert scalar(stores[IS], "SELECT COUNT(*) FROM issue") == count
    assert scalar(stores[IS], "SELECT COUNT(*) FROM issue WHERE state <> 6") == 0
    assert scalar(stores[IS], "SELECT COUNT(*) FROM unit") == UNITS * count
    assert scalar(stores[IS], "SELECT SUM(value) FROM unit") == AMOUNT * count
    assert scalar(stores["quota-control"], "SELECT COUNT(*) FROM cred_use") == count
    assert scalar(stores["quota-control"], "SELECT used FROM bucket WHERE key = 'stock:XTS'") == AMOUNT * count
    assert scalar(stores["central-management"], "SELECT used FROM bucket WHERE key = 'stock:XTS'") == AMOUNT * count
    assert scalar(stores["central-management"], "SELECT reserved FROM bucket WHERE key = 'stock:XTS'") == 0
    report = await deployment.audit()
    assert report["balanced"], report["differences"][:5]


async def kill_in_turn(deployment: Deployment, load: Load, rounds: int, chance: random.Random) -> None:
    """SIGKILL one service after the other, each time after a random number of further issues."""
    for number in range(rounds):
        await load.more(chance.randrange(1, 120))
        role = ROLES[number % len(ROLES)]
        await asyncio.to_thread(deployment.services.restart, role)


async def kill_under_load(deployment: Deployment, rounds: int, seed: int) -> Load:
    """Load, kills, the end of the load, the checks."""
    load = Load(deployment)
    await load.start()
    await kill_in_turn(deployment, load, rounds, random.Random(seed))
    await load.more(100)
    await load.finish()
    await check_nothing_lost_nothing_twice(deployment, load)
    await deployment.close()
    return load
