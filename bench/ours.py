"""Counterseal as a contestant: a home with one bot, everything on, started as a user starts it."""

from __future__ import annotations

import json
import os
import secrets
import string
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import processes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from orders import Credential
from outbound import Outbound, ed25519_outbound, hmac_outbound
from processes import Child

ROOT = Path(__file__).resolve().parent.parent

CONFIG = """\
[venue]
environment = "paper"
address = "127.0.0.1:{upstream}"
ca_file = "{ca}"

[listen]
address = "127.0.0.1:{port}"

[gateway]
max_connections_per_source = 512
durability = "{durability}"

[keys.venue]
functions = ["account", "trade"]

[bots.bench]
keys = ["venue"]
products = ["spot"]
purposes = ["read", "account", "trade"]
symbols = ["BTCUSDT"]
max_order_notional = 1000000
max_order_quantity = {{ BTCUSDT = 10 }}
price_collar_percent = 50
max_repeats = 100000
repeat_window_s = 1
hours = ["Mon-Sun 00:00-24:00"]
sources = ["127.0.0.1"]
"""


@dataclass(frozen=True)
class Build:
    """Which Python runs us, and where it finds us; `sources` is None for an installed package.

    `patched` is a folder whose `sitecustomize` changes us for a comparison.
    """

    python: Path
    sources: Path | None
    patched: Path | None = None

    def environ(self) -> dict[str, str]:
        """What the processes get; the folder of a patch goes before the sources."""
        found = os.pathsep.join(str(path) for path in (self.patched, self.sources) if path is not None)
        return {"PATH": os.environ["PATH"], **({"PYTHONPATH": found} if found else {})}


SOURCES = Build(ROOT / ".env" / "product" / "bin" / "python", ROOT / "src")
WITHOUT_LIMITS = replace(SOURCES, patched=ROOT / "bench" / "without_limits")
COMPILED = Build(ROOT / ".env" / "compiled" / "bin" / "python", None)


class Installation:
    """A home below `directory` in front of the stand-in upstream on `upstream_port`."""

    def __init__(
        self, directory: Path, upstream_port: int, ca: Path, out_kind: str, build: Build, durability: str = "process"
    ) -> None:
        self._build = build
        self.home = directory / "home"
        self.port = processes.free_port()
        self._verb("init", "--home", str(self.home))
        text = CONFIG.format(upstream=upstream_port, ca=ca, port=self.port, durability=durability)
        (self.home / "counterseal.toml").write_text(text)
        self.outbound = self._add_key(out_kind)
        minted = directory / "bot.json"
        self._verb("bot", "mint", "bench", "--home", str(self.home), "--out", str(minted))
        made = json.loads(minted.read_text())
        self.bot = Credential(made["apiKey"], made["secretKey"].encode())

    def start(self, core: int, log: Path) -> Child:
        """Start the supervisor; its whole tree (gateway, signer) is accounted."""
        command = [str(self._build.python), "-m", "counterseal.cli.main", "up", "--home", str(self.home)]
        child = processes.start(command, core, log, env=self._build.environ())
        try:
            processes.wait_for_port(child, self.port)
        except BaseException:
            child.close()
            raise
        return child

    def _add_key(self, kind: str) -> Outbound:
        api_key = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(64))
        if kind == "hmac":
            credential = Credential.random()
            material = {"apiKey": credential.api_key, "secretKey": credential.secret.decode()}
            outbound = hmac_outbound(credential)
        else:
            private = Ed25519PrivateKey.generate()
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            material = {"apiKey": api_key, "secretKey": pem}
            outbound = ed25519_outbound(api_key, private.public_key())
        self._verb("key", "add", "venue", "--kind", kind, "--home", str(self.home), given=json.dumps(material))
        return outbound

    def _verb(self, *words: str, given: str = "") -> None:
        subprocess.run(
            [str(self._build.python), "-m", "counterseal.cli.main", *words],
            input=given.encode(),
            check=True,
            capture_output=True,
            env=self._build.environ(),
        )
