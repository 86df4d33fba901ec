"""A bot's cancel of everything where other bots have orders too: order by order, theirs left alone."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from counterseal.core.binance.catalogue import Endpoint
from counterseal.core.intent import Intent
from counterseal.core.messages import HeldKey
from counterseal.core.ownership import is_alone, name_of, number_in
from counterseal.core.subjects import Store
from counterseal.gateway import answers
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admitted, Inquiry
from counterseal.gateway.budget import Budget, NoRoom
from counterseal.gateway.outbound import Outbound, SignerRefused
from counterseal.gateway.ownership import Ownership
from counterseal.gateway.reply import Reply
from counterseal.gateway.room import Room
from counterseal.gateway.state import State
from counterseal.ports.journal import JournalError
from counterseal.ports.signing import SignerUnavailable, SigningClient
from counterseal.ports.venue import Lost, NotSent, VenueReply

AT_ONCE = 8
# The same code says of an order that it may not be cancelled: only this text says that there is none.
UNKNOWN_ORDER, NO_SUCH_ORDER = -2011, "Unknown order sent."
# What is told when all is done: futures say the same however many orders there were.
_DONE = b'{"code":200,"msg":"The operation of cancel all open order is done."}'
Cancel = Callable[[Inquiry, Admitted], Awaitable[tuple[Reply, VenueReply | None]]]


class Scope(NamedTuple):
    """What one cancel of everything is: where its orders are listed, and how each is cancelled by its number."""

    listed: str
    store: Store
    cancelled: str
    number: str


_SCOPES: Mapping[str, Scope] = {
    "/api/v3/openOrders": Scope("/api/v3/openOrders", Store.ORDER, "/api/v3/order", "orderId"),
    **{f"{root}/v1/allOpenOrders": Scope(f"{root}/v1/openOrders", Store.ORDER, f"{root}/v1/order", "orderId")
       for root in ("/fapi", "/dapi")},
    **{f"{root}/v1/algoOpenOrders": Scope(f"{root}/v1/openAlgoOrders", Store.ALGO, f"{root}/v1/algoOrder", "algoId")
       for root in ("/fapi", "/dapi")},
}  # fmt: skip
_SPOT_LIST = Scope("", Store.LIST, "/api/v3/orderList", "orderListId")


class Sweep:
    """`cancel` takes one cancel all the way: journal, signature, exchange, resolver."""

    def __init__(
        self, state: State, ownership: Ownership, outbound: Outbound, budget: Budget, room: Room, signer: SigningClient
    ) -> None:
        self._state = state
        self._ownership = ownership
        self._outbound = outbound
        self._budget = budget
        self._room = room
        self._signer = signer

    def is_due(self, admitted: Admitted, key: HeldKey) -> bool:
        """Tell whether a cancel could reach another bot's order, now or while it is on its way.

        It is one of everything: its path is in CANCEL_ALL.
        """
        if self._ownership.sees_account(admitted.bot, key):
            return False
        endpoint = admitted.endpoint
        config, account = self._state.config, self._state.account_of(key.ref)
        symbol = admitted.intent.values.get("symbol", "")
        if not is_alone(config, admitted.bot, account, endpoint.product, symbol):
            return True
        # Nobody else may place there; who could before the last reload may have left something.
        name = name_of(_SCOPES[endpoint.path].store, "", "", {}, symbol)
        return any(bot != admitted.bot for bot in self._state.ledger.bots_of(endpoint.family, name.scope))

    async def answer(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey, cancel: Cancel) -> Reply:
        """Cancel what is not known to be another bot's; the answer is of the exchange's shape.

        What could not be cancelled, or only maybe, is the answer: then the bot asks again.
        """
        listed = await self._list(inquiry, admitted, key)
        if isinstance(listed, Reply):
            return listed
        orders, all_read = self._own(admitted, listed)
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(scope: Scope, number: str) -> Reply:
            child, order = replace(inquiry, weight=0, gone=False, signed_ns=0), self._order(admitted, scope, number)
            async with slots:
                given, _ = await cancel(child, order)
            inquiry.weight, inquiry.left = inquiry.weight + child.weight, child.left
            return given

        given = await asyncio.gather(*[one(scope, number) for scope, number in orders])
        # An order that the list shows and does not name may rest on: then nobody knows whether all is cancelled.
        return _summed(admitted.endpoint, given if all_read else [*given, replies.unknown()])

    # -- what is there

    async def _list(self, inquiry: Inquiry, admitted: Admitted, key: HeldKey) -> list[Any] | Reply:
        """Ask what is open, ahead of everybody: it is the first half of an exit."""
        endpoint = self._state.catalogue.get(admitted.endpoint.family, "GET", _SCOPES[admitted.endpoint.path].listed)
        if endpoint is None:
            return replies.denial("unknown_endpoint")
        pairs = (("symbol", admitted.intent.values["symbol"]),)
        asked = admitted._replace(endpoint=endpoint, intent=_intent(endpoint, pairs))
        try:
            permit = self._budget.take_own(endpoint, asked.intent.values, self._state.account_of(key.ref))
        except NoRoom as short:
            return self._room.refusal(short)
        try:
            answer = await self._outbound.send(asked, await self._signed(asked, key), key, permit)
        except (SignerRefused, SignerUnavailable, JournalError, NotSent, Lost):
            # Nothing has been cancelled, and that is certain.
            return replies.denial("venue_unreachable")
        finally:
            self._budget.close(permit)
            inquiry.weight += permit.weight
        parsed = answers.parse(answer)
        if answer.status == 200:
            # What is no list says nothing of the cancel: nobody may take it for one that was carried out.
            return parsed.body if isinstance(parsed.body, list) else replies.denial("venue_unreachable")
        return answers.passed_on(answer, self._signer.keys(), parsed)

    async def _signed(self, asked: Admitted, key: HeldKey) -> bytes:
        """Have the list's request signed; an exit does not wait for a disk that has just failed."""
        try:
            return await self._outbound.sign(asked, key)
        except JournalError:
            return await self._outbound.sign(asked, key)

    def _own(self, admitted: Admitted, rows: list[Any]) -> tuple[list[tuple[Scope, str]], bool]:
        """Give what to cancel, each list once: a leg takes its whole list with it. And whether every row was read."""
        scope, symbol = _SCOPES[admitted.endpoint.path], admitted.intent.values["symbol"]
        by_id = "clientAlgoId" if scope.store is Store.ALGO else "clientOrderId"
        found: dict[tuple[Scope, str], None] = {}
        all_read = True
        for row in rows:
            fields = row if isinstance(row, dict) else {}
            one = name_of(scope.store, by_id, scope.number, fields, symbol)
            if self._ownership.is_foreign(admitted, one):
                continue
            if one.number is None:
                all_read = False
                continue
            in_list = number_in(fields.get("orderListId"))
            found[(scope, str(one.number)) if in_list is None else (_SPOT_LIST, str(in_list))] = None
        return list(found), all_read

    def _order(self, admitted: Admitted, scope: Scope, number: str) -> Admitted:
        """Give the cancel of one order, as if the bot had asked for it."""
        endpoint = self._state.catalogue.get(admitted.endpoint.family, "DELETE", scope.cancelled)
        if endpoint is None:
            raise LookupError(scope.cancelled)
        symbol = admitted.intent.values["symbol"]
        named = ((scope.number, number),)
        pairs = named if scope.store is Store.ALGO else (("symbol", symbol), *named)
        marks = tuple([hashlib.blake2b(mark + number.encode(), digest_size=16).digest() for mark in admitted.marks])
        return admitted._replace(endpoint=endpoint, intent=_intent(endpoint, pairs, symbol), marks=marks)


def _intent(endpoint: Endpoint, pairs: tuple[tuple[str, str], ...], *symbols: str) -> Intent:
    return Intent(endpoint, pairs, dict(pairs), symbols, (), (), places=False)


def _summed(endpoint: Endpoint, given: list[Reply]) -> Reply:
    """Give one answer for all: what is still open or in doubt first; what had ended before is no fault."""
    gone = [reply for reply in given if reply.status != 200 and _is_gone(reply)]
    failed = [reply for reply in given if reply.status != 200 and reply not in gone]
    doubted = [reply for reply in failed if reply.headers.get("X-Counterseal-State") == "UNKNOWN"]
    if failed:
        return (doubted or failed)[0]
    if endpoint.family != "spot":
        return Reply(200, _DONE)
    done = [reply.body for reply in given if reply.status == 200]
    if done:
        return Reply(200, b"[%b]" % b",".join(done))
    return replies.error(400, UNKNOWN_ORDER, NO_SUCH_ORDER)


def _is_gone(reply: Reply) -> bool:
    told = answers.parse(VenueReply(reply.status, {}, reply.body, 0, 0))
    return told.code == UNKNOWN_ORDER and told.message == NO_SUCH_ORDER
