"""Servers of the stores on this machine, all of them real programs: OpenBao as in production, two stand-ins of AWS."""

import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from tests.adapters import alert_parts
from tests.adapters.alert_parts import Authority

ROOT = Path(__file__).resolve().parents[2]
SERVICES = Path(os.environ.get("COUNTERSEAL_SERVICES") or ROOT / ".env" / "services") / "bin"
COMMAND = "make services"
DEPLOY = ROOT / "deploy"
MOUNT, PATH, ROLE = "secret", "counterseal/desk", "counterseal"
KEY_ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "eu-central-1"
_AWS: Mapping[str, tuple[list[str], dict[str, str]]] = {
    "moto": (["-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"], {}),
    "ministack": (["-m", "ministack"], {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": "{port}"}),
}


def require(*modules: str) -> None:
    """Skip with the reason and the command where a library of the stores is missing; in CI that is a failure."""
    alert_parts.require(*modules)


def require_program(name: str) -> Path:
    """The same for a program of the services."""
    path = SERVICES / name
    if not path.exists():
        why = f"{name} of the services is not installed: {COMMAND}"
        if os.environ.get("COUNTERSEAL_CI"):
            pytest.fail(why)
        pytest.skip(why)
    return path


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(argv: Sequence[object], folder: Path, port: int, environ: Mapping[str, str]) -> Iterator[None]:
    """Run a server until the block ends; it begins when somebody listens."""
    log = folder / "server.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            [str(word) for word in argv], stdout=file, stderr=file, cwd=folder, stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while not _listens(port):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.05)  # noqa: TID251
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- OpenBao


@dataclass
class OpenBao:
    """A server with raft, TLS, an audit device, a KV engine, AppRole and the policies that are shipped."""

    folder: Path
    port: int
    authority: Authority
    unseal_keys: list[str] = field(default_factory=list)
    root_token: str = ""
    role_id: str = ""
    is_set_up: bool = False

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def audit(self) -> str:
        """What its audit device has written."""
        return (self.folder / "audit.log").read_text()

    def client(self, token: str | None = None) -> Any:
        """A client of the library, as root unless another token is given."""
        import hvac
        import requests

        session = requests.Session()
        session.trust_env, session.verify = False, str(self.authority.ca)
        return hvac.Client(url=self.url, token=token or self.root_token, session=session)

    def operator_token(self, ttl: str = "1h") -> str:
        """A token with the operator's policy."""
        made = self.client().auth.token.create(policies=["counterseal-operator"], ttl=ttl, no_default_policy=True)
        return str(made["auth"]["client_token"])

    def wrapped_secret_id(self, ttl: str = "10m", token: str | None = None, role: str = ROLE) -> str:
        """A secret id in its wrapping, as an operator has it made."""
        made = self.client(token or self.operator_token()).write_data(
            f"auth/approle/role/{role}/secret-id", wrap_ttl=ttl
        )
        return str(made["wrap_info"]["token"])

    def secret_id(self) -> str:
        """A bare one, which only root can have made."""
        return str(self.client().write(f"auth/approle/role/{ROLE}/secret-id")["data"]["secret_id"])

    def role(self, **more: Any) -> None:
        """Make the role as the how-to does, with other times where given."""
        settings: dict[str, Any] = {
            "token_policies": [ROLE], "token_no_default_policy": True, "token_period": "24h", "token_ttl": "0",
            "token_max_ttl": "0", "token_type": "service",
            "secret_id_num_uses": 1, "secret_id_ttl": "1h",
        }  # fmt: skip
        self.client().write_data(f"auth/approle/role/{ROLE}", data=settings | more)

    def seal(self) -> None:
        """Seal it: it answers and serves nobody."""
        self.client().sys.seal()

    def unseal(self) -> None:
        """Unseal it, and wait until it leads."""
        client = self.client()
        for key in self.unseal_keys[:2]:
            client.sys.submit_unseal_key(key)
        deadline = time.monotonic() + 30
        while client.seal_status["sealed"] or not client.sys.read_leader_status().get("is_self"):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # noqa: TID251
        if self.is_set_up:
            self.wait()

    def wait(self) -> None:
        """Wait until the KV engine serves: for a moment after a start it is being upgraded."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self.client().secrets.kv.v2.create_or_update_secret("ready", {"x": "y"}, mount_point=MOUNT)
                return
            except Exception:  # noqa: BLE001  the library has many
                assert time.monotonic() < deadline
                time.sleep(0.05)  # noqa: TID251


@contextmanager
def openbao(folder: Path, *, bare: bool = False) -> Iterator[OpenBao]:
    """Run one; its keys and tokens are of this run alone. A `bare` one is unsealed and has nothing in it."""
    program = require_program("bao")
    require("hvac")
    made = alert_parts.authority(folder / "tls")
    key = load_pem_private_key(made.leaf.read_bytes(), None)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "raft").mkdir()
    server = OpenBao(folder, free_port(), made)
    (folder / "server.hcl").write_text(_HCL.format(folder=folder, port=server.port, cluster=free_port()))
    with running([program, "server", f"-config={folder / 'server.hcl'}"], folder, server.port, {}):
        _unsealed(server)
        if not bare:
            _set_up(server)
        yield server


_HCL = """
storage "raft" {{
  path    = "{folder}/raft"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_cert_file   = "{folder}/tls/leaf.pem"
  tls_key_file    = "{folder}/key.pem"
}}
api_addr     = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
audit "file" "main" {{
  options {{
    file_path = "{folder}/audit.log"
  }}
}}
"""


def _unsealed(server: OpenBao) -> None:
    found = server.client("none").sys.initialize(secret_shares=3, secret_threshold=2)
    server.unseal_keys, server.root_token = found["keys"], found["root_token"]
    server.unseal()


def _set_up(server: OpenBao) -> None:
    client = server.client()
    client.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
    client.sys.enable_auth_method("approle")
    for name, file in ((ROLE, "counterseal.hcl"), ("counterseal-operator", "counterseal-operator.hcl")):
        client.sys.create_or_update_policy(name, (DEPLOY / "vault" / file).read_text())
    server.role()
    server.role_id = client.read(f"auth/approle/role/{ROLE}/role-id")["data"]["role_id"]
    server.is_set_up = True
    server.wait()


# -- AWS


@contextmanager
def aws(kind: str, folder: Path) -> Iterator[str]:
    """Run one of the stand-ins, "moto" or "ministack"; gives its URL."""
    python = require_program("python")
    require("boto3")
    command, variables = _AWS[kind]
    port = free_port()
    environ = {name: value.format(port=port) for name, value in variables.items()}
    with running([python, *(word.format(port=port) for word in command)], folder, port, environ):
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not _answers(url):
            assert time.monotonic() < deadline, (folder / "server.log").read_text()[-2000:]
            time.sleep(0.05)  # noqa: TID251
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def secrets_manager(url: str) -> Any:
    """A client of the library for one of them."""
    import boto3

    return boto3.client(
        "secretsmanager", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY_ID, aws_secret_access_key=KEY,
        config=boto3.session.Config(proxies={}),
    )  # fmt: skip


def some_name() -> str:
    """A name that nothing has."""
    return f"counterseal/test-{secrets.token_hex(6)}"
