"""How the objects of this room are laid out: claims around a body, each field declared once with its key and its check.

A body is a frozen dataclass whose fields carry `wire(key, check)` metadata; encoding and strict decoding follow from
that. Source: annex A of the chapter (CDDL), RFC 8392 (claims).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar

from specie.issuance.errors import Schema
from specie.kernel.amount import AMOUNT_MAX

Check = Callable[[Any], Any]
B = TypeVar("B", bound="Body")

BODY_CLAIM = -70000
TIME_MAX_S = 2**63 - 1
_SYSTEM = re.compile(r"[a-z0-9:._-]{1,64}")
_CURRENCY = re.compile(r"[A-Z0-9]{3,12}")


def wire(key: int, check: Check, *, optional: bool = False) -> Any:
    """Declare a field of a body: its integer key, its check, and whether it may be absent (then None)."""
    if optional:
        return field(default=None, metadata={"key": key, "check": check})
    return field(metadata={"key": key, "check": check})


def uint(limit: int = 2**64 - 1, least: int = 0) -> Check:
    """An integer of least..limit; a bool is no integer here."""

    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= limit:
            raise Schema(f"integer of {least}..{limit} expected")
        return value

    return check


# SPEC ISSUANCE-3.7.1
minor_units = uint(AMOUNT_MAX, 1)
# SPEC ISSUANCE-3.7.3
time_s = uint(TIME_MAX_S)


def octets(least: int, most: int | None = None) -> Check:
    """A byte string of least..most bytes (exactly `least` without `most`)."""
    limit = least if most is None else most

    def check(value: Any) -> bytes:
        if type(value) is not bytes or not least <= len(value) <= limit:
            raise Schema(f"byte string of {least}..{limit} bytes expected")
        return value

    return check


hash32 = octets(32)
# SPEC ISSUANCE-3.7.4
id16 = octets(16)
blob = octets(0, 2**20)


def text(limit_bytes: int) -> Check:
    """A text of at most limit_bytes bytes of UTF-8."""

    def check(value: Any) -> str:
        if type(value) is not str or len(value.encode()) > limit_bytes:
            raise Schema(f"text of at most {limit_bytes} bytes expected")
        return value

    return check


def system_id(value: Any) -> str:
    """SPEC ISSUANCE-3.7.4: [a-z0-9:._-]{1,64}."""
    if type(value) is not str or not _SYSTEM.fullmatch(value):
        raise Schema("system id expected")
    return value


def currency(value: Any) -> str:
    """SPEC ISSUANCE-3.7.2 (3 to 12 characters of [A-Z0-9])."""
    if type(value) is not str or not _CURRENCY.fullmatch(value):
        raise Schema("currency code expected")
    return value


def array_of(check: Check, least: int = 0, most: int = 1000) -> Check:
    """A tuple of checked items; a CBOR array on the wire."""

    def checked(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            raise Schema(f"array of {least}..{most} items expected")
        return tuple(check(item) for item in value)

    return checked


def pair_of(first: Check, second: Check) -> Check:
    """An array of exactly two items."""

    def checked(value: Any) -> tuple[Any, Any]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise Schema("array of two items expected")
        return first(value[0]), second(value[1])

    return checked


def map_of(key: Check, value: Check, most: int = 1000) -> Check:
    """A map with checked keys and values."""

    def checked(mapping: Any) -> dict[Any, Any]:
        if not isinstance(mapping, Mapping) or len(mapping) > most:
            raise Schema("map expected")
        return {key(k): value(v) for k, v in mapping.items()}

    return checked


def part(kind: type[B]) -> Check:
    """A nested body."""

    def checked(value: Any) -> B:
        return value if isinstance(value, kind) else kind.from_wire(value)

    return checked


def to_wire(value: Any) -> Any:
    """The CBOR form of a field's value."""
    if isinstance(value, Body):
        return value.to_wire()
    if isinstance(value, tuple):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Layout:
    """The compiled layout of one body: (name, key, check, required) in ascending key order."""

    entries: tuple[tuple[str, int, Check, bool], ...]
    keys: frozenset[int]


class Body:
    """What stands under the private claim of an object. Subclasses are frozen dataclasses of `wire` fields."""

    __slots__ = ()
    layout: ClassVar[Layout]

    @classmethod
    def compiled(cls) -> Layout:
        """The layout of this class, compiled on first use."""
        if "layout" not in cls.__dict__:
            entries = sorted(
                (item.metadata["key"], item.name, item.metadata["check"], item.default is MISSING)
                for item in fields(cls)  # type: ignore[arg-type]
            )
            cls.layout = Layout(
                tuple((name, key, check, required) for key, name, check, required in entries),
                frozenset(key for key, *_ in entries),
            )
        return cls.layout

    def to_wire(self) -> dict[int, Any]:
        """The CBOR map, keys ascending; absent optional fields are left out."""
        answer = {}
        for name, key, _, _ in self.compiled().entries:
            value = getattr(self, name)
            if value is not None:
                answer[key] = to_wire(value) if isinstance(value, tuple | dict | Body) else value
        return answer

    @classmethod
    def from_wire(cls, mapping: Any) -> Self:
        """Check a decoded map field by field. Raises Schema at the first fault."""
        layout = cls.compiled()
        if not isinstance(mapping, dict) or not layout.keys.issuperset(mapping):
            raise Schema(f"{cls.__name__}: not a map of the known keys")
        values = {}
        for name, key, check, required in layout.entries:
            if key in mapping:
                values[name] = check(mapping[key])
            elif required:
                raise Schema(f"{cls.__name__}: field {key} ({name}) is missing")
        return cls(**values)
