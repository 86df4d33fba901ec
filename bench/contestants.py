"""Who is measured, and how each is started: direct, nginx, nginx with Lua signing, Envoy, Counterseal.

Every contestant gets one worker, is pinned to the same CPU and speaks verified TLS 1.3 over kept-alive
connections to the same stand-in upstream. Orders go in with the bot's HMAC signature.
"""

from __future__ import annotations

import datetime
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import load
import processes
from certificate import Certificates, make_certificates
from load import Target
from orders import Credential
from ours import COMPILED, SOURCES, WITHOUT_LIMITS, Build, Installation
from outbound import Outbound, hmac_outbound
from processes import Child, Cores
from programs import Programs

BENCH = Path(__file__).resolve().parent
VENUE_HOST = "api.binance.com"
OutKind = Literal["hmac", "ed25519"]


class NotReady(Exception):
    """This contestant cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Upstream:
    """The stand-in exchange. It trusts nobody and signs nothing; `port` speaks TLS 1.3 only."""

    port: int
    certificates: Certificates
    child: Child

    def target(self, credential: Credential) -> Target:
        """How a bot without a gateway reaches it."""
        return Target(f"https://127.0.0.1:{self.port}", credential, VENUE_HOST, self.certificates.ca)


@dataclass(frozen=True)
class Place:
    """What starting a contestant needs: an own directory, the two CPUs, the programs, the bot's key pair."""

    directory: Path
    cores: Cores
    programs: Programs
    bot: Credential

    def for_contestant(self, name: str) -> Place:
        """The same with an own, fresh subdirectory."""
        directory = self.directory / name
        directory.mkdir(mode=0o700)
        return Place(directory, self.cores, self.programs, self.bot)


@dataclass(frozen=True)
class Running:
    """A started contestant. `child` roots the process tree whose CPU time counts; None for direct."""

    target: Target
    outbound: Outbound
    child: Child | None

    def cpu_seconds(self) -> float:
        """CPU time of all its processes together since their start."""
        return processes.cpu_seconds(self.child.pid) if self.child else 0.0

    def close(self) -> None:
        if self.child:
            self.child.close()


@dataclass(frozen=True)
class Contestant:
    """`start` raises NotReady or ProcessFailed."""

    name: str
    title: str
    start: Callable[[Place, Upstream], Running]


def start_upstream(place: Place, template: Path = BENCH / "upstream" / "nginx.conf") -> Upstream:
    """Start the stand-in upstream on the load generator's CPU, with a certificate of a new throw-away CA."""
    certificates = make_certificates(place.directory, datetime.datetime.now(datetime.UTC))
    port = processes.free_port()
    config = _fill(place, template, PORT=port)
    child = _start_nginx(place, config, port, place.cores.load)
    return Upstream(port, certificates, child)


def direct(place: Place, upstream: Upstream) -> Running:
    """No gateway: the bot speaks TLS 1.3 to the upstream itself."""
    return Running(upstream.target(place.bot), hmac_outbound(place.bot), None)


def nginx_plain(place: Place, upstream: Upstream) -> Running:
    """nginx as a plain TLS proxy: nothing verified, nothing signed."""
    port = processes.free_port()
    config = _fill(
        place, BENCH / "peers" / "nginx_plain.conf", PORT=port, UPSTREAM_PORT=upstream.port, CA=upstream.certificates.ca
    )
    child = _start_nginx(place, config, port, place.cores.contestant)
    return Running(_plain_target(port, place.bot), hmac_outbound(place.bot), child)


