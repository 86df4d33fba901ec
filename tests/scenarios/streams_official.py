"""What the drivers of the official Python SDKs' streams share: three streams each, by both ways in."""

import asyncio
import json
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from binance_common.configuration import ConfigurationWebSocketStreams

Heard = dict[str, list[Any]]
Take = Callable[[str], Callable[[Any], None]]
Begin = Callable[[Any, Take], Awaitable[None]]


def main(make: Callable[..., Any], begin: Begin) -> None:
    """Read the job, listen by both ways at once, print what was heard.

    `make` gives a client for a configuration, `begin` subscribes and tells each stream what takes its messages.
    """
    print(json.dumps(asyncio.run(_both(json.load(sys.stdin), make, begin))))


async def _both(job: dict[str, Any], make: Callable[..., Any], begin: Begin) -> dict[str, Heard]:
    by_address = ConfigurationWebSocketStreams(stream_url=f"ws://127.0.0.1:{job['port']}")
    by_proxy = ConfigurationWebSocketStreams(
        proxy={"protocol": "http", "host": "127.0.0.1", "port": job["proxy_port"]},
        https_agent=ssl.create_default_context(cafile=job["ca"]),
    )
    found = await asyncio.gather(*(_listen(make(each), begin, job["seconds"]) for each in (by_address, by_proxy)))
    return dict(zip("AC", found, strict=True))


async def _listen(client: Any, begin: Begin, seconds: float) -> Heard:
    heard: Heard = {}
    connection = await client.websocket_streams.create_connection()

    def take(name: str) -> Callable[[Any], None]:
        messages = heard.setdefault(name, [])
        return lambda message: messages.append(plain(message))

    try:
        await begin(connection, take)
        await asyncio.sleep(seconds)
    finally:
        await connection.close_connection(close_session=True)
    return heard


def plain(message: Any) -> Any:
    """A message as the exchange names its fields, whatever model the SDK made of it."""
    while getattr(message, "actual_instance", None) is not None:
        message = message.actual_instance
    if isinstance(message, list):
        return [plain(each) for each in message]
    return message.to_dict() if hasattr(message, "to_dict") else message
