"""Whether the signer signs. It believes nothing that it is told: the gateway may be in other hands."""

from collections.abc import Container

from counterseal.core.messages import Sign
from counterseal.signer.table import Table

MAX_OFFSET_MS = 5_000
MAX_RECV_WINDOW_MS = 5_000


def judge(request: Sign, table: Table, keys: Container[str]) -> str | None:
    """Give the reason of a refusal, one of `core.messages.SIGNER_REASONS`, or None when it may be signed."""
    if request.key_ref not in keys:
        return "unknown_key"
    entry = table.get((request.family, request.method, request.path))
    if entry is None:
        return "not_in_table"
    names = [name for name, _ in request.pairs]
    distinct = set(names)
    if not distinct <= entry.allowed:
        return "unknown_parameter"
    if len(distinct) != len(names) and _repeats(names) - entry.lists:
        return "repeated_parameter"
    if not -MAX_OFFSET_MS <= request.offset_ms <= MAX_OFFSET_MS:
        return "offset_out_of_bounds"
    if not 0 <= request.recv_window_ms <= MAX_RECV_WINDOW_MS:
        return "recv_window_out_of_bounds"
    if request.epoch != 0:
        return "malformed"  # reserved: an instance that holds a lease speaks to a signer that knows leases
    return None


def _repeats(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
