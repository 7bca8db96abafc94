"""What a process without an enclave can do for its secrets: leave no core dump, let nobody attach, stay out of swap.

None of it stops whoever runs the machine. It keeps secrets out of files and out of the reach of other users.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from dataclasses import dataclass

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE = 1, 2


@dataclass(frozen=True, slots=True)
class Hardening:
    """What was reached; a platform that lacks one of them is no failure."""

    core_dumps_off: bool
    attaching_off: bool
    """No other process of the same user reads this one's memory (Linux)."""

    memory_locked: bool
    """Nothing is swapped out. Tried only where locked memory has no limit: else later allocations would fail."""


def harden_process() -> Hardening:
    """Harden this process, for good. To be called before secrets are in memory."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if not sys.platform.startswith("linux"):
        return Hardening(True, False, False)
    libc = ctypes.CDLL(None, use_errno=True)
    attaching_off = libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    locked = unlimited and libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0
    return Hardening(True, attaching_off, locked)
