"""What a service process does for itself before it reads a key."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """No core dumps, and no debugger of another process: keys are in memory.

    # SPEC ISSUANCE-2.3.3
    """
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def is_dumpable() -> bool | None:
    """Whether this process may dump its memory; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        return bool(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
    except (OSError, AttributeError):
        return None
