"""What operators may ask through the control socket."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any

from counterseal.supervisor.children import GatewayChild, SignerChild

GATEWAY_TIMEOUT_S = {"status": 2.0, "limits": 2.0, "reload_bots": 5.0, "reload_config": 5.0, "drain": 10.0,
                     "unknown_list": 2.0}  # fmt: skip
# Verbs that tell the gateway more than their name.
_WORDED_TIMEOUT_S = {"enable_bot": 5.0, "unknown_end": 5.0}
# The key file is opened anew, and a passphrase costs a second by design.
SIGNER_TIMEOUT_S = 8.0


class Operator:
    """Answers one verb at a time per connection. `view` gives what the supervisor knows of itself."""

    def __init__(self, signer: SignerChild, gateway: GatewayChild, view: Callable[[], dict[str, Any]]) -> None:
        self._signer, self._gateway, self._view = signer, gateway, view

    async def handle(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give {"ok": True, "result": ...} or {"ok": False, "error": sentence}. `args` are the verb's."""
        if verb == "status":
            return {"ok": True, "result": await self._status()}
        if verb == "restart_signer":
            return await self._restart_signer()
        if verb == "reload_config":
            return await self._gateway.reload_config(GATEWAY_TIMEOUT_S[verb])
        if verb in GATEWAY_TIMEOUT_S:
            return await self._gateway.ask(verb, GATEWAY_TIMEOUT_S[verb])
        if verb in _WORDED_TIMEOUT_S:
            return await self._gateway.ask(verb, _WORDED_TIMEOUT_S[verb], args)
        known = ", ".join(sorted({*GATEWAY_TIMEOUT_S, *_WORDED_TIMEOUT_S, "restart_signer"}))
        return {"ok": False, "error": f"unknown verb; known are {known}"}

    async def _status(self) -> dict[str, Any]:
        """Our view of ourselves and the children beside the gateway's own, or why that is missing."""
        reply = await self._gateway.ask("status", GATEWAY_TIMEOUT_S["status"])
        return {
            "supervisor": self._view(),
            "children": {"signer": self._signer.view(), "gateway": self._gateway.child.view()},
            "gateway": reply.get("result") if reply.get("ok") is True else {"error": reply.get("error")},
        }

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
