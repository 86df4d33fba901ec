"""An exchange that sends callers elsewhere, and the places where they would arrive."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from counterseal.paper import tls

ORDER = "/api/v3/order"
SYMBOLS = ["BTCUSDT", *(f"S{number}X{status}USDT" for number in range(20) for status in range(300, 310))]
RULES = [{"symbol": name, "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING"} for name in SYMBOLS]


class Trap:
    """Listens where nobody of ours may come, and counts who does and what he says."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._socket = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.port = int(self._socket.getsockname()[1])
        self.visits = 0
        self.heard = b""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            with visitor:
                visitor.settimeout(0.5)
                try:
                    self.heard += visitor.recv(4096)
                except OSError:
                    continue

    def close(self) -> None:
        """Listen no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(2)


class Redirector:
    """Answers what a gateway needs to be warm; every other request gets `status` and `location`."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        context = tls.server_context(home, time.time_ns())
        self.ca = home / "ca.pem"
        self.status, self.headers, self.body = 302, {"Location": "/"}, b""
        self.asked: list[tuple[str, str]] = []
        self.versions: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self), context)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def well(self) -> None:
        """Answer every request from now on with nothing in particular."""
        self.status, self.headers, self.body = 200, {}, b"{}"

    def answer(self, method: str, target: str) -> tuple[int, dict[str, str], bytes]:
        """Give status, headers and body."""
        path, _, query = target.partition("?")
        own = self._order(dict(parse_qsl(query))) if (method, path) == ("GET", ORDER) else self._own(path)
        if own is not None:
            return 200, {"Content-Type": "application/json"}, json.dumps(own).encode()
        self.asked.append((method, path))
        return self.status, self.headers, self.body

    def _order(self, asked: dict[str, str]) -> Any:
        """Every order has been cancelled: nobody is left in doubt for long."""
        named = asked.get("origClientOrderId", "x")
        number = int(asked.get("orderId", 7))
        return {"symbol": asked["symbol"], "orderId": number, "clientOrderId": named, "status": "CANCELED"}

    def _own(self, path: str) -> Any:
        """What the gateway asks for by itself."""
        if path.endswith("/time"):
            return {"serverTime": time.time_ns() // 1_000_000}
        if path.endswith("/exchangeInfo"):
            return {"symbols": RULES}
        prices = [{"symbol": name, "price": "100000.00"} for name in SYMBOLS]
        return prices if path.endswith("/ticker/price") else None

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: Any, context: ssl.SSLContext) -> None:
        super().__init__(address, handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake in the visitor's own thread."""
        try:
            with self._context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)
        except OSError:
            return

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up is no fault."""


def _handler_of(redirector: Redirector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            redirector.versions.add(self.connection.version())
            length = int(self.headers.get("Content-Length") or 0)
            if length:
                self.rfile.read(length)
            status, headers, body = redirector.answer(self.command, self.path)
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    return Handler
