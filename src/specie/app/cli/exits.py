"""What the command line answers the shell with. Spec: ux/SPEC section 6."""

from __future__ import annotations

from enum import IntEnum

from specie.app.errors_catalogue import Catalogue
from specie.kernel.errors import Refused, Unavailable


class Exit(IntEnum):
    """Exit codes; scripts rely on them, so none changes its meaning."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    NOT_FOUND = 4
    CONFLICT = 5
    NOT_ALLOWED = 6
    UNREACHABLE = 7
    IN_DOUBT = 8
    UNVERIFIED = 9
    DECLINED = 10
    INTERRUPTED = 130


_BY_STATUS = {
    400: Exit.USAGE,
    401: Exit.NOT_ALLOWED,
    403: Exit.NOT_ALLOWED,
    404: Exit.NOT_FOUND,
    405: Exit.USAGE,
    409: Exit.CONFLICT,
    415: Exit.USAGE,
}


def exit_of(error: Refused | Unavailable, catalogue: Catalogue) -> Exit:
    """The exit code of a refusal (its catalogue entry has the last word) or of a passing failure."""
    if isinstance(error, Unavailable):
        return Exit.IN_DOUBT if getattr(error, "in_doubt", False) else Exit.UNREACHABLE
    chosen = catalogue.entry(error.code).exit
    if chosen is not None:
        return Exit(chosen)
    return _BY_STATUS.get(error.status, Exit.REFUSED)
