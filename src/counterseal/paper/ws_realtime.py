"""Everything that goes over WebSockets: who is connected, and what time does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from counterseal.paper import ws_methods, ws_terms
from counterseal.paper.auth import Gatekeeper
from counterseal.paper.errors import ApiError, unknown_path
from counterseal.paper.faults import Fault
from counterseal.paper.http import to_bytes
from counterseal.paper.keys import KeyFile
from counterseal.paper.streams import Hub
from counterseal.paper.streams_faults import METHOD, Disturber
from counterseal.paper.streams_futures import FuturesStreams
from counterseal.paper.streams_futures_figures import Figures
from counterseal.paper.streams_futures_mixed import MixedStreams
from counterseal.paper.streams_spot import SpotStreams
from counterseal.paper.user_stream_futures import FuturesUserData
from counterseal.paper.user_stream_spot import SpotUserData
from counterseal.paper.wire import Request
from counterseal.paper.ws_api import ApiSession
from counterseal.paper.ws_limits import WebSocketLimits
from counterseal.paper.ws_listen_keys import ListenKeys
from counterseal.paper.ws_market import MarketSession
from counterseal.paper.ws_socket import GOING_AWAY, Sink, Socket
from counterseal.paper.ws_terms import MOST_STREAMS, Service

if TYPE_CHECKING:
    from counterseal.paper.exchange import Exchange

encode = msgspec.json.Encoder().encode


class RealTime:
    """Opens connections, lets time pass for them, and shuts them down."""

    default_account = "main"

    def __init__(self, exchange: Exchange, keys: KeyFile, gate: Gatekeeper) -> None:
        self.exchange = exchange
        self.keys = keys
        self.gate = gate
        self.methods = ws_methods.load()
        self.limits = WebSocketLimits(exchange.windows, exchange.guard, exchange.charging)
        self.spot_users = SpotUserData(exchange.spot)
        exchange.spot.feed.listen(self.spot_users)
        self.listen_keys: dict[str, ListenKeys] = {}
        self.disturber = Disturber(exchange.faults)
        self.mixed, streams = self._futures()
        self.hub = Hub({"spot": SpotStreams(exchange.spot, exchange.spot.keepers), **streams}, self.disturber)
        self._sessions: dict[MarketSession | ApiSession, Socket] = {}
        self._closing_ms: int | None = None

    def _futures(self) -> tuple[MixedStreams, dict[str, FuturesStreams]]:
        """The user data and the streams of both futures markets, by market; some streams carry both."""
        markets = {"usdm": self.exchange.usdm, "coinm": self.exchange.coinm}
        figures = {name: Figures(market) for name, market in markets.items()}
        mixed = MixedStreams(figures["usdm"], figures["coinm"])
        for name, market in markets.items():
            users = FuturesUserData(market)
            self.listen_keys[name] = ListenKeys(market, users)
            market.feed.listen(users)
            market.feed.listen(mixed)
        return mixed, {name: FuturesStreams(found, mixed) for name, found in figures.items()}

    @staticmethod
    def is_wanted(request: Request) -> bool:
        """Whether a request asks for a WebSocket."""
        return request.headers.get("upgrade", "").lower() == "websocket"

    def open(self, request: Request, sink: Sink) -> Socket | None:
        """Answer a handshake.  None when it was refused: the answer has been written, the connection closed."""
        now_ms = self.exchange.now_ms()
        try:
            service = self._located(request)
            self.limits.admit(service, request.peer, now_ms)
            _check(service)
        except ApiError as error:
            self._note_refusal(request, error, now_ms)
            sink.write(to_bytes(error.status, error.headers, encode(error.body()), False))
            sink.close()
            return None
        socket = Socket(sink, service.terms, now_ms)
        session = self._session(socket, service, request.peer, now_ms)
        if not socket.accept(request, session, now_ms):
            return None
        self._sessions[session] = socket
        names = [service.shown(name) for name in service.names]
        self.note(service, "CONNECT", names, now_ms, request.header_names)
        if isinstance(session, MarketSession):
            session.start(now_ms)
        return socket

    def _located(self, request: Request) -> Service:
        service = ws_terms.locate(request.headers.get("host", ""), request.target)
        if service is None:
            raise unknown_path(request.method, request.path)
        return service

    def _session(self, socket: Socket, service: Service, peer: str, now_ms: int) -> MarketSession | ApiSession:
        if service.kind == "api":
            return ApiSession(self, socket, service, peer, now_ms)
        return MarketSession(self, socket, service)

    def forget(self, session: MarketSession | ApiSession) -> None:
        """A connection has ended."""
        self._sessions.pop(session, None)

    def __len__(self) -> int:
        return len(self._sessions)

    # time

    def tick(self, now_ms: int) -> None:
        """Push what is due, ping, and end what has to end."""
        if not self._sessions:
            return
        self.hub.tick(now_ms)
        for keys in self.listen_keys.values():
            keys.tick(now_ms)
        for session, socket in list(self._sessions.items()):
            session.tick(now_ms)
            socket.tick(now_ms)
        if self._closing_ms is not None and now_ms >= self._closing_ms:
            self._closing_ms = None
            for socket in list(self._sessions.values()):
                socket.close(GOING_AWAY, "Server is shutting down")

    def shut_down(self, wait_ms: int) -> None:
        """Announce the end (`serverShutdown`, spot only) and close everything after `wait_ms`."""
        now_ms = self.exchange.now_ms()
        for session in list(self._sessions):
            session.shut_down(now_ms)
        self._closing_ms = now_ms + wait_ms

    # faults

    def suffer(self, socket: Socket, fault: Fault) -> None:
        """Do to one connection what a fault says."""
        if fault.kind == "ws_close":
            socket.close(int(fault.argument or 1006), "")
        elif fault.kind == "no_pong":
            socket.keeps_pongs = True
        elif fault.kind == "stream_stall":
            socket.is_stalled = True
        elif fault.kind == "server_shutdown":
            self.shut_down(int(fault.argument or 0))

    # journal

    def note(
        self, service: Service, verb: str, names: list[str], now_ms: int, header_names: list[str] | None = None
    ) -> None:
        """A line of a connection or of a change of its streams."""
        place = f"{service.market}/{service.route}/{service.kind}"
        status = 101 if verb == "CONNECT" else 200
        self.exchange.journal.write({
            "t": now_ms, "method": METHOD, "path": verb, "host": place, "params": [["stream", name] for name in names],
            "key": None, "headers": header_names or [], "status": status, "code": None,
        })  # fmt: skip

    def _note_refusal(self, request: Request, error: ApiError, now_ms: int) -> None:
        self.exchange.journal.write({
            "t": now_ms, "method": METHOD, "path": "CONNECT", "host": request.headers.get("host"), "params": [],
            "key": None, "headers": request.header_names, "status": error.status, "code": error.code,
        })  # fmt: skip


def _check(service: Service) -> None:
    """What the URL may ask for."""
    if len(service.names) > MOST_STREAMS:
        raise ApiError(-1101, f"Too many parameters; expected '{MOST_STREAMS}' and received '{len(service.names)}'.")
    if (service.asked("responseFormat") or "json").lower() == "sbe":
        raise ApiError(-1155, "SBE is not enabled.")
    unit = service.asked("timeUnit")
    if service.market == "spot" and unit is not None and unit.upper() not in ("MILLISECOND", "MICROSECOND"):
        raise ApiError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
