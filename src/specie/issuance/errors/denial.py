"""The common shape of this room's refusals."""

from __future__ import annotations

from typing import ClassVar

from specie.kernel.errors import Refused


class Denial(Refused):
    """The common shape of this room's refusals; `chapter` is the code as the signed denial spells it."""

    code: ClassVar[str] = "issuance.denied"
    status: ClassVar[int] = 422
    chapter: ClassVar[str] = "DENIED"

    evidence: bytes = b""
    """The signed `dc-deny`, set by the system that refuses."""
    bucket: str | None = None
    """Name of the bucket that is short, where the code speaks of one."""
    available: int | None = None
    """What the bucket still has, in minor units; set only where the policy discloses it (ISSUANCE-7.2)."""
    not_before_s: int | None = None
    """When it may be worth trying again, seconds since 1970."""
    retry_after_s: int | None = None
    """Answered as the Retry-After header."""
