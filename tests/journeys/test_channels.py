"""Who may say what over which channel: three services under mutual TLS, called as the systems call each other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from specie.app.founding import default_terms
from specie.app.http.client import RemoteRefused, Unreachable
from specie.app.tls import Authority, client_context
from specie.issuance.api import Granted
from specie.issuance.client import wire
from specie.issuance.messages.objects import ControlBit
from specie.issuance.protocol.envelope import open_one
from specie.kernel.clock import SystemClock
from specie.kernel.errors import Refused
from tests.presenting import Presenter
from tests.services import CM, IS, QC, Deployment, make_deployment, run


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    found = run(make_deployment(tmp_path_factory.mktemp("deployment"), terms=default_terms))
    with found.services as services:
        services.start()
        yield found


async def granted(deployment: Deployment, request: bytes) -> Granted:
    """Steps 1 to 3 as the issuance system takes them."""
    reply = await deployment.client(CM, IS).post("/v1/requests", request)
    assert reply.status == 200
    return wire.unpack_granted(reply.body)


# SPEC ISSUANCE-6.1.2, ISSUANCE-6.3.2, ISSUANCE-6.5.12, ISSUANCE-10.1.2, ISSUANCE-21.8
def test_a_request_becomes_a_credential_and_a_bit_and_both_are_replayed(deployment: Deployment) -> None:
    async def work() -> None:
        presenter = Presenter(deployment.config)
        (request,) = await presenter.requests(1)
        answer = await granted(deployment, request)
        again = await granted(deployment, request)
        assert (again.sealed, again.replayed) == (answer.sealed, True)
        (shown,) = await presenter.present([answer.sealed])
        quota_control = deployment.client(QC, IS)
        first, second = [await quota_control.post("/v1/control-bits", shown) for _ in range(2)]
        assert first.body == second.body
        assert (first.replayed, second.replayed) == (False, True)
        keys = presenter.keys
        bit = open_one(first.body, ControlBit, keys, lambda kid: keys.entry(kid, ("qc:bit",)))
        assert (bit.body.credential_cti, bit.body.amount, bit.body.unit_count) == (answer.cti, 15_000, 4)

    run(work())


# SPEC ISSUANCE-6.2.7, ISSUANCE-6.5.9, ISSUANCE-20.5
@pytest.mark.parametrize("other", [CM, QC])
def test_another_systems_certificate_is_a_channel_mismatch(deployment: Deployment, other: str) -> None:
    async def work() -> None:
        presenter = Presenter(deployment.config)
        (request,) = await presenter.requests(1)
        with pytest.raises(RemoteRefused) as refused:
            await deployment.client(CM, other).post("/v1/requests", request)
        assert (refused.value.code, refused.value.status) == ("issuance.channel_mismatch", 401)
        (shown,) = await presenter.make(1)
        with pytest.raises(RemoteRefused) as refused:
            await deployment.client(QC, other).post("/v1/control-bits", shown)
        assert refused.value.code == "issuance.channel_mismatch"
        assert refused.value.evidence

    run(work())


# SPEC ISSUANCE-3.3.5, ISSUANCE-10.1.9
def test_what_is_no_object_is_refused_by_name(deployment: Deployment) -> None:
    async def work() -> None:
        central_management = deployment.client(CM, IS)
        (request,) = await Presenter(deployment.config).requests(1)
        for body, headers, code in (
            (b"no object", (), "issuance.malformed"),
            (b"\x00" * 20_000, (), "issuance.too_large"),
            (request, (("idempotency-key", "00" * 16),), "issuance.idempotency_mismatch"),
        ):
            with pytest.raises(RemoteRefused) as refused:
                await central_management.call("POST", "/v1/requests", body, headers=headers)
            assert refused.value.code == code

    run(work())


# SPEC ISSUANCE-16.2.1
def test_batches_answer_each_object_in_its_place(deployment: Deployment) -> None:
    async def work() -> None:
        presenter = Presenter(deployment.config)
        good = await presenter.requests(2)
        body = wire.encode([good[0], b"broken", good[1]])
        reply = await deployment.client(CM, IS).post("/v1/requests", body, wire.CBOR)
        first, broken, second = wire.unpack_requests(reply.body)
        assert isinstance(first, Granted) and isinstance(second, Granted)
        assert isinstance(broken, Refused) and broken.code == "issuance.malformed"
        shown = await presenter.present([first.sealed, second.sealed])
        body = wire.encode([shown[0], shown[1][:-1], shown[1]])
        reply = await deployment.client(QC, IS).post("/v1/control-bits", body, wire.CBOR)
        codes = [getattr(answer, "code", "a bit") for answer in wire.unpack_bits(reply.body)]
        assert codes == ["a bit", "issuance.malformed", "a bit"]

    run(work())


def test_a_certificate_of_another_deployment_is_turned_away(deployment: Deployment, tmp_path: Path) -> None:
    async def work() -> None:
        authority = Authority.create(tmp_path / "ca", SystemClock())
        foreign = authority.issue("is-1", tmp_path / "is", SystemClock())
        context = client_context(foreign)
        context.load_verify_locations(deployment.config.data_dir / "ca" / "ca.pem")  # so that only they refuse
        assert await heard(deployment, context) == b""

    run(work())


def test_no_certificate_and_no_tls_are_turned_away(deployment: Deployment) -> None:
    async def work() -> None:
        context = ssl.create_default_context(cafile=deployment.config.data_dir / "ca" / "ca.pem")
        assert await heard(deployment, context) == b""
        assert not (await heard(deployment, None)).startswith(b"HTTP/1.1 2")

    run(work())


async def heard(deployment: Deployment, context: ssl.SSLContext | None) -> bytes:
    """What quota control says to this TLS; nothing where the connection is ended."""
    port = deployment.config.system(QC).listen_port
    try:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.write(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        answer = await reader.read(1000)
        writer.close()
    except (ssl.SSLError, ConnectionError):
        return b""
    return answer


def test_a_service_under_another_name_is_not_talked_to(deployment: Deployment) -> None:
    async def work() -> None:
        client = deployment.client(QC, IS)
        client._server_id = "cm-1"
        with pytest.raises((Refused, Unreachable)) as refused:
            await client.get("/livez")
        assert refused.value.code == "auth.wrong_peer"

    run(work())
