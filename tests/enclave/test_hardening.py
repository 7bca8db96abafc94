"""Hardening changes a process for good, so each case has a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from specie.enclave.simulated import harden_process
done = harden_process()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], done.core_dumps_off, done.attaching_off)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is looked at is Linux's")
def test_a_hardened_process_dumps_nothing_and_lets_nobody_attach() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True", "True"]
