"""The real thing for scenarios: paper exchange, signer, gateway under their supervisor, one folder, free ports.

Nothing here is a fake; what a scenario sees is what a user gets. Everything a run writes lies below `root`, so that the
leak test can read all of it.
"""

# ruff: noqa: TID251 - real processes live in real time; randomness is seeded
import base64
import contextlib
import hashlib
import hmac
import http.client
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from tests import leaks

from counterseal.adapters import control_socket
from counterseal.adapters.home import Home
from counterseal.adapters.journal_segments import read_records, segments
from counterseal.adapters.process import die_with_parent
from counterseal.cli import main as cli
from counterseal.core import record

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
WIDE_BOT = """
[bots.{name}]
keys = ["{key}"]
products = ["spot", "usdm", "coinm", "options", "papi", "sapi", "www"]
purposes = ["read", "account", "trade", "settings"]
symbols = ["*"]
max_leverage = 125
sees_account = true
max_repeats = 0
"""
PROXY = 'proxy = "127.0.0.1:0"'
TLS = 'tls = ["127.0.0.1:0"]'
FRAME = """
[venue]
environment = "paper"
address = "{address}"
ca_file = "{ca}"

[listen]
address = "127.0.0.1:0"
{listen}

[gateway]
max_connections_per_source = {connections}

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
    connections: int = 512
    # Further lines of [listen], such as PROXY.
    listen: str = ""
    keys: dict[str, BotKey] = field(default_factory=dict)
    port: int = 0
    # Where bots connect that keep the exchange's addresses, by what the supervisor says.
    proxy_port: int = 0
    tls_ports: tuple[int, ...] = ()
    virtual_secrets: list[leaks.Planted] = field(default_factory=list)

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
        view = json.loads(self.home.supervisor_file.read_text())
        self.port, self.proxy_port = _port(view["listen"]), _port(view.get("proxy", ":0"))
        self.tls_ports = tuple(_port(address) for address in view.get("tls", ()))

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
                stdout=log, stderr=log, env=child_environ(), start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip

    def _prepare(self) -> None:
        endpoint_file = self.paper_home / "endpoint.json"
        wait(lambda: self._listens(endpoint_file), 20, "the paper exchange")
        endpoint = json.loads(endpoint_file.read_text())
        self.paper_port = endpoint["port"]
        self.paper_ca = endpoint["ca"]
        self.verb("init", "--home", str(self.home.root))
        self.write_config(self.config_text())
        self._exchange_key()
        for name, kind in self.bots.items():
            self.keys[name] = self.mint(name, kind)

    def config_text(self) -> str:
        """The configuration that `policies` and the defaults make."""
        address = f"127.0.0.1:{self.paper_port}"
        text = FRAME.format(
            address=address, ca=self.paper_ca, key="main", connections=self.connections, listen=self.listen
        )
        return text + "".join(self.policies.get(name, WIDE_BOT.format(name=name, key="main")) for name in self.bots)

    def _listens(self, endpoint_file: Path) -> bool:
        assert self.paper.poll() is None, f"the paper exchange ended: see {self.root / 'paper.log'}"
        return endpoint_file.exists()

    def write_config(self, text: str) -> None:
        """Put a configuration in place."""
        self.home.config.write_text(text)
        self.home.config.chmod(0o600)

    def _exchange_key(self) -> None:
        """Give the signer a key that the paper exchange knows; `exchange_secret` is what must never be seen."""
        out = self.root / "exchange-key.json"
        create = (
            "paper",
            "key",
            "create",
            "--home",
            str(self.paper_home),
            "--kind",
            self.exchange_kind,
            "--out",
            str(out),
        )
        if self.exchange_kind == "hmac":
            self.verb(*create)
            made = json.loads(out.read_text())
            secrets = [made["secretKey"].encode()]
            # The exchange itself knows an HMAC secret: its own file is the one place where it may stand.
            leaks.exempt(self.paper_home / "keys.json")
        else:
            private, public = make_pair(self.exchange_kind)
            public_file = self.root / "exchange-key.pub.pem"
            public_file.write_text(public)
            self.verb(*create, "--public-key", str(public_file))
            made = {"apiKey": json.loads(out.read_text())["apiKey"], "secretKey": private}
            secrets = private_parts(private)
        self.exchange_api_key = made["apiKey"]
        self.exchange_secrets = [leaks.plant(f"{self.exchange_kind} exchange secret", part) for part in secrets]
        material = self.root / "material"
        material.write_text(json.dumps(made))
        material.chmod(0o600)
        self.verb(
            "key", "add", "main", "--kind", self.exchange_kind, "--home", str(self.home.root), "--file", str(material)
        )
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
        self.virtual_secrets.append(leaks.plant("virtual key id", made["apiKey"].encode()))
        parts = [made["secretKey"].encode()] if kind == "hmac" else private_parts(private)
        self.virtual_secrets += [leaks.plant("virtual secret", part) for part in parts]
        return BotKey(kind, made["apiKey"], made["secretKey"] if kind == "hmac" else private)

    def attempt(self, *words: str) -> tuple[int, str]:
        """Run a verb that may fail; gives its exit code and all that it printed."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = cli.main([*words, "--home", str(self.home.root)])
        return code, printed.getvalue()

    def fault(self, fault: str, method: str, path: str, times: int = 1) -> None:
        """Order a fault of the paper exchange (needs --fault-control)."""
        self.paper_control("/paper/faults", {"match": {"method": method, "path": path}, "times": times, "fault": fault})

    def paper_control(self, path: str, wanted: dict[str, Any]) -> None:
        """Give the paper exchange an order that no exchange has."""
        context = ssl.create_default_context(cafile=self.paper_ca)
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.paper_port, timeout=10, context=context)
        try:
            connection.request("POST", path, json.dumps(wanted))
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        finally:
            connection.close()

    def pids(self) -> dict[str, int]:
        """The processes of this installation by name."""
        children = self.status()["children"]
        assert self.supervisor is not None
        return {
            "paper": self.paper.pid,
            "supervisor": self.supervisor.pid,
            **{name: child["pid"] for name, child in children.items() if child["pid"]},
        }

    def status(self) -> dict[str, Any]:
        """What `counterseal status` knows."""
        return control_socket.call(self.home.control_socket, "status", 5.0)

    def limits(self) -> dict[str, Any]:
        """What `counterseal limits` knows."""
        return control_socket.call(self.home.control_socket, "limits", 5.0)

    def export_ca(self) -> Path:
        """Give the file that bots trust, as an operator hands it out."""
        path = self.root / "bots-ca.pem"
        path.unlink(missing_ok=True)
        self.verb("ca", "export", "--out", str(path), "--home", str(self.home.root))
        return path

    # -- what a bot does

    def call(self, method: str, path: str, query: str = "", *, bot: str = "alpha", key: BotKey | None = None,
             timestamp: int | None = None, headers: dict[str, str] | None = None) -> Reply:  # fmt: skip
        """Send one signed request: `query` is the encoded parameters without timestamp and signature."""
        key = key or self.keys[bot]
        target = f"{path}?{signed(key, query, timestamp)}"
        return self.send(method, target, {"X-MBX-APIKEY": key.key_id, **(headers or {})})

    def request(self, method: str, path: str, query: str = "", *, bot: str = "alpha", key: BotKey | None = None,
                timestamp: int | None = None, headers: str = "", host: str = "") -> bytes:  # fmt: skip
        """Give the bytes of a good signed request; `headers` are further lines, each with its CRLF."""
        key = key or self.keys[bot]
        target = f"{path}?{signed(key, query, timestamp)}"
        length = "" if method == "GET" else "Content-Length: 0\r\n"
        host = host or f"127.0.0.1:{self.port}"
        head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-MBX-APIKEY: {key.key_id}\r\n{length}{headers}\r\n"
        return head.encode()

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
            return Reply(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(raw) if raw else None
            )
        finally:
            connection.close()

    # -- what is known afterwards

    def received(self) -> list[dict[str, Any]]:
        """What the paper exchange received, by its own journal, without the gateway's own periodic reads, without what
        keeps its own user data open, and without what happened between requests.
        """
        lines = (self.paper_home / "journal.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        own = ("/time", "/exchangeInfo", "/ticker/price", "/system/status")
        feeds = ("CONNECT", "userDataStream.subscribe.signature", "/fapi/v1/listenKey", "/dapi/v1/listenKey")
        came = [row for row in rows if "event" not in row and row["path"] not in feeds]
        return [row for row in came if row["key"] or not (row["path"] or "").endswith(own)]

    @contextlib.contextmanager
    def nothing_received(self) -> Iterator[None]:
        """What happens inside must not reach the exchange."""
        before = len(self.received())
        yield
        assert self.received()[before:] == []

    def journal(self) -> list[dict[str, Any]]:
        """The gateway's journal."""
        return list(read_records(self.home.journal))

    @property
    def journal_path(self) -> Path:
        """The journal's open segment."""
        return segments(self.home.journal)[-1].path

    def journal_mark(self) -> int:
        """A place in the journal for `journal_since`."""
        return self.journal_path.stat().st_size

    def journal_since(self, mark: int) -> list[dict[str, Any]]:
        """The records written after the mark."""
        with self.journal_path.open("rb") as file:
            file.seek(mark)
            return [json.loads(payload) for payload in record.scan(record.MAGIC + file.read()).payloads]

    def denials_since(self, mark: int) -> list[str]:
        """The reasons of the refusals since the mark, in order."""
        return [entry["reason"] for entry in self.journal_since(mark) if entry["type"] == "denied"]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


_stamps: dict[tuple[str, str], int] = {}


def signed(key: BotKey, query: str, timestamp: int | None = None) -> str:
    """Give the query with timestamp and signature, as an SDK sends it.

    A query and a cancel of one order are the same payload within one millisecond, and then the second one is a replay.
    No exchange answers that fast; this one does, so a query's next stamp is always a later one.
    """
    stamp = timestamp or max(int(time.time() * 1000), _stamps.get((key.key_id, query), 0) + 1)
    _stamps[key.key_id, query] = stamp
    payload = f"{query}&timestamp={stamp}" if query else f"timestamp={stamp}"
    return f"{payload}&signature={key.sign(payload)}"


def private_parts(private_pem: str) -> list[bytes]:
    """The secret numbers of a private key; what the public half shares with it is none."""
    private: Any = serialization.load_pem_private_key(private_pem.encode(), None)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return [private.private_bytes_raw()]
    numbers = private.private_numbers()
    return [n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (numbers.d, numbers.p, numbers.q)]


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
