"""Problems (RFC 9457): every error that leaves a door, in one form.

A refusal is 4xx with its code; unavailable is 503 with ``Retry-After``; anything else is our bug, 500 with
an id and no detail. Facts of a refusal become members of the problem, bytes as hexadecimal, but the signed
denial (fact ``evidence``) as base64url.

# SPEC ISSUANCE-7.1
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar.exceptions import HTTPException

from specie.app.errors_catalogue import Catalogue, Entry
from specie.app.http.errors import FRAMEWORK, RequestInvalid
from specie.kernel.errors import Refused, Unavailable

TYPE_PREFIX = "urn:specie:error:"
TOO_LARGE_STATUS = 413
UNAVAILABLE_STATUS = 503

_OTHERS = {429: "system.overloaded", 503: "system.unavailable"}
_OURS = frozenset(
    ("type", "docs", "title", "status", "code", "detail", "funds", "retry", "next", "trace_id", "retry_after")
)
_ATTRIBUTES = ("evidence", "bucket", "not_before_s", "retry_after_s")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem ready to send."""

    status: int
    members: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Its JSON."""
        return msgspec.json.encode(self.members, enc_hook=str)


def facts_of(error: Refused) -> dict[str, object]:
    """The facts of a refusal, with those that a room keeps as attributes of its errors."""
    kept = ((name, getattr(error, name, None)) for name in _ATTRIBUTES)
    return {name: value for name, value in kept if value not in (None, b"")} | error.facts


def is_bug(error: Exception) -> bool:
    """True if this is neither a refusal nor a passing failure, but our mistake."""
    if isinstance(error, Refused | Unavailable):
        return False
    return not (isinstance(error, HTTPException) and (error.status_code < 500 or error.status_code == 503))


def problem_of(error: Exception, catalogue: Catalogue, trace_id: str) -> Problem:
    """The problem of any exception; of an unknown one it tells the id alone."""
    if isinstance(error, Refused):
        return _of_refusal(error, catalogue, trace_id)
    if isinstance(error, Unavailable):
        return _of_unavailable(error, catalogue, trace_id)
    if isinstance(error, HTTPException) and not is_bug(error):
        return _of_framework(error, catalogue, trace_id)
    entry = catalogue.entry("system.internal")
    return Problem(500, _members(entry, 500, "", {}, trace_id) | {"id": trace_id})


def _members(entry: Entry, status: int, said: str, facts: Mapping[str, object], trace_id: str) -> dict[str, Any]:
    return {
        "type": TYPE_PREFIX + entry.code,
        "docs": f"/errors/{entry.code}",
        "title": entry.title,
        "status": status,
        "code": entry.code,
        "detail": entry.detail_with(said, facts),
        "funds": str(facts.get("funds", entry.funds)),
        "retry": {"safe": entry.retry != "never", "how": entry.retry},
        "next": [
            {"command": step} if step.startswith("specie ") else {"label": step} for step in entry.next_with(facts)
        ],
        "trace_id": trace_id,
    }


def _of_refusal(error: Refused, catalogue: Catalogue, trace_id: str) -> Problem:
    facts = facts_of(error)
    members = _members(catalogue.entry(error.code), error.status, error.detail, facts, trace_id)
    headers: dict[str, str] = {}
    if error.status == TOO_LARGE_STATUS:
        headers["Connection"] = "close"  # the body was not read and is not wanted
    for name, value in facts.items():
        if name == "retry_after_s":
            members["retry_after"] = value
            headers["Retry-After"] = str(value)
        elif name == "allow":
            headers["Allow"] = str(value)
        elif name not in _OURS:
            members[name] = _plain(name, value)
    return Problem(error.status, members, headers)


def _of_unavailable(error: Unavailable, catalogue: Catalogue, trace_id: str) -> Problem:
    facts = {"funds": "in_doubt"} if getattr(error, "in_doubt", False) else {}
    entry = catalogue.entry(error.code)
    members = _members(entry, UNAVAILABLE_STATUS, error.detail, facts, trace_id)
    members["retry"] = {"safe": True, "how": "same_key", "after": error.retry_after_s}
    members["retry_after"] = error.retry_after_s
    return Problem(UNAVAILABLE_STATUS, members, {"Retry-After": str(error.retry_after_s)})


def _of_framework(error: HTTPException, catalogue: Catalogue, trace_id: str) -> Problem:
    """What Litestar itself refuses: no route, wrong method, a body that does not fit the types."""
    kind = FRAMEWORK.get(error.status_code)
    code = kind.code if kind else _OTHERS.get(error.status_code, RequestInvalid.code)
    said = error.detail if error.status_code == 400 else ""
    members = _members(catalogue.entry(code), error.status_code, said, {}, trace_id)
    if isinstance(error.extra, list):
        members["errors"] = [
            {"field": str(item.get("key", "")), "message": str(item.get("message", ""))}
            for item in error.extra
            if isinstance(item, dict)
        ]
    headers = {name.title(): value for name, value in (error.headers or {}).items()}
    if error.status_code == UNAVAILABLE_STATUS:
        headers.setdefault("Retry-After", "1")
    return Problem(error.status_code, members, headers)


def _plain(name: str, value: object) -> object:
    if isinstance(value, bytes):
        if name == "evidence":
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    return value