def nginx_lua(place: Place, upstream: Upstream) -> Running:
    """nginx that re-signs with HMAC in Lua and does nothing else."""
    venue = Credential.random()
    secret_file = place.directory / "venue.secret"
    secret_file.touch(mode=0o600)
    secret_file.write_bytes(venue.secret)
    port = processes.free_port()
    config = _fill(
        place,
        BENCH / "peers" / "nginx_lua.conf",
        PORT=port,
        UPSTREAM_PORT=upstream.port,
        CA=upstream.certificates.ca,
        SECRET_FILE=secret_file,
        VENUE_KEY=venue.api_key,
    )
    child = _start_nginx(place, config, port, place.cores.contestant)
    return Running(_plain_target(port, place.bot), hmac_outbound(venue), child)


def envoy_plain(place: Place, upstream: Upstream) -> Running:
    """Envoy as a plain TLS proxy with one worker thread: nothing verified, nothing signed."""
    port = processes.free_port()
    config = _fill(
        place, BENCH / "peers" / "envoy.json", PORT=port, UPSTREAM_PORT=upstream.port, CA=upstream.certificates.ca
    )
    command = [
        place.programs.envoy,
        "-c",
        str(config),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "error",
    ]
    child = processes.start(command, place.cores.contestant, place.directory / "log")
    _await(child, port)
    return Running(_plain_target(port, place.bot), hmac_outbound(place.bot), child)


def counterseal(
    out_kind: OutKind, build: Build = SOURCES, durability: str = "process"
) -> Callable[[Place, Upstream], Running]:
    """Us with everything on; `out_kind` is the kind of the venue key that signs."""

    def start(place: Place, upstream: Upstream) -> Running:
        if not build.python.exists():
            raise NotReady(f"{build.python.parent.parent} is not there; make it with: make compiled")
        installation = Installation(
            place.directory, upstream.port, upstream.certificates.ca, out_kind, build, durability
        )
        child = installation.start(place.cores.contestant, place.directory / "log")
        return Running(_plain_target(installation.port, installation.bot), installation.outbound, child)

    return start


CONTESTANTS = (
    Contestant("direct", "direct", direct),
    Contestant("nginx", "nginx, plain proxy", nginx_plain),
    Contestant("nginx-lua", "nginx + Lua, signs HMAC", nginx_lua),
    Contestant("envoy", "Envoy, plain proxy", envoy_plain),
    Contestant("counterseal", "Counterseal, HMAC out", counterseal("hmac")),
    Contestant("counterseal-compiled", "Counterseal compiled, HMAC out", counterseal("hmac", COMPILED)),
    Contestant("counterseal-ed25519", "Counterseal, Ed25519 out", counterseal("ed25519")),
    Contestant("counterseal-power", "Counterseal, synced before sent", counterseal("hmac", durability="power")),
    Contestant(
        "counterseal-without-limits", "Counterseal without its ledger, HMAC out", counterseal("hmac", WITHOUT_LIMITS)
    ),
)


def _plain_target(port: int, credential: Credential) -> Target:
    return Target(f"http://127.0.0.1:{port}", credential, f"127.0.0.1:{port}")


def _fill(place: Place, template: Path, **values: object) -> Path:
    """Write `template` with its @NAME@ marks filled in to the contestant's directory."""
    text = template.read_text()
    values |= {
        "DIR": place.directory,
        "BENCH": BENCH,
        "MODULES": place.programs.nginx_modules,
        "USER": pwd.getpwuid(os.geteuid()).pw_name,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    path = place.directory / template.name
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _start_nginx(place: Place, config: Path, port: int, core: int) -> Child:
    command = [place.programs.nginx, "-e", "stderr", "-p", str(place.directory), "-c", str(config)]
    child = processes.start(command, core, place.directory / "log")
    _await(child, port)
    return child


def _await(child: Child, port: int) -> None:
    """Wait for the port; whatever goes wrong, nothing stays behind."""
    try:
        processes.wait_for_port(child, port)
    except BaseException:
        child.close()
        raise


def seen_by(upstream: Upstream) -> dict[str, object]:
    """{count, pairs, key}: how many orders the upstream has had, and the last one."""
    return load.get_json(upstream.target(Credential("", b"")), "/bench/seen")
