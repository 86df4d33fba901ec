"""What a reload takes away is gone with the very next request: keys, key material, credentials, purposes.

The gateway remembers the least key and the standing grant of what it judged before; none of that may outlive its cause.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import pytest
from tests.gateway.rig import CONFIG, HOST, ORDER, Rig, why

from counterseal.core.config.loader import load
from counterseal.core.config.model import Bot, Config
from counterseal.core.credential import Credential, CredentialKind
from counterseal.core.messages import HeldKey
from counterseal.core.secret import Secret
from counterseal.gateway.listener import BotConnection, Door
from counterseal.ports.venue import Terms, VenueReply

SPOT, ACCOUNT, PRICE, LEVERAGE = "/api/v3/order", "/api/v3/account", "/api/v3/ticker/price", "/fapi/v1/leverage"
MAIN, SMALL = HeldKey("main", "K" * 64, "hmac", "paper"), HeldKey("small", "k" * 64, "hmac", "paper")
TWO_KEYS = CONFIG.replace('keys = ["main"]', 'keys = ["main", "small"]') + '[keys.small]\nfunctions = ["trade"]\n'
ALPHA, BETA = "V" * 64, "W" * 64


def config_of(text: str) -> Config:
    """Read settings that must be right."""
    config = load(text)
    assert isinstance(config, Config), config
    return config


def with_alpha(config: Config, **changes: Any) -> Config:
    """Give the settings as a reload would, with other values for bot alpha."""
    bots: dict[str, Bot] = {**config.bots, "alpha": replace(config.bots["alpha"], **changes)}
    return replace(config, bots=bots)


def hold(rig: Rig, *keys: HeldKey) -> None:
    """Let the signer hold these from now on: one mapping until the next call, as the real client gives it."""
    held = {key.ref: key for key in keys}
    rig.signer.keys = lambda: held  # type: ignore[method-assign]  # the rig's own makes a new mapping each time


def watch_api_keys(rig: Rig) -> list[str]:
    """Give a list that gets the X-MBX-APIKEY of each request upstream."""
    seen: list[str] = []
    send = rig.venue.send

    async def watching(family: str, request: bytes, terms: Terms) -> VenueReply:
        lines = request.decode().split("\r\n")
        seen.extend(line.partition(": ")[2] for line in lines if line.startswith("X-MBX-APIKEY: "))
        return await send(family, request, terms)

    rig.venue.send = watching  # type: ignore[method-assign,assignment]  # the bytes as they leave
    return seen


async def two_keys() -> Rig:
    """Give a rig whose bot has a wide and a narrow key; the signer holds both."""
    rig = await Rig().warm()
    rig.state.config = config_of(TWO_KEYS)
    hold(rig, MAIN, SMALL)
    return rig


async def order(rig: Rig, name: str) -> str | None:
    """Place an order that no other is like; gives the reason of a refusal."""
    return why(await rig.ask("POST", SPOT, f"{ORDER}&newClientOrderId={name}"))


def signers(rig: Rig) -> list[str]:
    """Name the keys that signatures were asked of, in order."""
    return [request.key_ref for request in rig.signer.asked]


# -- the least key


def test_a_key_that_the_policy_takes_from_the_bot_signs_nothing_more() -> None:
    """Neither the next order nor a request that would do with any of the two."""

    async def story() -> None:
        rig = await two_keys()
        assert await order(rig, "a") is None
        assert await order(rig, "b") is None
        rig.state.config = with_alpha(rig.state.config, keys=("main",))
        assert await order(rig, "c") is None
        assert signers(rig) == ["small", "small", "main"]
        assert [entry["key"] for entry in rig.journal.of("intent")] == ["small", "small", "main"]
        rig.state.config = with_alpha(rig.state.config, keys=())
        assert await order(rig, "d") == "no_key"
        assert len(signers(rig)) == len(rig.venue.sent) == 3

    asyncio.run(story())


def test_a_function_that_the_policy_takes_from_a_key_is_not_used_more() -> None:
    """The key is the bot's still, but no key for orders."""

    async def story() -> None:
        rig = await two_keys()
        assert await order(rig, "a") is None
        narrowed = {**rig.state.config.keys, "small": replace(rig.state.config.keys["small"], functions=frozenset())}
        rig.state.config = replace(rig.state.config, keys=narrowed)
        assert await order(rig, "b") is None
        assert signers(rig) == ["small", "main"]

    asyncio.run(story())


