"""For the whole run: after the last test every file that the run wrote is read for planted secrets (law L3)."""

import os
import time

import hypothesis
import pytest
from tests import leaks, tokens

# The same examples in every run, so that a gate says about a commit what it said before; HYPOTHESIS_PROFILE=default
# draws others each time.
# How long an example takes is measured by benchmarks: a busy machine is no fault.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a planted secret stands in anything below its folder."""
    if not leaks.planted:
        return
    began = time.monotonic()
    root = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # what tmp_path stands on
    found, files, size = leaks.Scanner(leaks.planted).scan_files(root)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        took = time.monotonic() - began
        reporter.write_line("")
        reporter.write_line(
            f"leaks: {len(leaks.planted)} planted secrets, {files} files, {size:,} bytes read in {took:.1f} s, "
            f"{len(found)} hits",
            red=bool(found),
        )
        for leak in found[:50]:
            reporter.write_line(f"LEAK {leak.name} ({leak.encoding}) in {leak.where}", red=True)
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", name="softhsm")
def _softhsm(tmp_path_factory: pytest.TempPathFactory) -> tokens.SoftHsm:
    """A folder of real tokens; skips where SoftHSM is missing, fails in CI."""
    tokens.require()
    return tokens.SoftHsm(tmp_path_factory.mktemp("softhsm")).prepare()
