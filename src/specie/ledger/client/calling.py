"""What the clients need of HTTP; the app brings it (keep-alive, TLS, problems turned back into refusals)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from specie.kernel.errors import Refused, Unavailable
from specie.ledger.errors import Deferred, Rejected, refusal_class, unavailable_class

JSON = "application/json"
OCTETS = "application/vnd.specie.ledger+octets"

T = TypeVar("T")
Headers = Sequence[tuple[str, str]]


class Reply(Protocol):
    """An answer below 400."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """By lower-case name."""
        ...


class Caller(Protocol):
    """Raises the other side's refusal under its code, or Unavailable where it does not answer."""

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = JSON, headers: Headers = ()
    ) -> Reply: ...


class AnswerUnreadable(Unavailable):
    """What came is no answer of a ledger; whether something happened is not known."""

    code = "ledger.answer_unreadable"


def own_error(error: Refused | Unavailable) -> Refused | Unavailable:
    """The class of this room for an error that came over the wire, so that callers see what the engine would raise."""
    if not error.code.startswith("ledger.") or isinstance(error, Rejected | Deferred):
        return error
    if isinstance(error, Refused):
        refusal = refusal_class(error.code)
        return refusal(error.detail, **error.facts) if refusal.code == error.code else error
    deferred = unavailable_class(error.code)
    return deferred(error.detail, error.retry_after_s) if deferred.code == error.code else error


class Door:
    """Calls below `/v1/ledger`, in the types of this room."""

    def __init__(self, caller: Caller, base: str = "/v1/ledger") -> None:
        self._caller = caller
        self._base = base

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "", headers: Headers = ()
    ) -> Reply:
        """Raises the ledger's refusals, and what the caller raises of the way."""
        try:
            return await self._caller.call(method, self._base + path, body, media_type, headers)
        except (Refused, Unavailable) as error:
            own = own_error(error)
            if own is error:
                raise
            raise own from error

    async def octets(self, path: str) -> bytes:
        """An answer in octets."""
        return (await self.call("GET", path, headers=(("accept", OCTETS),))).body

    async def json(self, path: str, kind: type[T]) -> T:
        """An answer in JSON, as its struct. Raises AnswerUnreadable."""
        return read_json((await self.call("GET", path, headers=(("accept", JSON),))).body, kind)


def read_json(data: bytes, kind: type[T]) -> T:
    """A struct of a JSON answer. Raises AnswerUnreadable."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise AnswerUnreadable(f"the answer is no {kind.__name__}") from error


def query(**values: Any) -> str:
    """`?name=value&…` of those that are not None; a trailing underscore of a name is dropped."""
    pairs = [f"{name.rstrip('_')}={value}" for name, value in values.items() if value is not None]
    return "?" + "&".join(pairs) if pairs else ""


__all__ = ["JSON", "OCTETS", "AnswerUnreadable", "Caller", "Door", "Reply", "own_error", "query", "read_json"]
