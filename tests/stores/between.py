"""A server between us and the real one, which passes everything on and spoils the answers that a test wants spoilt."""

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.adapters.alert_parts import Authority


@dataclass(frozen=True)
class Answer:
    """What the real server gave, or what is given instead. `promised` is the Content-Length, where it lies."""

    status: int
    body: bytes
    promised: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Between:
    """`spoil` makes another answer of each; `delay_s` passes before it, `drip_s` between its bytes."""

    url: str = ""
    spoil: Callable[[str, Answer], Answer] = lambda _path, answer: answer
    delay_s: float = 0.0
    drip_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0


@contextmanager
def between(real: str, ca: str | None, shown: Authority | None) -> Iterator[Between]:
    """Stand before `real`, which is verified by `ca`; `shown` is what we show, None for plain HTTP."""
    state = Between()
    parts = urlsplit(real)

    def ask(handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            trusted = ssl.create_default_context(cafile=ca)
            line: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=10, context=trusted)
        else:
            line = http.client.HTTPConnection(host, port, timeout=10)
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "host"}
        line.request(handler.command, handler.path, body, {**headers, "Host": parts.netloc})
        response = line.getresponse()
        kept = {
            name: value for name, value in response.getheaders() if name.lower().startswith(("content-type", "x-am"))
        }
        answer = Answer(response.status, response.read(), headers=kept)
        line.close()
        return answer

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            state.asked.append(self.path)
            answer = ask(self, self.rfile.read(int(self.headers["Content-Length"] or 0)))
            answer = state.spoil(self.path, answer)
            time.sleep(state.delay_s)  # noqa: TID251
            self.send_response(answer.status)
            length = len(answer.body) if answer.promised is None else answer.promised
            for name, value in {**answer.headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()
            self._send(answer.body)
            self.close_connection = True

        def _send(self, body: bytes) -> None:
            if not state.drip_s:
                self.wfile.write(body)
                return
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()
                time.sleep(state.drip_s)  # noqa: TID251

        do_GET = do_POST = do_PUT = _pass

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            """Clients that break off are what tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if shown is not None:
        server.socket = shown.server_context().wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.url = f"{'https' if shown else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cut(answer: Answer) -> Answer:
    """Promise all and send half."""
    return replace(answer, body=answer.body[: len(answer.body) // 2], promised=len(answer.body))
