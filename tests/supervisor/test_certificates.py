"""The helper that makes certificates: a process of its own that ends at once, started every hour."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.homes import SOURCE, make_home

from counterseal.adapters import ca_store
from counterseal.adapters.ca_files import CaFiles
from counterseal.adapters.home import Home, HomeError
from counterseal.supervisor import certificates, child, hourly
from counterseal.supervisor.certificates import Certificates
from counterseal.supervisor.wires import open_wires

ENVIRON = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def test_the_first_certificate_is_waited_for(home: Home) -> None:
    Certificates(home, ENVIRON, pytest.fail).prepare()
    assert ca_store.read_leaf(home) is not None


def test_the_key_is_never_in_the_process_that_asks() -> None:
    """The supervisor imports nothing that could open the CA's key; nor does the gateway."""
    program = (
        "import sys, counterseal.supervisor.main, counterseal.gateway.__main__\n"
        "sys.exit(any(name.endswith(('private_ca', 'ca_store', 'ca_mint')) for name in sys.modules))"
    )
    done = asyncio.run(_run(sys.executable, "-c", program))
    assert done == 0


async def _run(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=ENVIRON)
    return await process.wait()


def test_a_failure_is_said_and_nothing_starts(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    CaFiles(home).directory.mkdir(mode=0o700)
    (CaFiles(home).certificate()).write_bytes(b"nonsense")
    CaFiles(home).certificate().chmod(0o600)
    with pytest.raises(HomeError, match="counterseal ca show"):
        Certificates(home, ENVIRON, pytest.fail).prepare()
    assert "ca.pem holds no certificate" in capfd.readouterr().err


@pytest.mark.slow
def test_it_looks_again_and_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leaf that has been removed is there again; the helper leaves no process behind."""
    monkeypatch.setattr(hourly, "EVERY_S", 0.5)
    started: list[subprocess.Popen[bytes]] = []

    def spawn(*call: Any) -> "subprocess.Popen[bytes]":
        started.append(child.spawn(*call))
        return started[-1]

    monkeypatch.setattr(hourly, "spawn", spawn)

    async def run() -> None:
        made = Certificates(home, ENVIRON, pytest.fail)
        made.prepare()
        CaFiles(home).leaf.unlink()
        made.start()
        await _until(lambda: CaFiles(home).leaf.exists() and len(started) >= 3)
        monkeypatch.setattr(hourly, "EVERY_S", 3600.0)
        await asyncio.sleep(0.6)
        await _until(lambda: all(process.returncode is not None for process in started))

    asyncio.run(run())
    assert {process.returncode for process in started} == {0}


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.05)


def test_the_helper_tells_by_its_exit_code(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    helper = (*certificates.HELPER, "--home", str(home.root))
    assert asyncio.run(_run(*helper)) == 0
    CaFiles(home).identity.chmod(0o644)
    CaFiles(home).leaf.unlink()
    assert asyncio.run(_run(*helper)) == 1
    assert "open to other users" in capfd.readouterr().err


def test_wires_hold_every_listening_socket() -> None:
    wires = open_wires("127.0.0.1:0", "127.0.0.1:0", ["127.0.0.1:0", "127.0.0.1:0"])
    assert wires.proxy is not None and len(wires.tls) == 2
    assert set(wires.named) == {"proxy", "tls"} and len(wires.named["tls"]) == 2
    assert wires.named_fds == [
        ("--proxy-fd", wires.proxy.fileno()),
        *(("--tls-fd", end.fileno()) for end in wires.tls),
    ]
    taken = wires.named["tls"][0]
    with pytest.raises(HomeError, match=r"change listen\.tls"):
        open_wires("127.0.0.1:0", None, [taken])
    with pytest.raises(HomeError, match=r"change listen\.proxy"):
        open_wires("127.0.0.1:0", taken)
    wires.close()
    assert wires.proxy.fileno() == -1 and all(end.fileno() == -1 for end in wires.tls)


def test_without_them_there_are_none() -> None:
    wires = open_wires("127.0.0.1:0")
    assert wires.named == {} and wires.named_fds == []
    wires.close()
