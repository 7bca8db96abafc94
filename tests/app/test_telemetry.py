"""Secrets and bodies do not get into the logs, whatever name or form they come in."""

import io
import json
import logging

import pytest
import structlog

from specie.app.redaction import mask
from specie.app.telemetry import Tracing, configure_logging, redact

SECRETS = {
    "passphrase": "correct horse",
    "db_password": "hunter2",
    "api_key": "k-123",
    "apikey": "k-123",
    "Authorization": "Basic abc",
    "session_cookie": "c=1",
    "signing_seed": b"\x07" * 32,
    "private_key": "PEM",
    "access_token": "t",
    "body": b"\xd2\x84",
    "request_body": "{}",
    "payload": [1, 2],
    "pin": "1234",
}


@pytest.mark.parametrize("name", SECRETS)
def test_names_that_mean_secrets_are_hidden(name: str) -> None:
    event = redact(None, "info", {"event": "x", name: SECRETS[name], "nested": {name: SECRETS[name]}})
    assert event[name] == "***"
    assert event["nested"][name] == "***"


def test_ids_and_codes_are_shown() -> None:
    event = {"event": "denied", "code": "issuance.quota_exceeded", "cti": "0af7", "key_id": "aa", "n": 3}
    assert redact(None, "info", dict(event)) == event


def test_bytes_are_shown_by_their_length() -> None:
    assert redact(None, "info", {"leaf": b"abc", "all": [b"", b"x"]}) == {
        "leaf": "<3 bytes>",
        "all": ["<0 bytes>", "<1 bytes>"],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://specie:hunter2@db/main", "postgresql://specie:***@db/main"),
        ("postgresql://db/main", "postgresql://db/main"),
        ("key sk_live_9Qmabc here", "key *** here"),
        ("Bearer abc.def", "***"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----", "***"),
        ("nothing secret", "nothing secret"),
    ],
)
def test_forms_that_are_secrets_are_masked(text: str, shown: str) -> None:
    assert mask(text) == shown
    assert redact(None, "info", {"note": text})["note"] == shown


def test_records_of_both_kinds_are_json_lines_without_secrets() -> None:
    stream = io.StringIO()
    configure_logging("info", pretty=False, stream=stream)
    log = structlog.get_logger("specie")
    log.info("started", url="postgresql://a:hunter2@b", passphrase="hunter2", trace_id="00ff")
    log.debug("not shown")
    logging.getLogger("other").warning("from %s", "postgresql://a:hunter2@b")
    try:
        raise RuntimeError("postgresql://a:hunter2@b does not answer")
    except RuntimeError:
        log.exception("failed")
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["event"] for record in records] == ["started", "from postgresql://a:***@b", "failed"]
    assert records[0]["trace_id"] == "00ff"
    assert records[0]["level"] == "info"
    assert records[0]["time"].endswith("Z")
    assert "RuntimeError" in records[2]["exception"]
    assert "hunter2" not in stream.getvalue()


def test_spans_are_free_without_an_sdk() -> None:
    with Tracing.found().span("issue", bytes(16), step=2):
        pass


def test_spans_carry_the_id_of_their_message() -> None:
    # SPEC ISSUANCE-17.1
    from opentelemetry import trace

    seen: list[trace.SpanContext] = []

    class Recording(trace.NoOpTracer):
        """OpenTelemetry's own idle tracer; it hands the parent on to the span."""

    cti = bytes(range(1, 17))
    with Tracing(Recording()).span("issue", cti):
        seen.append(trace.get_current_span().get_span_context())
    assert seen[0].trace_id == int.from_bytes(cti, "big")
    assert seen[0].span_id != 0
