"""A trusted node of mode T0 over a real chain: what it must show before it is told anything, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import makers
from ledger.service.world import World, living
from specie.crypto import hpke
from specie.crypto.ring import WalletKeys, public_outputs
from specie.enclave.api import QuoteRules
from specie.enclave.errors import MeasurementRefused, SimulatedRefused
from specie.enclave.simulated import SimulatedVerifier
from specie.kernel.clock import SeededRandomness
from specie.ledger import errors
from specie.ledger.api import TrustedNode as TrustedNodeApi
from specie.ledger.client import SealedNode, quote_rules
from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.bulk import CompactBlock, CompactBlocks, CompactGroup, LoggedOutput, OutputPage
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import Output, OutputKind
from specie.ledger.messages.sealed import (
    RINGS_PATH,
    SCAN_PATH,
    RingRequest,
    ring_answer_bytes,
    ring_request_bytes,
    session_info,
)
from specie.ledger.node import LogReplica, RingService, ScanService, Sessions, TrustedNode
from specie.ledger.node.scan import detect
from specie.ledger.node.sessions import LIFE_S, REQUESTS_MAX
from specie.ledger.wallet.rings import RingService as RingServiceOfWallet
from tests.app.serving import ask, run

RING = tuple(range(0, 64, 4))
SEALING_BYTES = 48
TAG_BYTES = 16
Story = Callable[[World], Awaitable[None]]


def tell(folder: Path, story: Story) -> None:
    async def whole() -> None:
        async with living(folder) as world:
            await story(world)

    run(whole())


def rules(world: World, **changed: object) -> QuoteRules:
    found = quote_rules(world.parameters, dev=True, development_roots=[world.enclave.development_root])
    return replace(found, **changed)  # type: ignore[arg-type]


def holder(world: World, node: TrustedNodeApi, believed: QuoteRules | None = None, chain: bytes = b"") -> SealedNode:
    return SealedNode(
        node,
        SimulatedVerifier(),
        believed or rules(world),
        chain or world.genesis.chain_id,
        world.clock,
        SeededRandomness(11),
    )


async def asked(world: World, height: int, indices: tuple[int, ...] = RING) -> tuple[int, tuple[int, ...], bytes, int]:
    """A question for a ring under the header of that height."""
    ((data, _),) = await world.engine.headers(height, 1)
    header = Header.decode(data)
    return height, indices, header.out_root, header.out_size


# SPEC LEDGER-11.1.1
def test_members_of_a_ring_come_with_proofs_in_process_and_over_http(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        page = OutputPage.decode(await world.engine.outputs(0))
        for node in (world.node, world.node_client):
            assert isinstance(node, TrustedNodeApi)
            service: RingServiceOfWallet = holder(world, node)
            members = await service.rings(*await asked(world, 1))
            assert [member.index for member in members] == list(RING)
            assert [member.logged for member in members] == [page.outputs[index] for index in RING]

    tell(tmp_path, story)


def test_a_trusted_node_can_stand_alone_and_follow_the_chain_over_http(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sessions = Sessions(world.enclave, world.genesis.chain_id, world.clock, SeededRandomness(5))
        replica = LogReplica(world.client)
        scans = ScanService(world.client)
        node = TrustedNode(world.client, sessions, RingService(replica), scans, rings_slot_s=0, scan_slot_s=0)
        mine = holder(world, node)
        before = await mine.rings(*await asked(world, 0))
        await world.make_final(world.anchor(2))
        tip = (await world.engine.status()).height
        after = await mine.rings(*await asked(world, tip))
        assert [member.logged for member in after] == [member.logged for member in before]
        assert replica.size == (await world.engine.status()).out_size
        assert await mine.scan(WalletKeys.from_seed(bytes([9]) * 32).export_detect(), 0, tip, consent=True) == []

    tell(tmp_path, story)


# SPEC LEDGER-11.1.1
def test_an_output_that_is_not_in_the_log_is_not_believed(tmp_path: Path) -> None:
    class Lying(LogReplica):
        """Puts one's own output into rings."""

        def entry(self, index: int) -> tuple[LoggedOutput, bytes]:
            logged, base = super().entry(index)
            return replace(logged, output=Output(bytes(267))) if index == RING[3] else logged, base

    async def story(world: World) -> None:
        sessions = Sessions(world.enclave, world.genesis.chain_id, world.clock, SeededRandomness(5))
        service = RingService(Lying(world.engine))
        node = TrustedNode(world.engine, sessions, service, ScanService(world.engine), rings_slot_s=0, scan_slot_s=0)
        with pytest.raises(errors.ProofInvalid):
            await holder(world, node).rings(*await asked(world, 1))
        with pytest.raises(errors.ProofInvalid):
            await holder(world, world.node).rings(1, RING, bytes(32), 128)

    tell(tmp_path, story)


