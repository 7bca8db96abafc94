"""The two errors that a door may answer with; anything else that is raised is our own bug.

A `Refused` is the other side's fault and has a stable code (`room.reason`). `Unavailable` means: try again.
"""

from typing import ClassVar


class Refused(Exception):
    """The other side asked for something that it cannot have; asking again in the same way changes nothing.

    Every subclass sets `code` (`room.reason`, lower snake case, unique) and `status` (the HTTP status).
    `detail` is one safe sentence for people. `facts` are values that a program may want (limits, culprits);
    they are shown to the other side, so they never hold a secret.
    """

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str = "", **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Unavailable(Exception):
    """Not now: the same request may succeed in `retry_after_s` seconds."""

    code: ClassVar[str] = "system.unavailable"
    status: ClassVar[int] = 503

    def __init__(self, detail: str = "", retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Overloaded(Unavailable):
    """A bounded queue is full; nothing was done."""

    code = "system.overloaded"


class KeyMissing(Refused):
    """A call that moves money came without its idempotency key (draft-ietf-httpapi-idempotency-key-header)."""

    code = "request.key_missing"
    status = 400


class KeyInProgress(Refused):
    """The first call under this key still runs."""

    code = "request.in_progress"
    status = 409


class KeyReused(Refused):
    """The key was used for another request."""

    code = "request.key_reused"
    status = 422
