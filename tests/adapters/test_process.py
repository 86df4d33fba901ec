"""What a process does to itself first, seen from the kernel."""

import subprocess
import sys

import pytest
from tests.homes import SOURCE

PROGRAM = """
import ctypes, os, resource, signal
from counterseal.adapters.process import die_with_parent, harden
harden()
die_with_parent()
chosen = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(chosen), 0, 0, 0)  # PR_GET_PDEATHSIG
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE), chosen.value)
"""


@pytest.mark.threat(28)
def test_is_not_dumpable_has_no_core_and_dies_with_its_parent() -> None:
    environ = {"PYTHONPATH": str(SOURCE)}
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environ, check=True)

    assert found.stdout.split() == ["0", "0", "0", "9"]
