"""How we log in to AWS: an access key in a private file, or the role of the machine by its metadata service."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.stores import services
from tests.stores.between import Answer, between
from tests.stores.conftest import aws_settings, settle

from counterseal.adapters import age_box, key_source
from counterseal.adapters.home import Home, HomeError
from counterseal.ports.key_store import KeyStoreError, Trouble

pytestmark = pytest.mark.slow
ROLE_KEY_ID = "ASIAROLEROLEROLEROLE"


@contextmanager
def metadata() -> Iterator[tuple[str, list[str]]]:
    """The metadata service of a machine with a role, version 2: nothing without a session token."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked.append(f"PUT {self.path}")
            self._give(b"session")

        def do_GET(self) -> None:
            asked.append(f"GET {self.path}")
            if self.headers.get("X-aws-ec2-metadata-token") != "session":
                self.send_response(401)
                self.end_headers()
            elif self.path.endswith("/security-credentials/"):
                self._give(b"counterseal")
            else:
                self._give(json.dumps({
                    "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": ROLE_KEY_ID, "SecretAccessKey": services.KEY,
                    "Token": "role-session", "Expiration": "2099-01-01T00:00:00Z",
                    "LastUpdated": "2026-01-01T00:00:00Z",
                }).encode())  # fmt: skip

        def _give(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_role_of_the_machine(ministack: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its credentials sign the request; nothing of ours is in a file."""
    name, client = services.some_name(), services.secrets_manager(ministack)
    content = age_box.seal(home, "signer", b"keys")
    client.create_secret(Name=name, SecretBinary=content)
    seen: list[str] = []
    with metadata() as (url, asked), between(ministack, None, None) as state:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.delenv("HTTP_PROXY")  # the library asks the machine by it; our processes have none
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        state.spoil = lambda path, answer: seen.append(path) or answer  # type: ignore[func-returns-value]
        settle(home, aws_settings(state.url, name, login_file=None))
        assert key_source.of(home).read() == content
    assert asked[0].startswith("PUT ") and any("security-credentials" in each for each in asked)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "text",
    ["", services.KEY_ID, f"{services.KEY}\n{services.KEY_ID}", f"{services.KEY_ID} {services.KEY} token more"],
)
def test_what_is_no_access_key_is_refused_and_not_shown(home: Home, text: str) -> None:
    settle(home, aws_settings("http://127.0.0.1:9", "x"), text, "access-key")
    with pytest.raises(KeyStoreError) as caught:
        key_source.of(home).read()
    assert caught.value.kind is Trouble.REFUSED and ("no access key of AWS" in str(caught.value) or not text)
    assert services.KEY not in str(caught.value) and services.KEY_ID not in str(caught.value)


def test_more_than_the_service_takes_is_told_before_it_is_sent(home: Home) -> None:
    settle(home, aws_settings("http://127.0.0.1:9", "x"), f"{services.KEY_ID}\n{services.KEY}", "access-key")
    with pytest.raises(KeyStoreError, match="takes at most 65536 bytes"):
        key_source.of(home).write(b"x" * 65_537)


def test_a_lost_answer_to_a_writing_is_found_out_by_reading(ministack: str, home: Home) -> None:
    """The service did it and nobody heard: the next writing of the same process is refused, after a read it goes on."""
    name = services.some_name()
    services.secrets_manager(ministack).create_secret(Name=name)
    with between(ministack, None, None) as state:
        settle(home, aws_settings(state.url, name, timeout_s=2), f"{services.KEY_ID}\n{services.KEY}", "access-key")
        store = key_source.of(home)
        assert store.read() is None
        state.spoil = lambda _path, answer: Answer(500, b"{}") if b"ARN" in answer.body else answer
        with pytest.raises(HomeError, match="whether it was written nobody knows: look with counterseal key list"):
            key_source.write(home, age_box.seal(home, "signer", b"first"))
        assert not home.exchange_keys.exists()
        state.spoil = lambda _path, answer: answer
        content = age_box.seal(home, "signer", b"second")
        store.read()
        store.write(content)
        assert store.read() == content