# SPEC LEDGER-11.4.1, LEDGER-11.4.6, LEDGER-12.2.1
def test_nothing_is_said_to_a_node_whose_quote_is_not_believed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        believed = [
            (rules(world, hardware=True), b"", SimulatedRefused.code),
            (quote_rules(world.parameters, dev=False), b"", SimulatedRefused.code),
            (rules(world, measurements=frozenset()), b"", MeasurementRefused.code),
            (rules(world, development_roots=frozenset()), b"", "enclave.not_attested"),
            (rules(world), bytes(32), "enclave.not_attested"),
        ]
        for each, chain, reason in believed:
            with pytest.raises(errors.QuoteRefused) as caught:
                await holder(world, world.node, each, chain).rings(*await asked(world, 1))
            assert caught.value.facts["reason"] == reason
        assert "rings" not in world.node.counts

    tell(tmp_path, story)


# SPEC LEDGER-11.4.2
def test_a_session_lives_for_a_minute(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mine = holder(world, world.node)
        await mine.rings(*await asked(world, 1))
        session = await world.node.session(bytes(32))
        world.clock.advance(seconds=LIFE_S)
        with pytest.raises(errors.Unknown):
            await world.node.rings(session.session, bytes(300))
        await mine.rings(*await asked(world, 1))
        assert world.node.counts["sessions"] == 3

    tell(tmp_path, story)


async def sealed_for(world: World, plaintext: bytes, path: str) -> tuple[str, bytes]:
    session = await world.node.session(bytes([4]) * 32)
    randomness = SeededRandomness(6)
    key, context = hpke.setup_sender(
        bytes.fromhex(session.public_key), session_info(world.genesis.chain_id), randomness
    )
    return session.session, key + context.seal(path.encode(), plaintext)


def test_a_request_opens_once_in_its_session_on_its_path(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        plaintext = RingRequest(1, RING).encode(16)
        session, sealed = await sealed_for(world, plaintext, RINGS_PATH)
        with pytest.raises(errors.EnvelopeUnopenable):
            await world.node.scan(session, sealed)
        other = await world.node.session(bytes(32))
        with pytest.raises(errors.EnvelopeUnopenable):
            await world.node.rings(other.session, sealed)
        assert await world.node.rings(session, sealed)
        with pytest.raises(errors.EnvelopeUnopenable):
            await world.node.rings(session, sealed)
        for spoiled in (b"", sealed[:40], sealed[:-1] + b"\0"):
            with pytest.raises(errors.EnvelopeUnopenable):
                await world.node.rings(session, spoiled)

    tell(tmp_path, story)


def test_a_session_has_so_many_requests(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mine = holder(world, world.node)
        for _ in range(REQUESTS_MAX):
            await mine.rings(*await asked(world, 1, RING[:1]))
        with pytest.raises(errors.Overloaded):
            await mine.rings(*await asked(world, 1, RING[:1]))
        await mine.rings(*await asked(world, 1, RING[:1]))

    tell(tmp_path, story)


# SPEC LEDGER-11.4.4
def test_what_passes_has_one_size_for_its_kind(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for indices in (RING, RING[:1]):
            session, sealed = await sealed_for(world, RingRequest(1, indices).encode(16), RINGS_PATH)
            assert len(sealed) == ring_request_bytes(16) + SEALING_BYTES
            assert len(await world.node.rings(session, sealed)) == ring_answer_bytes(16) + TAG_BYTES

    tell(tmp_path, story)


# SPEC LEDGER-11.4.4
def test_answers_and_refusals_leave_at_the_ends_of_slots(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        waited: list[float] = []

        async def pause(seconds: float) -> None:
            waited.append(seconds)

        sessions = Sessions(world.enclave, world.genesis.chain_id, world.clock, SeededRandomness(5))
        rings, scans = RingService(LogReplica(world.engine)), ScanService(world.engine)
        node = TrustedNode(world.engine, sessions, rings, scans, rings_slot_s=5, scan_slot_s=7, pause=pause)
        await holder(world, node).rings(*await asked(world, 1))
        with pytest.raises(errors.Unknown):
            await node.scan("none", b"")
        assert 0 < waited[0] < 5 < waited[1] <= 7

    tell(tmp_path, story)


@pytest.mark.parametrize(("height", "indices"), [(1, (0, 10_000)), (99_999, (0, 1))], ids=["position", "height"])
def test_what_is_not_in_the_log_is_unknown(tmp_path: Path, height: int, indices: tuple[int, ...]) -> None:
    async def story(world: World) -> None:
        session, sealed = await sealed_for(world, RingRequest(height, indices).encode(16), RINGS_PATH)
        with pytest.raises(errors.Unknown) as caught:
            await world.node.rings(session, sealed)
        assert "10000" not in str(caught.value)
        assert not caught.value.facts

    tell(tmp_path, story)


# SPEC LEDGER-20.1.2
def test_other_modes_are_not_offered(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        with pytest.raises(errors.NotAvailable):
            await world.node.sign("start", "", b"")
        heard = await ask(world.port, "POST", "/v1/ledger/trusted/sign/start", b"")
        assert (heard.status, heard.json["code"]) == (501, "ledger.not_available")

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("sessions", b"{}", "ledger.non_canonical"),
        ("sessions", b'{"nonce":"00"}', "ledger.non_canonical"),
        ("rings", b"x", "ledger.non_canonical"),
        ("scan", b"x", "ledger.non_canonical"),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, path: str, body: bytes, code: str) -> None:
    async def story(world: World) -> None:
        kind = "application/json" if path == "sessions" else "application/vnd.specie.ledger+octets"
        heard = await ask(world.port, "POST", f"/v1/ledger/trusted/{path}", body, [("content-type", kind)])
        assert (heard.status, heard.json["code"]) == (400, code)

    tell(tmp_path, story)


# SPEC LEDGER-11.4.5
def test_a_scan_finds_nothing_of_a_stranger_and_takes_detection_keys_only(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        tip = (await world.engine.status()).height
        keys = WalletKeys.from_seed(bytes([9]) * 32)
        for node in (world.node, world.node_client):
            assert await holder(world, node).scan(keys.export_detect(), 0, tip, consent=True) == []
        with pytest.raises(errors.Unknown):
            await holder(world, world.node).scan(keys.export_detect(), 0, tip + 5, consent=True)
        with pytest.raises(errors.NonCanonical):
            await holder(world, world.node).scan(b"\xff" * 32, 0, tip, consent=True)
        session, sealed = await sealed_for(world, bytes(47), SCAN_PATH)
        with pytest.raises(errors.NonCanonical):
            await world.node.scan(session, sealed)

    tell(tmp_path, story)


def test_a_scan_finds_what_a_mint_paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = WalletKeys.from_seed(bytes([9]) * 32)
    pay = keys.address(0, 0)
    payee = Address(Network.DEV, pay[:32], pay[32:64], pay[64:])
    monkeypatch.setattr(makers, "address", lambda seed, net=Network.DEV: payee)

    async def story(world: World) -> None:
        await world.make_final(makers.mint(world.genesis.chain_id).data)
        tip = (await world.engine.status()).height
        found = await holder(world, world.node_client).scan(keys.export_detect(), 0, tip, consent=True)
        outputs = OutputPage.decode(await world.engine.outputs(0)).outputs
        assert found == [index for index, logged in enumerate(outputs) if logged.height == tip]
        assert len(found) == 2

    tell(tmp_path, story)


# SPEC LEDGER-11.4.7
def test_a_detection_key_is_not_handed_out_before_its_holder_agreed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        with pytest.raises(errors.ConsentMissing, match="for ever"):
            await holder(world, world.node).scan(bytes(32), 0, 1, consent=False)
        assert world.node.counts == {}

    tell(tmp_path, story)


def test_detection_names_the_global_indices_of_ones_own() -> None:
    mine, other = WalletKeys.from_seed(bytes([1]) * 32), WalletKeys.from_seed(bytes([2]) * 32)
    ctx = bytes([7]) * 32
    made = public_outputs(
        [(keys.address(0, 0), ctx, bytes([place]) * 16, 5, bytes(32)) for place, keys in enumerate((other, mine, mine))]
    )
    items = b"".join(data[64:99] for data in made)
    group = CompactGroup(OutputKind.PAYOUT, 1, ctx, items)
    empty = CompactBlock(3, 0, 500, ())
    blocks = (CompactBlock(2, 0, 490, (group, group)), empty, CompactBlock(4, 0, 600, (group,)))
    detecting = WalletKeys.from_detect(mine.export_detect())
    assert detect(detecting, CompactBlocks(2, blocks)) == [491, 492, 494, 495, 601, 602]


# SPEC LEDGER-11.4.3
def test_a_node_counts_and_keeps_nothing_else(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await holder(world, world.node).rings(*await asked(world, 1))
        assert world.node.counts == {"sessions": 1, "rings": 1}

    tell(tmp_path, story)
