"""HTTPS for alert channels: one request, verified, bounded, following nobody; failures in words without the URL."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from counterseal.adapters.alert_thread import silence
from counterseal.adapters.home import HomeError
from counterseal.adapters.tls import client_context
from counterseal.core.alerts.model import Failure
from counterseal.core.secret import Secret
from counterseal.ports.alert_sink import SinkError

MAX_ANSWER = 4_096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Answer(NamedTuple):
    """What came back; the body is cut."""

    status: int
    retry_after_ms: int | None
    body: bytes


class Https:
    """Posts to URLs that may be secrets themselves. A new connection each time: messages are few."""

    def __init__(self, ca_file: Path | None, timeout_s: float) -> None:
        silence("httpx", "httpcore", "httpcore.connection", "httpcore.http11")
        try:
            # Not everybody whom alerts go to speaks TLS 1.3 yet.
            context = client_context(ca_file, tls12=True)
        except (OSError, ssl.SSLError):
            raise HomeError(f"{ca_file} holds no certificates that can be read; see ca_file of the channel") from None
        self._client = httpx.AsyncClient(
            verify=context, timeout=timeout_s, trust_env=False, follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )  # fmt: skip

    async def post(self, url: Secret, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request, or call a URL with nothing. Raises SinkError when no answer comes."""
        try:
            request = self._client.build_request(
                "POST", url.reveal().decode("ascii"), content=content, headers={"User-Agent": "counterseal", **headers}
            )
            answer = await self._client.send(request, stream=True)
            try:
                return Answer(answer.status_code, _retry_after(answer.headers), await _cut(answer))
            finally:
                await answer.aclose()
        except httpx.TimeoutException:
            raise SinkError(Failure.TRANSIENT, "no answer in time") from None
        except httpx.ConnectError as fault:
            raise SinkError(Failure.TRANSIENT, _why_not(fault)) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise SinkError(Failure.TRANSIENT, "the connection broke") from None

    async def close(self) -> None:
        """Give up connections."""
        await self._client.aclose()


def judge(answer: Answer) -> None:
    """Raise SinkError unless the answer says that the message was taken."""
    if 200 <= answer.status < 300:
        return
    detail = f"answered {answer.status}"
    if answer.status == 429:
        raise SinkError(Failure.RATE_LIMITED, detail, answer.retry_after_ms)
    if answer.status >= 500 or answer.status == 408:
        raise SinkError(Failure.TRANSIENT, detail, answer.retry_after_ms)
    raise SinkError(Failure.REFUSED, detail)


def checked_url(text: str, where: str) -> Secret:
    """Take a URL that may be secret: https, or http to this machine. Raises HomeError, which does not show it."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        sound = sound and bool(parts.hostname) and text.isascii() and text.isprintable() and " " not in text
        httpx.URL(text)
    except (ValueError, httpx.InvalidURL):
        sound = False
    if not sound:
        raise HomeError(f"{where} holds no https URL in its first line; write it there, alone")
    return Secret(text.encode("ascii"))


def _retry_after(headers: httpx.Headers) -> int | None:
    text = headers.get("retry-after", "")
    return int(text) * 1_000 if text.isascii() and text.isdigit() and len(text) < 7 else None


async def _cut(answer: httpx.Response) -> bytes:
    body = b""
    async for piece in answer.aiter_raw(MAX_ANSWER):
        body += piece
        if len(body) >= MAX_ANSWER:
            break
    return body[:MAX_ANSWER]


def _why_not(fault: httpx.ConnectError) -> str:
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not accepted"
        cause = cause.__cause__ or cause.__context__
    return "no connection"
