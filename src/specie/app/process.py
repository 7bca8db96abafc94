"""What a service process does for itself before it reads a key."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys

_PR_SET_DUMPABLE = 4
GARBAGE_AFTER = 20_000
"""New objects between two looks at the youngest ones."""
SWITCH_S = 0.0005
"""How long one thread keeps the interpreter while another waits for it."""


def harden() -> None:
    """No core dumps, and no debugger of another process: keys are in memory.

    # SPEC ISSUANCE-2.3.3
    """
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def tune() -> None:
    """Once everything is loaded: collect garbage less often, and hand the interpreter over sooner.

    What is loaded by now stays, so the collector need not look at it again: a fifth of the time under load. The
    writer's thread comes back from the database many times in each transaction; with Python's usual 5 ms it would
    wait that long each time behind a busy event loop.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 50)
    sys.setswitchinterval(SWITCH_S)


def is_dumpable() -> bool | None:
    """Whether this process may dump its memory; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        return bool(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
    except (OSError, AttributeError):
        return None
