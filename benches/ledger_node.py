"""A verification node as it runs: `specie serve verification-node`, fed over HTTP, blocks of 200 ms, SQLite, fsync on.

The money is minted over HTTP first, and all transactions are built before anything is measured. Throughput: the wall
time from the first submission until the headers name all transactions, each of which was opened, judged by every rule,
put into a block, signed and made durable. Latency: from the moment at which a submission is due to the answer that
it is final, in an open loop. The load comes from this process and shares the cores with the node.
"""

# SPEC LEDGER-22.1, LEDGER-22.2
from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import Result, closed_loop, figure, main, open_loop, percentile
from ledger_stock import START_COUNT, Ground, Till, at_least, at_most, coins_of, mints, with_authorities

from ledger.engine.house import purse
from specie.app.chain.founding import genesis_file, read_genesis
from specie.app.config.model import VERIFICATION_NODE
from specie.app.http.client import ServiceClient
from specie.crypto.transactions import SUITE_HYBRID, SUITE_X25519, BuiltTransaction
from specie.ledger.client import LedgerClient
from specie.ledger.messages.bulk import PAGE_OUTPUTS, Bundle, OutputPage
from specie.ledger.messages.header import Header
from specie.ledger.messages.views import Status
from tests.services import Deployment, Service, environment_of, make_deployment

BUNDLE = 31
CONNECTIONS = 512
SINGLES = 128
"""Clients that hand in single envelopes."""
BUNDLERS = 4
FINAL_S_MAX = 60.0
POLL_S = 0.02
OCTETS = "application/vnd.specie.ledger+octets"
CALM_PER_S = 200.0
"""The load of the chapter's own latency row."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many transactions each part takes."""

    bundled: int = 1_023
    single: int = 640
    single_input: int = 1_023
    half: int = 800
    calm: int = 400


QUICK = Counts(310, 192, 310, 200, 120)


async def measure(quick: bool) -> dict[str, Result]:
    counts = QUICK if quick else Counts()
    with tempfile.TemporaryDirectory() as folder:
        deployment = await make_deployment(Path(folder), tls=False, registry="ledger")
        path = genesis_file(deployment.config)
        path.write_bytes(with_authorities(read_genesis(deployment.config), int(time.time())).encode())
        async with running(deployment) as node:
            return await node.run(counts)


@asynccontextmanager
async def running(deployment: Deployment) -> AsyncIterator[Node]:
    """The process, until the end of the block."""
    config, role = deployment.config, VERIFICATION_NODE
    service = Service(("serve", role), environment_of(config), config.data_dir / "logs" / f"{role}.log")
    deployment.services.by_role[role] = service
    try:
        deployment.services.start(role, wait=False)
        while not deployment.services.is_ready(role):
            if service.ends_within(0.05):
                raise RuntimeError(f"the node does not start:\n{service.log()[-3000:]}")
        client = ServiceClient(config.system(role).url, timeout_s=FINAL_S_MAX, connections_max=CONNECTIONS)
        yield Node(client, service)
        await client.close()
    finally:
        service.end(signal.SIGKILL)