def test_a_key_that_the_signer_gave_up_signs_nothing_more() -> None:
    """The other one signs; with none left nothing is sent; and a key that comes back is used again."""

    async def story() -> None:
        rig = await two_keys()
        sent = watch_api_keys(rig)
        assert await order(rig, "a") is None
        hold(rig, MAIN)
        assert await order(rig, "b") is None
        assert signers(rig) == ["small", "main"]
        hold(rig)
        assert await order(rig, "c") == "no_key"
        assert signers(rig) == ["small", "main"]
        hold(rig, MAIN, SMALL)
        assert await order(rig, "d") is None
        assert signers(rig) == ["small", "main", "small"]
        assert sent == [SMALL.api_key, MAIN.api_key, SMALL.api_key]

    asyncio.run(story())


def test_a_key_that_was_rotated_goes_upstream_with_its_new_api_key() -> None:
    """Same name, other material: the old API key would be refused, or belong to somebody else by now."""

    async def story() -> None:
        rig = await two_keys()
        sent = watch_api_keys(rig)
        assert await order(rig, "a") is None
        assert (await rig.ask("GET", ACCOUNT)).status == 200
        hold(rig, MAIN._replace(api_key="N" * 64), SMALL._replace(api_key="n" * 64))
        assert await order(rig, "b") is None
        await rig.clock.advance(1)
        assert (await rig.ask("GET", ACCOUNT)).status == 200
        assert signers(rig) == ["small", "main", "small", "main"]
        assert sent == [SMALL.api_key, MAIN.api_key, "n" * 64, "N" * 64]

    asyncio.run(story())


def test_the_least_key_is_found_per_purpose() -> None:
    """What was found for orders is not used for the account or for settings."""

    async def story() -> None:
        rig = await two_keys()
        assert await order(rig, "a") is None
        assert (await rig.ask("GET", ACCOUNT)).status == 200
        assert (await rig.ask("POST", LEVERAGE, "symbol=BTCUSDT&leverage=2")).status == 200
        assert await order(rig, "b") is None
        assert signers(rig) == ["small", "main", "main", "small"]

    asyncio.run(story())


@pytest.mark.parametrize("environment", ["production", "testnet", "demo", ""])
def test_a_key_of_another_environment_is_no_key(environment: str) -> None:
    """The signer holds it, the policy names it: nothing is signed with it, and nothing is sent."""

    async def story() -> None:
        rig = await Rig().warm()
        hold(rig, MAIN._replace(environment=environment))
        assert rig.state.config.venue.environment == "paper"
        assert await order(rig, "a") == "no_key"
        assert why(await rig.ask("DELETE", SPOT, "symbol=BTCUSDT&orderId=7")) == "no_key"
        assert why(await rig.ask("GET", ACCOUNT)) == "no_key"
        assert why(await rig.ask("POST", LEVERAGE, "symbol=BTCUSDT&leverage=2")) == "no_key"
        assert rig.signer.asked == []
        assert rig.venue.sent == []
        assert rig.journal.of("intent") == []
        hold(rig, MAIN)
        assert await order(rig, "b") is None
        assert signers(rig) == ["main"]

    asyncio.run(story())


# -- the grant, on one open connection


@dataclass
class OpenConnection:
    """A bot's end of one connection to the rig's gateway, kept open over all requests."""

    rig: Rig
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, method: str, path: str, query: str = "", key_id: str = ALPHA) -> tuple[int, str | None]:
        """Sign and send one request and read its answer: status, and reason of a refusal."""
        await self.rig.clock.advance(0.001)  # a payload of its own
        return await self.send(method, path, self.rig.signed(query), key_id)

    async def send(self, method: str, path: str, query: str, key_id: str) -> tuple[int, str | None]:
        """Send one request as it is and read its answer."""
        length = "" if method == "GET" else "Content-Length: 0\r\n"
        target = f"{path}?{query}" if query else path
        head = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nX-MBX-APIKEY: {key_id}\r\n{length}\r\n"
        self.writer.write(head.encode())
        async with asyncio.timeout(10):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if line)
            await self.reader.readexactly(int(headers["Content-Length"]))
        return int(lines[0].split(" ")[1]), headers.get("X-Counterseal-Reason")

    async def order(self, name: str, key_id: str = ALPHA) -> tuple[int, str | None]:
        """Place an order that no other is like."""
        return await self.ask("POST", SPOT, f"{ORDER}&newClientOrderId={name}", key_id)


