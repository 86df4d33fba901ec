"""One request from admission to its answer, its canonical log line and its refusal's record."""

from collections.abc import Callable
from typing import Any

from counterseal.core import redact
from counterseal.core.binance.catalogue import locate
from counterseal.core.judge import Denial
from counterseal.core.overload import may_be_exit
from counterseal.core.replay import Seen, path_mark
from counterseal.gateway import reply as replies
from counterseal.gateway.admission import Admission, Admitted, Entry, Inquiry
from counterseal.gateway.changes import Changes
from counterseal.gateway.outbound import SignerRefused
from counterseal.gateway.reads import Reads
from counterseal.gateway.refresh import Refresher
from counterseal.gateway.reply import Reply
from counterseal.gateway.since import Since
from counterseal.gateway.state import ANONYMOUS, State
from counterseal.gateway.turn import Turn
from counterseal.ports.journal import Journal, JournalError
from counterseal.ports.signing import SignerUnavailable
from counterseal.ports.venue import VenueReply

# A bot whose own clock is wrong must not have the time asked for at each of its requests.
DOUBT_PAUSE_MS = 5_000
# Who is refused for too much work gets to know it a little later, and so does not come again at once.
HELD_BACK_S = 0.025
STRANGERS_AT_ONCE, STRANGERS_PER_SECOND = 5_000, 20
ListenKeyCalls = Callable[[Admitted], Reply]


def no_listen_keys(_admitted: Admitted) -> Reply:
    """Refuse the calls of listen keys."""
    return replies.denial("stream_not_available")


