"""The id of a request: the caller's W3C trace id where there is a valid one, else a new one.

It is worked out when it is first asked for, stands in every log line and problem, and returns as
``X-Request-Id``. Spec: https://www.w3.org/TR/trace-context/ §3.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specie.app.http.requests import header

if TYPE_CHECKING:
    from litestar.types import Scope

    from specie.kernel.clock import Randomness

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_STATE_KEY = "trace_id"


def trace_id(scope: Scope, randomness: Randomness) -> str:
    """32 hexadecimal digits, the same for the whole request."""
    state = scope["state"]
    known = state.get(_STATE_KEY)
    if isinstance(known, str):
        return known
    given = header(scope, b"traceparent")
    made = (_accepted(given) if given else None) or randomness.bytes(16).hex()
    state[_STATE_KEY] = made
    return made


def set_trace_id(scope: Scope, identifier: bytes) -> None:
    """Let a message's own 16-byte id be the trace id of its request.

    # SPEC ISSUANCE-17.1
    """
    scope["state"][_STATE_KEY] = identifier.hex()


def _accepted(traceparent: bytes) -> str | None:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or match[1] == b"ff" or match[2] == b"0" * 32 or match[3] == b"0" * 16:
        return None
    if match[1] == b"00" and len(traceparent) != 55:
        return None
    return match[2].decode()
