"""Every profile entered by a process that then tries what it may not, and what it must still be able to do."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.homes import SOURCE, make_home

from counterseal.adapters.sandbox import SandboxError, landlock, require

PROBE = Path(__file__).with_name("sandbox_probe.py")


def _kernel_lacks() -> str | None:
    try:
        require()
    except SandboxError as fault:
        return str(fault)
    return None


LACKS = _kernel_lacks()
pytestmark = pytest.mark.skipif(LACKS is not None, reason=str(LACKS))

# What nobody may do, whichever the process.
NEVER = (
    "read neighbour", "write keys", "write settings", "write bots", "write package", "write neighbour",
    "link keys", "move keys", "fork", "raw socket", "packet socket", "netlink", "vsock", "connect mptcp", "fast open",
    "connect elsewhere", "bind", "bind port", "listen", "listen bound", "signal parent", "signal parent by thread",
    "signal parent by group",
    "read parent's memory", "read parent's environ", "io_uring", "keyctl", "unshare", "mount", "set user", "dumpable",
    "outlive", "new call", "exec", "limit parent",
)  # fmt: skip
KEYS = ("read keys", "read ca key", "read signer identity", "read ca identity", "read keys through proc")
# By profile: what must work, and what must not besides NEVER. A try in neither list is not judged.
WORKS = {
    "signer": ("clock", "memory", "signal self"),
    "token": ("thread", "import late", "null", "unix socket", "clock"),
    "gateway": (
        "read bots", "read settings", "read leaf", "read gateway identity", "write journal", "write log", "write marks",
        "null", "thread", "import late", "connect", "udp", "socket pair", "resolve", "trust", "signal self", "clock",
        "memory",
    ),
    "opener": (*KEYS, "thread", "import late", "null", "clock"),
}  # fmt: skip
REFUSED = {
    "signer": (
        *KEYS, "read gateway identity", "read bots", "read settings", "read leaf", "null", "thread", "connect", "udp",
        "unix socket", "socket pair", "executable memory", "made executable", "map descriptor", "import late",
        "descriptor from outside", "write journal", "write log", "write marks", "write run", "remove journal",
        "make folder",
    ),
    "token": (
        *KEYS, "read gateway identity", "read bots", "read settings", "read leaf", "connect", "udp", "write run",
        "write journal",
    ),
    "gateway": (
        *KEYS, "write run", "remove journal", "make folder", "unix socket", "open keys to others",
        "open keys by descriptor", "attribute of keys", "schedule parent", "slow parent",
    ),
    "opener": (
        "read bots", "read settings", "read leaf", "write run", "write journal", "write log", "remove journal",
        "unix socket", "connect", "udp",
    ),
}  # fmt: skip


@dataclass
class Place:
    """A home with something in every file, one port that may be reached and one that may not."""

    root: Path
    port: int
    other: int

    @functools.cached_property
    def found(self) -> dict[str, Any]:
        """What each profile's probe told."""
        return {name: self.probe(name, "all") for name in WORKS}

    def run(self, profile: str, way: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, "-P", str(PROBE), profile, str(self.root), str(self.port), str(self.other), way],
            capture_output=True, check=False, timeout=60, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip

    def probe(self, profile: str, way: str) -> dict[str, Any]:
        done = self.run(profile, way)
        assert done.returncode == 0, done.stderr.decode()
        return dict(json.loads(done.stdout))


@pytest.fixture(name="place", scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = make_home(tmp_path_factory.mktemp("sandbox") / "home")
    for folder in (home.root / "tls", home.run / "replay", home.root.parent / "token"):
        folder.mkdir()
    names = ("keys/exchange.age", "keys/ca.age", "identities/ca.key", "tls/leaf.pem", "bots/a.age", "counterseal.toml",
             "journal/gateway.journal", "logs/gateway.jsonl", "run/supervisor.json", "../neighbour")  # fmt: skip
    for name in names:
        (home.root / name).write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.1", 0)) as other:
        yield Place(home.root, allowed.getsockname()[1], other.getsockname()[1])


@pytest.mark.parametrize("profile", WORKS)
def test_what_a_process_needs_works(place: Place, profile: str) -> None:
    results = place.found[profile]["results"]
    assert {name: results[name] for name in WORKS[profile]} == dict.fromkeys(WORKS[profile], "ok")


@pytest.mark.threat(28)
@pytest.mark.parametrize("profile", REFUSED)
def test_what_it_may_not_fails(place: Place, profile: str) -> None:
    """Every try fails, and with an errno that Python raises for, but where Python itself gives up first."""
    results = place.found[profile]["results"]
    refused = {name: results[name] for name in (*NEVER, *REFUSED[profile])}
    assert [name for name, result in refused.items() if result == "ok"] == []
    raised = {"thread": "RuntimeError", "import late": "ModuleNotFoundError"}
    expected = {"EPERM", "EACCES", "EXDEV", "ENOSYS", *raised.values()}
    assert {name: result for name, result in refused.items() if result not in expected} == {}
    assert refused["new call"] == "ENOSYS"


def test_the_gateway_reaches_no_key_and_one_port(place: Place) -> None:
    """The two claims of ruling 23 and of threat 28 by their errno: Landlock's for paths and ports."""
    results = place.found["gateway"]["results"]
    assert {results[name] for name in KEYS} == {"EACCES"}
    assert (results["connect"], results["connect elsewhere"]) == ("ok", "EACCES")
    # These two would go round Landlock's ports if the filter of calls did not know them.
    assert (results["connect mptcp"], results["fast open"]) == ("EPERM", "EPERM")


@pytest.mark.threat(28)
def test_a_gateway_with_egress_addresses_binds_and_listens_nowhere(place: Place) -> None:
    """Any free port of an address, so that a connection can leave from it; no port of its choice, no listener."""
    plain, egress = place.found["gateway"]["results"], place.probe("gateway with egress", "all")["results"]
    changed = {name: result for name, result in egress.items() if result != plain[name]}
    assert changed == {"bind": "ok", "bind port": "EACCES"}
    assert (plain["bind"], plain["bind port"], egress["listen"], egress["listen bound"]) == ("EPERM",) * 4


@pytest.mark.parametrize("profile", WORKS)
def test_the_report_is_what_is_in_force(place: Place, profile: str) -> None:
    report = place.found[profile]["report"]
    assert report["profile"] == ("signer" if profile == "token" else profile)
    assert (report["no_new_privs"], report["seccomp"]) == (True, True)
    assert report["landlock"] == landlock.abi()
    assert bool(report["lacking"]) is (landlock.abi() < landlock.ABI_SCOPES and profile != "token")


@pytest.mark.threat(28)
@pytest.mark.parametrize("way", ["ptrace", "process_vm_readv", "bpf", "perf", "userfaultfd", "module", "pidfd_getfd"])
@pytest.mark.parametrize("profile", ["signer", "gateway", "supervisor"])
def test_what_nobody_does_by_mistake_kills(place: Place, profile: str, way: str) -> None:
    assert place.run(profile, way).returncode == -signal.SIGSYS


def test_the_supervisor_writes_its_own_folders_only(place: Place) -> None:
    """It may start programs, so that the probe ends in one: what it writes is asked for alone."""
    results = place.probe("supervisor", "writes")["results"]
    written = {"write run", "write journal", "write log", "null"}
    assert {name for name, result in results.items() if result == "ok"} == written
    assert {result for name, result in results.items() if name not in written} == {"EACCES"}
