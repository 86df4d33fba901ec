"""Every code that an alert can have: one table, from which titles and the reference come."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from counterseal.core import failing
from counterseal.core.alerts.model import Severity

_C, _H, _M, _I = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.INFO


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `title` holds nothing of a strategy; `remedy` is what a person does about it."""

    name: str
    severity: Severity
    title: str
    remedy: str


_ROWS = (
    # -- the ladder
    Code("ladder_reducing", _H, "trading was taken back to reducing", "see the cause; `counterseal status`"),
    Code("ladder_halted", _C, "trading was halted", "find the cause, then `counterseal resume`"),
    Code("ladder_flatten", _C, "positions are being closed", "watch the proof that follows; `counterseal status`"),
    Code("ladder_resumed", _M, "trading was given back", "check that it was meant"),
    Code("ladder_unproven", _C, "an act of the ladder could not be proven", "look at the account at the exchange"),
    Code("ladder_proven", _M, "an act of the ladder was carried out", "nothing, unless it was not meant"),
    Code("ladder_unreadable", _C, "the state of the ladder cannot be read", "everything counts as halted; reset it"),
    # -- emergencies
    Code("emergency_begun", _C, "an emergency was begun", "follow its steps: docs/how-to/runbooks.md"),
    Code("emergency_unproven", _C, "an emergency ended with steps that are not proven", "do them by hand, now"),
    Code("emergency_over", _H, "an emergency's steps are all proven", "find out how it came, then resume"),
    # -- limits
    Code("limit_overridden", _H, "a limit was loosened for a while", "check that it was meant"),
    Code("override_ended", _M, "a loosened limit holds again", "nothing"),
    Code("limit_warning", _M, "a limit is nearly reached", "lower the risk, or raise the limit"),
    Code("limit_threshold", _C, "a limit's emergency threshold is passed", "the position is being reduced; watch it"),
    Code("limit_passed", _C, "a limit is passed", "see what was halted; `counterseal status`"),
    Code("reduce_stuck", _C, "a position could not be reduced", "close it at the exchange"),
    # -- what the guard sees
    Code("positions_stale", _C, "positions are not known", "check the way to the exchange"),
    Code("stream_gap", _M, "a user stream is missing events", "it is read anew; nothing, unless it lasts"),
    Code("recon_differs", _C, "our books and the exchange's differ", "compare the account with the journal"),
    # -- intruders
    Code("intruder_order", _C, "an order did not come through the gateway", "who else has keys? revoke them"),
    Code("intruder_fill", _C, "a fill did not come through the gateway", "who else has keys? revoke them"),
    Code("intruder_transfer", _C, "funds moved without the gateway", "freeze the account at the exchange"),
    Code("intruder_rights", _C, "the rights of a key have changed", "who has access to the exchange's settings?"),
    Code("intruder_weight", _C, "somebody else spends our limits", "who else calls from this address or account?"),
    Code("canary_used", _C, "a planted credential was used", "who is at its source? look for what else was taken"),
    # -- keys
    Code("key_quarantined", _C, "the exchange refuses a key", "`counterseal key list` tells the likely cause"),
    Code("key_back", _I, "a key works again", "nothing"),
    Code("key_environment", _C, "a key is of another environment", "remove it: `counterseal key remove`"),
    Code("key_unasked", _H, "a key's permissions are not known", "check the way to the exchange"),
    Code("key_withdrawals", _C, "a key can withdraw", "take the permission from it at the exchange"),
    Code("key_transfers", _H, "a key can move money", "take the permission from it at the exchange"),
    Code("key_unrestricted", _H, "a key works from any address", "restrict it to addresses at the exchange"),
    Code("key_excess", _M, "a key may do more than it needs", "take the permission from it at the exchange"),
    Code("key_lacking", _H, "a key may not do what it needs", "give it the permission at the exchange"),
    Code("key_expiring", _H, "a key's permission to trade ends", "restrict it to addresses, or rotate it"),
    Code("key_locked", _C, "the exchange has locked trading", "see the exchange's notice"),
    Code("keystore_away", _C, "the store of keys is away for long", "bring it back; docs/topics/where-keys-live.md"),
    # -- rotations
    Code("rotation_waits", _H, "a key waits to be registered", "`counterseal key rotate NAME --status` tells how"),
    Code("rotation_stuck", _H, "a key cannot be rotated", "it signs on; see `counterseal key rotate NAME --status`"),
    Code("rotation_alive", _M, "a replaced key still works", "delete it at the exchange"),
    Code("foreign_weight", _M, "somebody else spends our limits", "who else calls from this address or account?"),
    # -- the dead-man's switch
    Code("deadman_unset", _C, "the exchange's countdown could not be set", "orders would outlive us; check the way"),
    Code("deadman_fired", _C, "the exchange's countdown has run out", "orders were cancelled there; find out why"),
    Code("deadman_swept", _H, "orders of a silent bot are cancelled", "see whether the bot lives"),
    Code("deadman_left", _C, "orders of a silent bot could not be cancelled", "cancel them at the exchange"),
    # -- processes
    Code("gateway_stuck", _C, "the gateway does not answer", "it is being restarted; see the log"),
    Code("gateway_critical", _C, "the gateway reports something critical", "see its log"),
    Code("guard_critical", _C, "the guard reports something critical", "see its log"),
    Code("journal_failing", _C, "a journal cannot be written", "make room on the disk, then restart"),
    Code("settings_unreadable", _C, "the settings cannot be read", "`counterseal check-config`, then reload"),
    # -- requests and bots
    Code("bot_disabled", _H, "a bot was disabled", "find the cause, then `counterseal bot enable`"),
    Code("user_data_missing", _C, "events of an account are missing", "check the key and the way to the exchange"),
    Code("unknown_request", _C, "nobody knows what became of a request", "`counterseal unknown list`"),
    Code("unknown_ended", _H, "an operator has ended an unknown request", "check that it was meant"),
    Code("not_reconciled", _C, "an account is not compared with the exchange", "check the way to the exchange"),
    Code("exposure_unread", _C, "exposure is not known", "limited bots may only reduce; see the log"),
    Code("egress_missing", _C, "an egress address is none of this host's", "correct venue.egress, or the host"),
    Code("certificate_refused", _H, "a new certificate is not taken up", "`counterseal ca show`"),
    Code("witness_away", _C, "the witness keeps no checkpoints", "check where journal.witness leads to"),
    # -- the alerts themselves
    Code("alert_channel_down", _H, "an alert channel does not work", "`counterseal alert test`; see its settings"),
    Code("alert_channel_back", _I, "an alert channel works again", "nothing"),
    Code("alerts_down", _C, "no alert channel works", "this host cannot tell anybody; look at it"),
    Code("alert_unknown", _H, "something happened that has no code", "`counterseal alert list`"),
)  # fmt: skip

# What fails critically has a row of its own in docs/reference/failing.md.
_FAILING = tuple(
    Code(f"failing_{row.name}", _C, row.state, "docs/reference/failing.md tells what is closed and how it ends")
    for row in failing.TABLE.values()
    if row.alert.startswith("critical")
)
CODES: Mapping[str, Code] = MappingProxyType({row.name: row for row in (*_ROWS, *_FAILING)})
UNKNOWN = CODES["alert_unknown"]


def code_of(name: str) -> Code:
    """Give a code, or the one that stands for what has none."""
    return CODES.get(name, UNKNOWN)