class Node:
    """The process under load."""

    def __init__(self, client: ServiceClient, service: Service) -> None:
        self.client = client
        self.ledger = LedgerClient(client)
        self.service = service

    async def run(self, counts: Counts) -> dict[str, Result]:
        """All parts, one after the other, over one chain."""
        inputs = 2 * (counts.bundled + counts.single + counts.half + counts.calm) + counts.single_input
        till = await self.stock(inputs)
        two = till.build((inputs - counts.single_input) // 2, 2)
        one = till.build(counts.single_input, 1)
        taken = iter(two)
        parts = {
            name: [next(taken) for _ in range(count)]
            for name, count in (("bundled", counts.bundled), ("single", counts.single), ("half", counts.half))
        }
        bundled, cpu_us = await self.bundles_per_s(parts["bundled"])
        single, cpu_single_us = await self.singles_per_s(parts["single"])
        one_input, cpu_one_us = await self.bundles_per_s(one)
        half_s = await self.latencies(parts["half"], bundled / 2)
        calm_s = await self.latencies(list(taken), CALM_PER_S)
        return results(
            (bundled, cpu_us),
            (single, cpu_single_us),
            (one_input, cpu_one_us),
            (half_s, bundled / 2),
            calm_s,
            till.ground.suite,
        )

    # -- stock

    async def stock(self, coins: int) -> Till:
        """Mint so many coins over HTTP; a till of them, at the height at which the last is final."""
        status = await self.first_epoch()
        owner, chain_id = purse("stock"), bytes.fromhex(status.chain_id)
        minted = await asyncio.to_thread(mints, chain_id, owner, coins, int(time.time()), status.height + 1_000)
        for each in minted:
            await self.ledger.submit_operation(each.data)
        height = await self.all_final(status.height, len(minted))
        ((data, _),) = await self.ledger.headers(height, 1)
        header, key = Header.decode(data), await self.ledger.epoch()
        outputs: list[bytes] = []
        for page in range(-(-header.out_size // PAGE_OUTPUTS)):
            outputs += [each.output.data for each in OutputPage.decode(await self.ledger.outputs(page)).outputs]
        if len(outputs) != START_COUNT + sum(len(each.outputs) for each in minted):
            raise RuntimeError("a mint of the stock was refused")
        ground = Ground(
            chain_id, height, header.out_root, key.epoch, key.suite, bytes.fromhex(key.pk), outputs
        )  # fmt: skip
        return Till(owner, ground, coins_of(minted, outputs))

    async def first_epoch(self) -> Status:
        """The status once the node has published a key to seal to. Raises RuntimeError where it does not."""
        for _ in range(int(FINAL_S_MAX / POLL_S)):
            status = await self.ledger.status()
            if status.epoch:
                return status
            await asyncio.sleep(POLL_S)
        raise RuntimeError("the node published no epoch key")

    async def all_final(self, above: int, count: int) -> int:
        """Until the blocks above a height hold so many leaves; the last height. Raises RuntimeError."""
        found, height, until = 0, above, time.perf_counter() + FINAL_S_MAX
        while found < count:
            if time.perf_counter() > until:
                raise RuntimeError(f"{found} of {count} are final:\n{self.service.log()[-2000:]}")
            for data, _ in await self.ledger.headers(height + 1, 100):
                header = Header.decode(data)
                found, height = found + header.tx_count, header.height
            await asyncio.sleep(POLL_S)
        return height

    # -- throughput

    def cpu_s(self) -> float:
        """Processor time of the node until now; 0 where the system does not tell."""
        assert self.service.process is not None
        try:
            fields = Path(f"/proc/{self.service.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def check_final(self, built: Sequence[BuiltTransaction]) -> None:
        """Say of a run that did not end what the node says. Raises the refusal of the first that has one."""
        for each in built:
            state = await self.ledger.submission(each.env_id)
            if state.code:
                raise RuntimeError(f"a transaction of the bench was refused: {state.code} {state.rule}")

    async def bundles_per_s(self, built: Sequence[BuiltTransaction]) -> tuple[float, float]:
        """(final transactions a second, microseconds of the node's processor time for each), as bundles."""
        bundles = [
            Bundle(tuple(each.envelope for each in built[first : first + BUNDLE])).encode()
            for first in range(0, len(built), BUNDLE)
        ]

        async def call(number: int) -> None:
            await self.client.post("/v1/ledger/bundles", bundles[number], OCTETS)

        return await self._per_s(closed_loop(call, BUNDLERS, len(bundles)), built)

    async def singles_per_s(self, built: Sequence[BuiltTransaction]) -> tuple[float, float]:
        """The same with one envelope in a call."""

        async def call(number: int) -> None:
            await self.client.post("/v1/ledger/envelopes", built[number].envelope, OCTETS)

        return await self._per_s(closed_loop(call, SINGLES, len(built)), built)

    async def _per_s(
        self, load: Coroutine[None, None, float], built: Sequence[BuiltTransaction]
    ) -> tuple[float, float]:
        count = len(built)
        height, cpu_s, begun = (await self.ledger.status()).height, self.cpu_s(), time.perf_counter()
        try:
            await load
            # the node tells when the last that was handed in is final: asking all the time would cost it
            await self.ledger.submission(built[-1].env_id, FINAL_S_MAX)
            await self.all_final(height, count)
        except RuntimeError:
            await self.check_final(built)
            raise
        return count / (time.perf_counter() - begun), (self.cpu_s() - cpu_s) / count * 1e6

    # -- latency

    async def latencies(self, built: Sequence[BuiltTransaction], per_s: float) -> list[float]:
        """Seconds from due to final, each envelope in a call that waits for the end."""

        async def call(number: int) -> None:
            wait = (("prefer", "wait=30"),)
            reply = await self.client.call(
                "POST", "/v1/ledger/envelopes", built[number].envelope, OCTETS, wait
            )  # fmt: skip
            if reply.status != 200:
                raise RuntimeError(f"a transaction was not final: {reply.status} {reply.body!r}")

        return await open_loop(call, per_s, len(built))


def results(
    bundled: tuple[float, float],
    single: tuple[float, float],
    one_input: tuple[float, float],
    half: tuple[list[float], float],
    calm_s: list[float],
    suite: int = SUITE_X25519,
) -> dict[str, Result]:
    """The figures under their names. Each pair of a throughput: (1/s, microseconds of the node's cores for each)."""
    setting = (
        f"serve verification-node over HTTP, {os.cpu_count()} cores with the load, SQLite fsync on, 200 ms blocks, "
        f"{'hybrid' if suite == SUITE_HYBRID else 'X25519'} envelopes"
    )
    times, per_s = half
    text = f"{setting}; bundles of {BUNDLE}, {bundled[1]:.0f} us of the node's cores each"
    singly = f"singly {single[0]:.0f}/s, same run"
    half_text = f"open loop at {per_s:.0f}/s, half of the measured throughput; {len(times)} calls"
    calm_text = (
        f"open loop at {CALM_PER_S:.0f}/s, {len(calm_s)} calls; at half load {percentile(times, 0.5) * 1e3:.0f} ms"
    )
    one_text = f"{setting}; bundles of {BUNDLE}, {one_input[1]:.0f} us each; 2 inputs {bundled[0]:.0f}/s, same run"
    return {
        "embedded_tx_per_s": at_least(bundled[0], "1/s", 700, f"{text}; {singly}"),
        "embedded_singles_tx_per_s": figure(
            single[0], "1/s", f"{SINGLES} clients, {single[1]:.0f} us each; as bundles {bundled[0]:.0f}/s, same run"
        ),
        "node_throughput_2in": at_least(bundled[0], "1/s", 1_300, f"{text}; {singly}"),
        "node_throughput_1in": at_least(one_input[0], "1/s", 2_000, one_text),
        "node_cpu_us_2in": figure(bundled[1], "us", f"of all cores, for each transaction; singly {single[1]:.0f} us"),
        "submit_to_final_ms_p50": figure(percentile(times, 0.5) * 1e3, "ms", half_text),
        "submit_to_final_ms_p95": at_most(percentile(times, 0.95) * 1e3, "ms", 1_500, half_text),
        "submit_to_final_p50": at_most(percentile(calm_s, 0.5) * 1e3, "ms", 200, calm_text),
        "submit_to_final_p99": at_most(percentile(calm_s, 0.99) * 1e3, "ms", 400, calm_text),
    }


if __name__ == "__main__":
    main("ledger_node", measure)
