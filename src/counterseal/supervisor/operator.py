"""What operators may ask through the control socket."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.supervisor.children import GatewayChild, SignerChild
from counterseal.supervisor.guard_child import GuardChild

GATEWAY_TIMEOUT_S = {"status": 2.0, "limits": 2.0, "reload_bots": 5.0, "reload_config": 5.0, "drain": 10.0,
                     "unknown_list": 2.0}  # fmt: skip
# Verbs that tell the gateway more than their name.
_WORDED_TIMEOUT_S = {"enable_bot": 5.0, "unknown_end": 5.0}
# What the guard answers; all of them may come with arguments.
GUARD_TIMEOUT_S = {"guard_status": 2.0, "halt": 5.0, "resume": 5.0, "flatten": 5.0, "alert_test": 8.0,
                   "alert_list": 2.0, "alert_ack": 5.0}  # fmt: skip
# The key file is opened anew, and a passphrase costs a second by design.
SIGNER_TIMEOUT_S = 8.0


class Operator:
    """Answers one verb at a time per connection. `view` gives what the supervisor knows of itself."""

    def __init__(
        self, signer: SignerChild, gateway: GatewayChild, guard: GuardChild, view: Callable[[], dict[str, Any]]
    ) -> None:
        self._signer, self._gateway, self._guard, self._view = signer, gateway, guard, view

    async def handle(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give {"ok": True, "result": ...} or {"ok": False, "error": sentence}. `args` are the verb's."""
        if verb == "status":
            return {"ok": True, "result": await self._status()}
        if verb == "restart_signer":
            return await self._restart_signer()
        if verb == "reload_config":
            return await self._reload_config(GATEWAY_TIMEOUT_S[verb])
        if verb in GATEWAY_TIMEOUT_S:
            return await self._gateway.ask(verb, GATEWAY_TIMEOUT_S[verb])
        if verb in _WORDED_TIMEOUT_S:
            return await self._gateway.ask(verb, _WORDED_TIMEOUT_S[verb], args)
        if verb in GUARD_TIMEOUT_S:
            return await self._guard.ask(verb, GUARD_TIMEOUT_S[verb], args)
        known = ", ".join(sorted({*GATEWAY_TIMEOUT_S, *_WORDED_TIMEOUT_S, *GUARD_TIMEOUT_S, "restart_signer"}))
        return {"ok": False, "error": f"unknown verb; known are {known}"}

    async def _status(self) -> dict[str, Any]:
        """Our view of ourselves and the children beside what gateway and guard say, or why that is missing."""
        gateway, guard = await asyncio.gather(
            self._gateway.ask("status", GATEWAY_TIMEOUT_S["status"]),
            self._guard.ask("guard_status", GUARD_TIMEOUT_S["guard_status"]),
        )
        children = {"signer": self._signer.view()} | {
            child.child.name: child.child.view() for child in (self._gateway, self._guard)
        }
        return {"supervisor": self._view(), "children": children, "gateway": _told(gateway), "guard": _told(guard)}

    async def _reload_config(self, timeout_s: float) -> dict[str, Any]:
        """The gateway first, because it may refuse; what it has taken up the guard takes up too."""
        reply = await self._gateway.reload_config(timeout_s)
        if reply.get("ok") is not True:
            return reply
        by_guard = await self._guard.reload_config(timeout_s)
        if by_guard.get("ok") is not True:
            return {"ok": False, "error": f"the gateway has taken it up, the guard has not: {by_guard.get('error')}"}
        return reply

    async def _restart_signer(self) -> dict[str, Any]:
        self._signer.refill()
        try:
            await asyncio.wait_for(self._signer.child.wait_ready(), SIGNER_TIMEOUT_S)
        except TimeoutError:
            self._signer.child.signal(signal.SIGKILL)  # it may hang with its lifeline closed
            within = f"within {SIGNER_TIMEOUT_S:g} s"
            return {
                "ok": False,
                "error": f"the signer did not serve again {within}; see the supervisor's output",
            }
        return {"ok": True, "result": {"signer": self._signer.view()}}


def _told(reply: Mapping[str, Any]) -> Any:
    return reply.get("result") if reply.get("ok") is True else {"error": reply.get("error")}
