"""The OpenAPI document that the services serve, and a few hundred calls made from it: none is answered by 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from specie.app.founding import default_terms
from specie.kernel import codec
from tests.services import Deployment, make_deployment, run

EXAMPLES = 8
"""For each of some fifty operations."""
PLAIN = st.recursive(
    st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=20)
    | st.text(max_size=10).filter(str.isascii)
    | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-9, 9), inner, max_size=4),
    max_leaves=8,
)
BODIES = (
    st.binary(max_size=200)
    | PLAIN.map(codec.encode)
    | st.lists(st.binary(max_size=50), max_size=3).map(codec.encode)
    | st.fixed_dictionaries(
        {
            "amount": st.fixed_dictionaries(
                {"currency": st.sampled_from(["XTS", "EUR", ""]), "value": st.text(max_size=9)}
            ),
            "owner": st.text("0123456789abcdef", max_size=40),
            "purpose": st.text(max_size=5),
        }
    ).map(lambda value: json.dumps(value).encode())
)
MEDIA_TYPES = st.sampled_from(["application/cose", "application/cbor", "application/json"])


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    found = run(make_deployment(tmp_path_factory.mktemp("deployment"), terms=default_terms, together=True))
    with found.services as services:
        services.start()
        yield found


def document(deployment: Deployment) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", deployment.config.gateway.listen_port, timeout=20)
    connection.request("GET", "/openapi.json")
    value: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return value


# SPEC ISSUANCE-16.1.1, ISSUANCE-16.1.2
def test_the_document_names_the_calls_of_all_three(deployment: Deployment) -> None:
    served = document(deployment)
    assert served["openapi"].startswith("3.1")
    for path, method in (
        ("/v1/central-management/requests", "post"),
        ("/v1/central-management/approvals", "post"),
        ("/v1/quota-control/control-bits", "post"),
        ("/v1/quota-control/supply", "get"),
        ("/v1/issuance/issues", "post"),
        ("/v1/issuance/redemptions", "post"),
        ("/v1/issuance/log/checkpoint", "get"),
        ("/readyz", "get"),
    ):
        assert method in served["paths"][path], path


def never_500(operation: Any, base_url: str, examples: int) -> int:
    """Call an operation with parameters from the document and, where it takes a body, with any body."""
    takes_body = operation.method.upper() in ("POST", "PUT")
    count = 0

    @given(case=operation.as_strategy(), body=BODIES, media_type=MEDIA_TYPES)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any, body: bytes, media_type: str) -> None:
        nonlocal count
        count += 1
        headers = {"content-type": media_type, "idempotency-key": f"key-{count}"}
        answer = case.call(base_url=base_url, **({"data": body, "headers": headers} if takes_body else {}))
        assert answer.status_code < 500 or answer.status_code == 503, f"{case.as_curl_command()}\n{answer.text}"
        if answer.status_code >= 400 and case.path != "/readyz":
            problem = json.loads(answer.text)
            assert {"type", "title", "status", "code", "detail", "funds", "retry", "next"} <= set(problem)

    call()
    return count


def test_calls_made_from_the_document_never_end_in_500(deployment: Deployment) -> None:
    schema = schemathesis.openapi.from_dict(document(deployment))
    base_url = f"http://127.0.0.1:{deployment.config.gateway.listen_port}"
    operations = [found.ok() for found in schema.get_all_operations()]
    assert sum(never_500(operation, base_url, EXAMPLES) for operation in operations) > 300
