"""The real thing for scenarios: paper exchange, signer, gateway under their supervisor, one folder, free ports.

Nothing here is a fake; what a scenario sees is what a user gets. Everything a run writes lies below `root`, so that the
leak test can read all of it.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.cli import main as cli

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
WIDE_BOT = """
[bots.{name}]
keys = ["{key}"]
products = ["spot", "usdm", "coinm", "options", "papi", "sapi", "www"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 125
"""
FRAME = """
[venue]
environment = "paper"
address = "{address}"
ca_file = "{ca}"

[listen]
address = "127.0.0.1:0"

[gateway]
max_connections_per_source = 512

[keys.{key}]
functions = ["account", "trade", "settings"]
"""


@dataclass(frozen=True)
class BotKey:
    """What a bot holds: its key id and what it signs with (secret text for hmac, PEM for the others)."""

    kind: str
    key_id: str
    secret: str

    def sign(self, payload: str) -> str:
        """Give the signature as an SDK would put it into a query."""
        if self.kind == "hmac":
            return hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        private: Any = serialization.load_pem_private_key(self.secret.encode(), None)
        if self.kind == "ed25519":
            raw = private.sign(payload.encode())
        else:
            raw = private.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())
        return quote(base64.b64encode(raw).decode(), safe="")


@dataclass(frozen=True)
class Reply:
    """An answer of the gateway; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def reason(self) -> str | None:
        """The reason header of a refusal."""
        return self.headers.get("x-counterseal-reason")

    @property
    def code(self) -> int | None:
        """The exchange code of an error."""
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass
class Stack:
    """A running installation. Use it as a context manager."""

    root: Path
    exchange_kind: str = "ed25519"
    bots: dict[str, str] = field(default_factory=lambda: {"alpha": "hmac"})
    policies: dict[str, str] = field(default_factory=dict)
    paper_options: tuple[str, ...] = ()
    keys: dict[str, BotKey] = field(default_factory=dict)
    port: int = 0

    # -- life

    def __enter__(self) -> "Stack":
        self.root.mkdir(parents=True, exist_ok=True)
        self.paper_home = self.root / "paper"
        self.home = Home(self.root / "home")
        self.paper = self._start("paper", "serve", "--home", str(self.paper_home), "--listen", "127.0.0.1:0",
                                 *self.paper_options)  # fmt: skip
        self.supervisor: subprocess.Popen[bytes] | None = None
        try:
            self._prepare()
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for child in (self.supervisor, self.paper):
            if child is not None and child.poll() is None:
                child.terminate()
                try:
                    child.wait(15)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait(5)

    def up(self) -> None:
        """Start the supervisor and wait until the gateway serves."""
        self.supervisor = self._start("up", "--home", str(self.home.root))
        wait(lambda: self._ready(), 20, "the gateway to serve")
        self.port = int(json.loads(self.home.supervisor_file.read_text())["listen"].rpartition(":")[2])

    def down(self) -> int:
        """Stop the supervisor as an operator would; gives its exit code."""
        assert self.supervisor is not None
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(20)

    def _ready(self) -> bool:
        assert self.supervisor is not None and self.supervisor.poll() is None, "the supervisor ended: see its log"
        try:
            status = control_socket.call(self.home.control_socket, "status", 2.0)
        except control_socket.ControlError:
            return False
        return bool((status.get("gateway") or {}).get("serving"))

    def _start(self, *verb: str) -> "subprocess.Popen[bytes]":
        log = (self.root / f"{verb[0]}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "counterseal.cli.main", *verb],
                stdout=log, stderr=log, env=child_environ(), start_new_session=True,
            )  # fmt: skip

    def _prepare(self) -> None:
        endpoint_file = self.paper_home / "endpoint.json"
        wait(endpoint_file.exists, 20, "the paper exchange")
        endpoint = json.loads(endpoint_file.read_text())
        self.paper_port = endpoint["port"]
        text = FRAME.format(address=f"{endpoint['host']}:{endpoint['port']}", ca=endpoint["ca"], key="main")
        for name in self.bots:
            text += self.policies.get(name, WIDE_BOT.format(name=name, key="main"))
        self.verb("init", "--home", str(self.home.root))
        self.write_config(text)
        self._exchange_key()
        for name, kind in self.bots.items():
            self.keys[name] = self.mint(name, kind)

    def write_config(self, text: str) -> None:
        """Put a configuration in place."""
        self.home.config.write_text(text)
        self.home.config.chmod(0o600)

    def _exchange_key(self) -> None:
        """Give the signer a key that the paper exchange knows; `exchange_secret` is what must never be seen."""
        out = self.root / "exchange-key.json"
        create = ("paper", "key", "create", "--home", str(self.paper_home), "--kind", self.exchange_kind, "--out", str(out))
        if self.exchange_kind == "hmac":
            self.verb(*create)
            made = json.loads(out.read_text())
            self.exchange_secrets = [made["secretKey"]]
        else:
            private, public = make_pair(self.exchange_kind)
            public_file = self.root / "exchange-key.pub.pem"
            public_file.write_text(public)
            self.verb(*create, "--public-key", str(public_file))
            made = {"apiKey": json.loads(out.read_text())["apiKey"], "secretKey": private}
            self.exchange_secrets = ["".join(private.split("\n")[1:-2])]
        self.exchange_api_key = made["apiKey"]
        material = self.root / "material"
        material.write_text(json.dumps(made))
        material.chmod(0o600)
        self.verb("key", "add", "main", "--kind", self.exchange_kind, "--home", str(self.home.root), "--file", str(material))
        # Planted secrets must exist in the sealed file only.
        material.unlink()
        out.unlink()

    # -- what an operator does

    def verb(self, *words: str) -> str:
        """Run a verb of the command line in this process; gives its standard output."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(list(words))
        assert code == 0, f"counterseal {' '.join(words[:3])}: {err.getvalue()}"
        return out.getvalue()

    def mint(self, name: str, kind: str, *options: str) -> BotKey:
        """Mint a credential for a bot, as its owner would."""
        out = self.root / f"bot-{name}-{os.urandom(4).hex()}.json"
        words = ["bot", "mint", name, "--kind", kind, "--home", str(self.home.root), "--out", str(out), *options]
        private = ""
        if kind != "hmac":
            private, public = make_pair(kind)
            public_file = self.root / f"bot-{name}.pub.pem"
            public_file.write_text(public)
            words += ["--public-key", str(public_file)]
        out_buffer = io.StringIO()
        with contextlib.redirect_stdout(out_buffer), contextlib.redirect_stderr(out_buffer):
            cli.main(words)
        made = json.loads(out.read_text())
        out.unlink()
        return BotKey(kind, made["apiKey"], made.get("secretKey", private) if kind == "hmac" else private)

    def status(self) -> dict[str, Any]:
        """What `counterseal status` knows."""
        return control_socket.call(self.home.control_socket, "status", 5.0)

    # -- what a bot does

    def call(self, method: str, path: str, query: str = "", *, bot: str = "alpha", key: BotKey | None = None,
             **options: Any) -> Reply:  # fmt: skip
        """Send one signed request: `query` is the encoded parameters without timestamp and signature."""
        key = key or self.keys[bot]
        stamp = options.pop("timestamp", None) or int(time.time() * 1000)
        payload = f"{query}&timestamp={stamp}" if query else f"timestamp={stamp}"
        target = f"{path}?{payload}&signature={key.sign(payload)}"
        return self.send(method, target, {"X-MBX-APIKEY": key.key_id, **options.pop("headers", {})}, **options)

    def send(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Reply:
        """Send one request on its own connection, exactly this target."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            elif method != "GET":
                connection.putheader("Content-Length", "0")
            connection.endheaders(body)
            answer = connection.getresponse()
            raw = answer.read()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(raw) if raw else None)
        finally:
            connection.close()

    # -- what is known afterwards

    def received(self) -> list[dict[str, Any]]:
        """What the paper exchange received, by its own journal, without the gateway's own periodic reads."""
        lines = (self.paper_home / "journal.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        own = ("/time", "/exchangeInfo", "/ticker/price")
        return [row for row in rows if row["key"] or not row["path"].endswith(own)]

    def journal(self) -> list[dict[str, Any]]:
        """The gateway's journal."""
        from counterseal.adapters.journal_file import read_records

        return list(read_records(self.home.journal / "gateway.journal"))


def make_pair(kind: str) -> tuple[str, str]:
    """Make a key pair; gives (private PEM, public PEM)."""
    private: Any = (
        ed25519.Ed25519PrivateKey.generate()
        if kind == "ed25519"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), public.decode()


def child_environ() -> dict[str, str]:
    """The environment of the processes under test: nothing of the developer's but what Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": SOURCE, "NO_PROXY": "127.0.0.1"}


def wait(holds: Any, seconds: float, what: str) -> None:
    """Wait until `holds()` is true; fails naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
