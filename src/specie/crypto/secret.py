"""Bytes that must not be seen."""

from typing import NoReturn


class Secret:
    """A secret that prints as ***: no equality, hash, length, iteration or pickle. Only `reveal` gives it.

    Python cannot wipe memory for certain, so keys that are used often live in the Rust core instead.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The secret itself; the caller must not keep, print or send it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, format_spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared")

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
