"""The doors of §21 over a real chain of one node, and the client that speaks through them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.service.world import World, living
from specie.kernel.errors import KeyReused
from specie.ledger import errors
from specie.ledger.api import Ledger
from specie.ledger.messages.bulk import CompactBlocks, OutputPage
from specie.ledger.messages.frames import op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.record import BlockRecord
from specie.ledger.messages.state import Domain
from specie.ledger.messages.views import Repeated
from specie.ledger.protocol.light import Trusted, verify_headers, verify_operation, verify_state_receipt
from tests.app.serving import Heard, ask, run

OCTETS = "application/vnd.specie.ledger+octets"
FEES: dict[int, Any] = {Parameter.FEE_MIN: (2, 4, 8, 16)}
Story = Callable[[World], Awaitable[None]]


def tell(folder: Path, story: Story) -> None:
    async def whole() -> None:
        async with living(folder) as world:
            await story(world)

    run(whole())


async def read(world: World, path: str, accept: str = "*/*", **headers: str) -> Heard:
    pairs = [("accept", accept), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return await ask(world.port, "GET", f"/v1/ledger{path}", headers=pairs)


async def hand_in(world: World, data: bytes, *headers: tuple[str, str], kind: str = "operations") -> Heard:
    pairs = [("content-type", OCTETS), *headers]
    return await ask(world.port, "POST", f"/v1/ledger/{kind}", data, pairs)


# SPEC LEDGER-1.2
def test_the_status_says_what_kind_of_money_this_is(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        status = (await read(world, "/status")).json
        assert status["dev"] is True
        assert status["enclave"] == "simulated"
        assert status["chain_id"] == world.genesis.chain_id.hex()
        assert status["epoch"] == 1 or status["height"] < 2

    tell(tmp_path, story)


# SPEC LEDGER-21.1.1
def test_a_submission_is_answered_when_it_is_final_and_again_with_the_same(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        frame = world.change(FEES)
        first = await hand_in(world, frame, ("prefer", "wait=10"))
        assert (first.status, first.json["state"]) == (200, "final")
        assert first.json["id"] == sha256(frame).hexdigest()
        assert first.json["leaf"] == op_id(frame).hex()
        assert "idempotent-replay" not in first.headers
        again = await hand_in(world, frame)
        assert (again.status, again.json) == (200, first.json)
        assert again.headers["idempotent-replay"] == "true"
        followed = await read(world, f"/operations/{first.json['id']}?wait=1")
        assert followed.json == first.json

    tell(tmp_path, story)


# SPEC LEDGER-21.1.2
def test_an_idempotency_key_is_the_id_or_a_mistake(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        frame = world.change(FEES)
        wrong = await hand_in(world, frame, ("idempotency-key", "0" * 64))
        assert (wrong.status, wrong.json["code"]) == (422, KeyReused.code)
        assert (await read(world, f"/operations/{sha256(frame).hexdigest()}")).status == 404
        right = await hand_in(world, frame, ("idempotency-key", f'"{sha256(frame).hexdigest()}"'))
        assert right.status in (200, 202)

    tell(tmp_path, story)


# SPEC LEDGER-21.1.3
def test_what_is_not_final_in_time_is_no_failure(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        heard = await hand_in(world, world.change(FEES))
        assert heard.status == 202
        assert heard.json["state"] in ("received", "verified")

    tell(tmp_path, story)


def test_a_refusal_is_a_problem_with_its_rule_and_id(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        frame = world.change(FEES, version=7)
        heard = await hand_in(world, frame, ("prefer", "wait=10"))
        assert heard.status == errors.ParamsVersion.status
        assert heard.headers["content-type"] == "application/problem+json"
        assert (heard.json["code"], heard.json["rule"]) == (errors.ParamsVersion.code, "P-1")
        assert heard.json["id"] == sha256(frame).hexdigest()
        assert heard.json["funds"] == "unmoved"

    tell(tmp_path, story)


@pytest.mark.parametrize("kind", ["operations", "envelopes"])
def test_bytes_that_are_nothing_are_refused_at_the_door(tmp_path: Path, kind: str) -> None:
    async def story(world: World) -> None:
        heard = await hand_in(world, b"\x01" * 100, ("prefer", "wait=10"), kind=kind)
        assert heard.status == 400
        assert heard.json["code"].startswith("ledger.")
        other = await ask(world.port, "POST", f"/v1/ledger/{kind}", b"{}", [("content-type", "application/json")])
        assert other.status == 415
        long = await hand_in(world, bytes(200_000), kind=kind)
        assert long.status == 413

    tell(tmp_path, story)


# SPEC LEDGER-21.1.4
def test_what_lies_below_the_tip_is_served_as_unchangeable(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.make_final(world.change(FEES), world.anchor(2))
        height = (await world.engine.status()).height
        paths = ["/genesis", "/headers/1", "/headers?from=0&limit=1", "/blocks/0", "/blocks/1/proofs"]
        paths += [f"/compact?from=0&count={height}", f"/key-images?from=0&count={height}", "/params/0", "/params/1"]
        paths += ["/epochs/1", "/outputs/5", "/proofs/outputs/3?height=1", "/proofs/consistency?from=0&to=1"]
        paths += [f"/supply?height={height}", f"/proofs/state/9/-?height={height}"]
        for path in paths:
            first = await read(world, path)
            assert first.status == 200, (path, first.body)
            assert "immutable" in first.headers["cache-control"], path
            again = await read(world, path, if_none_match=first.headers["etag"])
            assert (again.status, again.body) == (304, b""), path
        for path in ["/status", "/params", "/epoch", "/supply", "/outputs/pages/0", "/headers?from=0&limit=1000"]:
            moving = await read(world, path)
            assert moving.status == 200, path
            assert moving.headers["cache-control"] == "no-cache", path

    tell(tmp_path, story)


def test_pages_of_headers_are_linked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        full = await read(world, "/headers?from=0&limit=1")
        assert full.headers["link"] == '</v1/ledger/headers?from=1&limit=1>; rel="next"'
        assert "link" not in (await read(world, "/headers?from=0&limit=1000")).headers

    tell(tmp_path, story)


def test_octets_and_json_are_two_forms_of_one_thing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        receipt = await world.make_final(world.change(FEES), world.anchor(2))
        shown, plain = await read(world, "/headers/1"), await read(world, "/headers/1", OCTETS)
        assert shown.json["header"] + shown.json["finality"] == plain.body.hex()
        block = await read(world, "/blocks/1")
        view = (await read(world, "/blocks/1", "application/json")).json
        assert view["height"] == BlockRecord.decode(block.body).height == 1
        path = f"/receipts/{receipt.leaf}"
        assert (await read(world, path)).json["receipt"] == (await read(world, path, OCTETS)).body.hex()
        entry = await read(world, "/proofs/state/6/-", OCTETS)
        trusted = Trusted.of(world.genesis)
        assert verify_state_receipt(trusted, entry.body, Domain.PARAMETERS, b"").value

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/headers/99999", 404, "ledger.unknown"),
        ("/headers/-1", 404, "ledger.unknown"),
        (f"/headers/{10**40}", 404, "ledger.unknown"),
        ("/headers?from=-1", 400, "request.invalid"),
        ("/headers?limit=1001", 400, "request.invalid"),
        ("/compact?count=0", 400, "request.invalid"),
        ("/blocks/99999", 404, "ledger.unknown"),
        ("/outputs/99999", 404, "ledger.unknown"),
        ("/outputs/pages/99999", 404, "ledger.unknown"),
        ("/epochs/99", 404, "ledger.unknown"),
        ("/params/99", 404, "ledger.unknown"),
        ("/receipts/zz", 400, "ledger.non_canonical"),
        (f"/receipts/{'A' * 64}", 400, "ledger.non_canonical"),
        (f"/receipts/{'0' * 64}", 404, "ledger.unknown"),
        (f"/envelopes/{'0' * 64}", 404, "ledger.unknown"),
        (f"/envelopes/{'0' * 64}?wait=31", 400, "request.invalid"),
        ("/anchors/70000/x", 400, "ledger.non_canonical"),
        ("/proofs/state/300/-", 400, "ledger.non_canonical"),
        ("/events", 400, "ledger.non_canonical"),
    ],
)
def test_what_is_not_there_or_not_a_question_is_refused(tmp_path: Path, path: str, status: int, code: str) -> None:
    async def story(world: World) -> None:
        heard = await read(world, path, last_event_id="x")
        assert (heard.status, heard.json["code"]) == (status, code)

    tell(tmp_path, story)


# SPEC LEDGER-21.5.1
def test_the_client_answers_what_the_engine_answers(tmp_path: Path) -> None:
    questions: list[Callable[[Ledger], Awaitable[Any]]] = [
        lambda it: it.genesis(),
        lambda it: it.headers(0, 2),
        lambda it: it.epoch(1),
        lambda it: it.parameters(1),
        lambda it: it.parameters(0),
        lambda it: it.decoys(),
        lambda it: it.supply(1),
        lambda it: it.state_entry(Domain.COUNTERS, b"", 1),
        lambda it: it.state_entry(Domain.MINT, bytes(32), 1),
        lambda it: it.state_receipt(Domain.COUNTERS, b"", 1),
        lambda it: it.block(1),
        lambda it: it.block_proofs(1),
        lambda it: it.compact(0, 2),
        lambda it: it.outputs(0),
        lambda it: it.output(5),
        lambda it: it.key_images(0, 2),
        lambda it: it.prove_output(5, 1),
        lambda it: it.prove_consistency(0, 1),
        lambda it: it.prove_key_image(bytes([1]) * 32, 1),
    ]

    async def story(world: World) -> None:
        await world.make_final(world.change(FEES), world.anchor(2))
        for place, question in enumerate(questions):
            assert await question(world.client) == await question(world.engine), place
        assert isinstance(world.client, Ledger)

    tell(tmp_path, story)


def test_what_the_client_brings_can_be_checked_without_the_node(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        frame = world.change(FEES)
        final = await world.client.submit_operation(frame, 10)
        assert final.state == "final"
        trusted = Trusted.of(Genesis.decode(await world.client.genesis()))
        headers = verify_headers(trusted, await world.client.headers(0, 1000))
        assert [header.height for header in headers] == list(range(len(headers)))
        verify_operation(trusted, await world.client.receipt(op_id(frame)), frame)
        compact = CompactBlocks.decode(await world.client.compact(0, 1))
        page = OutputPage.decode(await world.client.outputs(0))
        assert compact.blocks[0].count == 128 <= len(page.outputs)
        again = await world.client.submit_operation(frame)
        assert isinstance(again, Repeated)

    tell(tmp_path, story)


def test_the_client_raises_what_the_engine_raises(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for ledger in (world.engine, world.client):
            with pytest.raises(errors.Unknown):
                await ledger.submission(bytes(32))
            with pytest.raises(errors.ParamsVersion) as caught:
                await ledger.submit_operation(world.change(FEES, version=9), 10)
            assert caught.value.rule == "P-1"

    tell(tmp_path, story)


def test_events_are_heard_from_any_height(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.make_final(world.change(FEES), world.anchor(2))
        tip = (await world.engine.status()).height
        for ledger in (world.engine, world.client):
            heard = []
            async for event in ledger.events(0):
                heard.append(event)
                if event.kind == "header" and event.height == tip:
                    break
            assert [event.height for event in heard if event.kind == "header"] == list(range(1, tip + 1))
            assert {event.kind for event in heard} == {"header", "params", "epoch"}

    tell(tmp_path, story)


def test_a_bundle_is_answered_one_by_one(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        heard = await hand_in(world, b"PLB1\x00\x00", kind="bundles")
        assert (heard.status, heard.json["code"]) == (400, "ledger.non_canonical")
        envelopes = [b"PLX1" + bytes([number]) * 8188 for number in range(2)]
        bundle = b"PLB1\x02\x00" + b"".join(len(each).to_bytes(4, "little") + each for each in envelopes)
        answer = await hand_in(world, bundle, kind="bundles")
        assert answer.status == 202
        assert [item["id"] for item in answer.json["items"]] == [sha256(each).hexdigest() for each in envelopes]
        for each in await world.client.submit_bundle(bundle):
            assert (await world.client.submission(bytes.fromhex(each.id), 5)).state == "refused"

    tell(tmp_path, story)


def test_a_proof_is_judged_for_those_who_cannot(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for body, media_type in ((b"\x01\x02", OCTETS), (b'{"proof":"0102"}', "application/json")):
            heard = await ask(world.port, "POST", "/v1/ledger/proofs/verify", body, [("content-type", media_type)])
            assert (heard.status, heard.json["ok"]) == (200, False)
        bad = await ask(world.port, "POST", "/v1/ledger/proofs/verify", b"[]", [("content-type", "application/json")])
        assert bad.status == 400

    tell(tmp_path, story)


# SPEC LEDGER-21.1.5
def test_nothing_of_a_request_is_logged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def story(world: World) -> None:
        frame = world.change(FEES)
        await hand_in(world, frame, ("prefer", "wait=10"))
        await read(world, "/outputs/101")
        await read(world, f"/proofs/key-images/{'17' * 32}")

    tell(tmp_path, story)
    said = "".join(capfd.readouterr())
    for secret in ("/outputs/101", "17" * 32, "127.0.0.1"):
        assert secret not in said


def test_every_door_of_the_chapter_is_documented(tmp_path: Path) -> None:
    chapter = """envelopes operations bundles envelopes/{ident} operations/{ident} receipts/{leaf} events status genesis
    headers headers/{height} epoch epochs/{number} params params/{version} decoys supply mints/{mint_id}
    withdrawals/{ref} escrows/{cid} anchors/{topic}/{source} authorities/{kid} blocks/{height} blocks/{height}/proofs
    compact outputs/{index} outputs/pages/{page} key-images proofs/outputs/{index} proofs/consistency
    proofs/key-images/{image} proofs/state/{domain}/{ident} proofs/transactions/{leaf} proofs/verify trusted/sessions
    trusted/rings trusted/scan trusted/sign/{step}"""

    async def story(world: World) -> None:
        document = json.loads((await ask(world.port, "GET", "/openapi.json")).body)
        paths = {path.removeprefix("/v1/ledger/"): doors for path, doors in document["paths"].items()}
        assert set(chapter.split()) <= set(paths)
        for kind in ("envelopes", "operations", "bundles", "trusted/rings", "trusted/scan"):
            assert OCTETS in paths[kind]["post"]["requestBody"]["content"], kind
        for path, doors in paths.items():
            for door in doors.values():
                assert path.startswith(("livez", "/")) or door.get("description"), path

    tell(tmp_path, story)


VALUES = ["0", "1", "-1", "5", "128", "4096", str(2**63 - 1), str(2**63), str(10**30), "0" * 32, "0" * 64, "A" * 64]
VALUES += ["-", "zz", "%00", "%C3%A9", "x" * 300, "1.5", "nan", "%2F", "'", "0x10"]


def questions_of(document: dict[str, Any]) -> list[str]:
    """Every GET of the document with every value in every place, one place at a time."""
    found = []
    for path, doors in document["paths"].items():
        if "get" not in doors or ("{" not in path and not doors["get"].get("parameters")) or path.startswith("/errors"):
            continue
        named = doors["get"].get("parameters", [])
        inside = [each["name"] for each in named if each["in"] == "path"]
        behind = [each["name"] for each in named if each["in"] == "query" and each["name"] != "wait"]
        for value in VALUES:
            plain = path
            for name in inside:
                plain = plain.replace("{" + name + "}", value)
            found += [plain, *(f"{plain}?{name}={value}" for name in behind)]
    return found


def test_no_question_finds_a_bug(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        document = json.loads((await ask(world.port, "GET", "/openapi.json")).body)
        asked = [path for path in questions_of(document) if "/events" not in path]
        assert len(asked) > 500
        for path in asked:
            for accept in ("application/json", OCTETS):
                heard = await ask(world.port, "GET", path, headers=[("accept", accept)])
                assert heard.status < 500, (path, heard.body)

    tell(tmp_path, story)


def test_headers_are_what_they_say(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        shown = (await read(world, "/headers/0")).json
        header = Header.decode(bytes.fromhex(shown["header"]))
        assert shown["app_hash"] == header.app_hash.hex()
        assert shown["fee_total"] == {"currency": "XTS", "value": "0.00"}
        assert shown["out_size"] == 128

    tell(tmp_path, story)