@asynccontextmanager
async def connected(rig: Rig) -> AsyncIterator[OpenConnection]:
    """Open a real connection to the rig's gateway."""
    door = Door(rig.handler, rig.handler._turn, rig.clock, rig.tasks, max_per_source=2)
    server = await asyncio.get_running_loop().create_server(lambda: BotConnection(door), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield OpenConnection(rig, reader, writer)
        assert len(door.open) == 1, "it was one connection all the time"
    finally:
        writer.close()
        await writer.wait_closed()
        server.close()
        await rig.end()


REVOKED = (401, "credential_or_signature")


def test_a_revoked_credential_is_unknown_with_the_next_request() -> None:
    """Also for public data that it only names itself for, and whatever it was granted before."""

    async def story() -> None:
        rig = await Rig().warm()
        async with connected(rig) as bot:
            assert await bot.order("a") == (200, None)
            assert await bot.ask("GET", ACCOUNT) == (200, None)
            assert await bot.send("GET", PRICE, "", ALPHA) == (200, None)
            rig.state.credentials = {}
            before = len(rig.venue.sent)
            assert await bot.order("b") == REVOKED
            assert await bot.ask("GET", ACCOUNT) == REVOKED
            assert await bot.ask("DELETE", SPOT, "symbol=BTCUSDT&orderId=7") == REVOKED
            assert await bot.send("GET", PRICE, "", ALPHA) == REVOKED
            assert len(rig.venue.sent) == before
            assert len(rig.signer.asked) == 2

    asyncio.run(story())


def test_a_credential_that_was_replaced_has_the_new_bounds_with_the_next_request() -> None:
    """Same id, but expired, or held to another network, or with another secret."""

    async def story() -> None:
        rig = await Rig().warm()
        first = rig.state.credentials[ALPHA]
        async with connected(rig) as bot:
            for number, (changes, reason) in enumerate(
                (
                    ({"expires_ms": first.created_ms + 1}, "credential_expired"),
                    ({"sources": (ip_network("10.0.0.0/8"),)}, "source_not_allowed"),
                    ({"secret": Secret(b"T" * 64)}, "credential_or_signature"),
                )
            ):
                rig.state.credentials = {ALPHA: first}
                assert await bot.order(f"a{number}") == (200, None)
                rig.state.credentials = {ALPHA: replace(first, **changes)}  # type: ignore[arg-type]  # one of its fields
                assert (await bot.order(f"b{number}"))[1] == reason
        assert len(rig.signer.asked) == 3

    asyncio.run(story())


def test_purposes_that_shrink_are_gone_with_the_next_request() -> None:
    """One after the other, then the bot itself; what is left goes on."""

    async def story() -> None:
        rig = await Rig().warm()
        async with connected(rig) as bot:
            assert await bot.order("a") == (200, None)
            assert await bot.ask("GET", ACCOUNT) == (200, None)
            rig.state.config = with_alpha(rig.state.config, purposes=("read", "account"))
            assert (await bot.order("b"))[1] == "purpose_not_allowed"
            assert await bot.ask("GET", ACCOUNT) == (200, None)
            rig.state.config = with_alpha(rig.state.config, purposes=("read",))
            assert (await bot.ask("GET", ACCOUNT))[1] == "purpose_not_allowed"
            assert await bot.send("GET", PRICE, "", ALPHA) == (200, None)
            rig.state.config = with_alpha(rig.state.config, purposes=())
            assert (await bot.send("GET", PRICE, "", ALPHA))[1] == "purpose_not_allowed"
            rig.state.config = replace(rig.state.config, bots={})
            assert (await bot.order("c"))[1] == "purpose_not_allowed"
            assert len(rig.signer.asked) == 3

    asyncio.run(story())


def test_two_bots_on_one_connection_have_each_their_own_key_and_grant() -> None:
    """Credentials belong to requests: nothing that was found for one bot serves the other."""

    async def story() -> None:
        rig = await two_keys()
        config = rig.state.config
        alpha = config.bots["alpha"]
        beta = replace(alpha, name="beta", keys=("main",), purposes=("read", "trade"))
        rig.state.config = replace(config, bots={"alpha": alpha, "beta": beta})
        second = Credential(BETA, "beta", CredentialKind.HMAC, Secret(b"S" * 64), None, 0)
        rig.state.credentials = {**rig.state.credentials, BETA: second}
        async with connected(rig) as bot:
            assert await bot.order("a") == (200, None)
            assert await bot.order("b", BETA) == (200, None)
            assert await bot.order("c") == (200, None)
            assert await bot.ask("GET", ACCOUNT) == (200, None)
            assert (await bot.ask("GET", ACCOUNT, key_id=BETA))[1] == "purpose_not_allowed"
            assert signers(rig) == ["small", "main", "small", "main"]

    asyncio.run(story())


def test_a_wrong_signature_between_two_requests_changes_nothing() -> None:
    """The connection is nobody's: a stranger's signature is refused where a good one was taken just before."""

    async def story() -> None:
        rig = await Rig().warm()
        async with connected(rig) as bot:
            assert await bot.order("a") == (200, None)
            payload = f"{ORDER}&timestamp={rig.clock.wall_ns() // 1_000_000}"
            forged = hmac.new(b"T" * 64, payload.encode(), hashlib.sha256).hexdigest()
            assert await bot.send("POST", SPOT, f"{payload}&signature={forged}", ALPHA) == REVOKED
            assert await bot.order("b") == (200, None)
            assert len(rig.signer.asked) == 2

    asyncio.run(story())