class Handler:
    """The way of a request through the gateway."""

    def __init__(
        self,
        state: State,
        admission: Admission,
        reads: Reads,
        changes: Changes,
        refresher: Refresher,
        journal: Journal,
        turn: Turn,
        log: Any,
        since: Since,
        listen_keys: ListenKeyCalls,
    ) -> None:
        self._state = state
        self._listen_keys = listen_keys
        self._refresher = refresher
        self._admission = admission
        self._reads = reads
        self._changes = changes
        self._journal = journal
        self._turn = turn
        self._log = log
        self._since = since
        self._unwritten = 0
        self._tokens = STRANGERS_AT_ONCE
        self._earned_at_ms = 0

    def shed(self, inquiry: Inquiry) -> Reply | None:
        """Refuse a request before it is read where there is too much to do, unless it may be an exit.

        It costs next to nothing: no signature is looked at, so nobody is named, and the journal gets sums (`Health`).
        """
        overload, head, now_ns = self._state.overload, inquiry.head, self._state.clock.monotonic_ns()
        if overload.admits(now_ns) or head.upgrade:
            return None
        _, path = (inquiry.way is None and locate(head.path)) or ("", head.path)
        if may_be_exit(head.method, path, b"%b&%b" % (head.query, inquiry.body)):
            return None
        overload.refused(now_ns)
        since_ms = self._state.told_ms((overload.since_ns or now_ns) // 1_000_000)
        return replies.denial("gateway_overloaded", retry_after_s=1, since_ms=since_ms)

    def begin(self, inquiry: Inquiry) -> "Reply | Admitted | Entry":
        """Judge a request at once: a refusal is an answer already, an admitted one goes to `finish`.

        An Entry is a handshake that the connection itself answers.
        """
        begun_ns = inquiry.begun_ns = self._state.clock.monotonic_ns()
        self._state.requests += 1
        judged = self._admission.admit(inquiry)
        if isinstance(judged, Denial):
            if judged.reason == "timestamp_outside_window":
                # A verified bot's: one of the two clocks is wrong, and it may be ours.
                self._refresher.doubt(DOUBT_PAUSE_MS)
            return self._deny(inquiry, judged, begun_ns)
        return judged

    async def finish(self, inquiry: Inquiry, admitted: Admitted) -> Reply:
        """Carry out an admitted request and give its answer."""
        begun_ns, counter = inquiry.begun_ns, self._state.counter(admitted.bot)
        counter.requests += 1
        seen = self._spend(admitted, begun_ns // 1_000_000)
        if admitted.endpoint.mutating:
            reply, answer = await self._changes.answer(inquiry, admitted, seen)
        else:
            reply, answer = await self._read(inquiry, admitted)
        counter.weight += inquiry.weight
        if inquiry.left is not None:
            reply.headers["X-Counterseal-Weight"] = str(inquiry.weight)
            reply.headers["X-Counterseal-Budget-Left"] = str(inquiry.left)
        self._time(reply, answer, begun_ns)
        reason = reply.headers.get("X-Counterseal-Reason")
        # An UNKNOWN outcome is no refusal: the order may be out, and its own records tell.
        if answer is None and reason is not None and reason != "outcome_unknown":
            self._since.tell(reply, reason, inquiry)
            self._record_denial(inquiry, reason, "")
        self._line(inquiry, reply, answer, begun_ns)
        return reply

    def here(self, inquiry: Inquiry, admitted: Admitted, answer: Callable[[Admitted], Reply]) -> Reply:
        """Carry out an admitted request that asks nothing of the exchange."""
        self._state.counter(admitted.bot).requests += 1
        if self._spend(admitted, inquiry.begun_ns // 1_000_000) is not Seen.NEW:
            return self._deny(inquiry, Denial("replayed"), inquiry.begun_ns)
        reply = answer(admitted)
        reason = reply.headers.get("X-Counterseal-Reason")
        if reason is not None:
            self._record_denial(inquiry, reason, "")
        self._line(inquiry, reply, None, inquiry.begun_ns)
        return reply

    async def _read(self, inquiry: Inquiry, admitted: Admitted) -> tuple[Reply, VenueReply | None]:
        if admitted.endpoint.security == "USER_STREAM":
            return self._listen_keys(admitted), None
        try:
            return await self._reads.answer(inquiry, admitted)
        except SignerUnavailable:
            return replies.denial("signer_unavailable"), None
        except JournalError:
            return replies.denial("journal_unavailable"), None
        except SignerRefused:
            return replies.denial("signer_refused"), None

    def _spend(self, admitted: Admitted, now_ms: int) -> Seen:
        """A signed payload is spent when it is admitted, reads included: signatures cover no path."""
        if not admitted.marks:
            return Seen.NEW
        mark = path_mark(admitted.endpoint.name)
        self._turn.mark(admitted.marks, mark)
        return self._state.seen.spend(admitted.marks, mark, now_ms)

    # -- refusals

    def refuse(self, reason: str, source_text: str) -> Reply:
        """Answer and record bytes that are no request."""
        self._write_stranger({"type": "denied", "reason": reason, "source": source_text})
        self._log.info("request", decision="deny", reason=reason)
        return replies.denial(reason)

    def _deny(self, inquiry: Inquiry, refusal: Denial, begun_ns: int) -> Reply:
        reply = replies.denial(refusal.reason)
        self._since.tell(reply, refusal.reason, inquiry)
        self._time(reply, None, begun_ns)
        self._record_denial(inquiry, refusal.reason, refusal.name)
        self._line(inquiry, reply, None, begun_ns)
        return reply

    def _record_denial(self, inquiry: Inquiry, reason: str, name: str) -> None:
        counted = self._state.counter(inquiry.bot or ANONYMOUS).denied
        counted[reason] = counted.get(reason, 0) + 1
        write = self._write if inquiry.bot not in (None, ANONYMOUS) else self._write_stranger
        write(
            {
                "type": "denied",
                "bot": inquiry.bot,
                "reason": reason,
                "parameter": redact.line(name) if name else None,
                "endpoint": inquiry.endpoint.name if inquiry.endpoint else None,
                "path": None if inquiry.endpoint else redact.line(inquiry.head.path)[:128],
                "method": inquiry.head.method,
                "source": str(inquiry.source),
            }
        )

    def _write_stranger(self, record: dict[str, Any]) -> None:
        """Write a refusal of somebody who is no bot of ours; what is too much becomes one number.

        Whoever can connect must not be able to fill the disk.
        """
        if not self._may_write_stranger():
            self._unwritten += 1
            return
        if self._unwritten:
            self._write({"type": "denied", "reason": "many", "count": self._unwritten})
            self._unwritten = 0
        self._write(record)

    def _may_write_stranger(self) -> bool:
        """Take a token: a burst is written whole, a flood at a steady trickle."""
        now_ms = self._state.monotonic_ms()
        earned = (now_ms - self._earned_at_ms) * STRANGERS_PER_SECOND // 1000
        if earned:
            self._tokens = min(STRANGERS_AT_ONCE, self._tokens + earned)
            self._earned_at_ms = now_ms
        self._tokens -= 1 if self._tokens else 0
        return self._tokens > 0

    def _write(self, record: dict[str, Any]) -> None:
        if not self._journal.failed:
            self._turn.write(record)

    # -- the canonical line

    def _time(self, reply: Reply, answer: VenueReply | None, begun_ns: int) -> None:
        total = self._state.clock.monotonic_ns() - begun_ns
        theirs = answer.received_ns - answer.sent_ns if answer else 0
        reply.headers["Server-Timing"] = f"gateway;dur={(total - theirs) / 1e6:.3f}, venue;dur={theirs / 1e6:.3f}"

    def _line(self, inquiry: Inquiry, reply: Reply, answer: VenueReply | None, begun_ns: int) -> None:
        now_ns = self._state.clock.monotonic_ns()
        self._log.info(
            "request",
            bot=inquiry.bot,
            endpoint=inquiry.endpoint.name if inquiry.endpoint else None,
            decision=_decision(reply, answer),
            reason=reply.headers.get("X-Counterseal-Reason"),
            would_deny=inquiry.would_deny or None,
            signature_form=inquiry.form or None,
            status=reply.status,
            code=_first_number(reply.body, b'"code":') if reply.status >= 400 else None,
            order_id=_first_number(reply.body, b'"orderId":'),
            weight=inquiry.weight,
            shared=reply.headers.get("X-Counterseal-Cache"),
            total_us=(now_ns - begun_ns) // 1000,
            venue_us=(answer.received_ns - answer.sent_ns) // 1000 if answer else None,
        )


def _decision(reply: Reply, answer: VenueReply | None) -> str:
    """Say "allow" (asked the exchange), "shared" (served by the answer to another read), "stored" (told what became
    of an earlier one, or a listen key's call), "unknown" or "deny".
    """
    reason = reply.headers.get("X-Counterseal-Reason")
    if reason == "outcome_unknown":
        return "unknown"
    if reason is not None:
        return "deny"
    if answer:
        return "allow"
    return "shared" if "X-Counterseal-Cache" in reply.headers else "stored"


def _first_number(body: bytes, name: bytes) -> int | None:
    """Find a number in a body without parsing it all; for the log only."""
    at = body.find(name, 0, 4096)
    if at < 0:
        return None
    text = body[at + len(name) : at + len(name) + 24].split(b",", 1)[0].strip(b" }]")
    try:
        return int(text)
    except ValueError:
        return None
