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
                   "alert_list": 2.0, "alert_ack": 5.0, "key_probe": 12.0, "key_facts": 2.0,
                   "rotation_told": 5.0, "emergency": 5.0, "key_refused": 8.0, "override_set": 5.0,
                   "override_end": 5.0, "override_list": 2.0}  # fmt: skip
_USE_S = 2.0
# How long a signer may take to end when another one waits for its place.
LET_GO_S = 2.0
# The key file is opened anew, and a passphrase costs a second by design.
SIGNER_TIMEOUT_S = 8.0


class Operator:
    """Answers one verb at a time per connection. `view` gives what the supervisor knows of itself."""

    def __init__(
        self, signer: SignerChild, gateway: GatewayChild, guard: GuardChild, view: Callable[[], dict[str, Any]]
    ) -> None:
        self._signer, self._gateway, self._guard, self._view = signer, gateway, guard, view
        self._replacing = asyncio.Lock()

    async def handle(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Give {"ok": True, "result": ...} or {"ok": False, "error": sentence}. `args` are the verb's."""
        if verb == "status":
            return {"ok": True, "result": await self._status()}
        if verb == "restart_signer":
            return await self._restart_signer(keep=args.get("keep") == "yes")
        if verb == "reload_config":
            return await self._reload_config(GATEWAY_TIMEOUT_S[verb])
        if verb == "key_use":
            return await self._key_use()
        if verb in GATEWAY_TIMEOUT_S:
            return await self._gateway.ask(verb, GATEWAY_TIMEOUT_S[verb])
        if verb in _WORDED_TIMEOUT_S:
            return await self._gateway.ask(verb, _WORDED_TIMEOUT_S[verb], args)
        if verb in GUARD_TIMEOUT_S:
            return await self._guard.ask(verb, GUARD_TIMEOUT_S[verb], args)
        own = ("restart_signer", "key_use")
        known = ", ".join(sorted({*GATEWAY_TIMEOUT_S, *_WORDED_TIMEOUT_S, *GUARD_TIMEOUT_S, *own}))
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

    async def _key_use(self) -> dict[str, Any]:
        """Give what stands on each version of a key, here and there; who does not tell may still use any of them."""
        asked = {"gateway": self._gateway, "guard": self._guard}
        replies = await asyncio.gather(*(child.ask("key_use", _USE_S) for child in asked.values()))
        for reply in replies:
            if reply.get("ok") is not True:
                return {"ok": False, "error": str(reply.get("error"))}
        return {"ok": True, "result": {who: reply.get("result") for who, reply in zip(asked, replies, strict=True)}}

    async def _reload_config(self, timeout_s: float) -> dict[str, Any]:
        """The gateway first, because it may refuse; what it has taken up the guard takes up too."""
        reply = await self._gateway.reload_config(timeout_s)
        if reply.get("ok") is not True:
            return reply
        by_guard = await self._guard.reload_config(timeout_s)
        if by_guard.get("ok") is not True:
            return {"ok": False, "error": f"the gateway has taken it up, the guard has not: {by_guard.get('error')}"}
        return {"ok": True, "result": {**(reply.get("result") or {}), "guard": by_guard.get("result")}}

    async def _restart_signer(self, *, keep: bool) -> dict[str, Any]:
        """Have the signer replaced by one that has its keys before the present one ends.

        Where no such one can be made, the present one ends first, or with `keep` stays as it is; beside a hardware
        token it always ends first. What is being ended keeps its signer until the gateway has drained.
        """
        async with self._replacing:
            is_prepared = await self._signer.prepare(SIGNER_TIMEOUT_S)
            if self._signer.child.is_retired:
                return {"ok": False, "error": "all is being ended, and the signer stays as it is until then"}
            is_there = self._signer.child.view()["pid"] is not None
            if not is_prepared and keep and is_there and not self._signer.is_alone:
                return {
                    "ok": False,
                    "error": "no signer could be made with the present key file, and the one before serves on; "
                    "see the supervisor's output",
                }
            return await self._replace_signer(LET_GO_S if is_prepared else 0.0)

    async def _replace_signer(self, let_go_s: float) -> dict[str, Any]:
        self._signer.refill()
        if let_go_s:
            try:
                await asyncio.wait_for(self._signer.child.wait_ready(), let_go_s)
            except TimeoutError:
                self._signer.child.signal(signal.SIGKILL)  # it hangs, and another one waits for its place
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
