"""Whether the signer signs. It believes nothing that it is told: the gateway may be in other hands."""

from collections.abc import Container

from counterseal.core.messages import Sign
from counterseal.signer.shape import Names, Page, Shape
from counterseal.signer.table import Table

MAX_OFFSET_MS = 5_000
MAX_RECV_WINDOW_MS = 5_000


class Judge:
    """Judges requests by the table and the bounds. `keys` are the names of the keys that are held.

    `epoch` is that of the lease that this signer serves; without leases it is 0.
    """

    def __init__(self, table: Table, keys: Container[str], epoch: int) -> None:
        self._pages = {place: Page(entry) for place, entry in table.items()}
        self._keys = keys
        self._epoch = epoch

    def shape(self, request: Sign, names: Names) -> Shape | str:
        """Give the shape of what may be signed, or the reason of a refusal, one of `core.messages.SIGNER_REASONS`.

        `names` are those of the request's pairs, in order. Caps are not judged here.
        """
        if request.key_ref not in self._keys:
            return "unknown_key"
        page = self._pages.get((request.family, request.method, request.path))
        if page is None:
            return "not_in_table"
        if not -MAX_OFFSET_MS <= request.offset_ms <= MAX_OFFSET_MS:
            return "offset_out_of_bounds"
        if not 0 <= request.recv_window_ms <= MAX_RECV_WINDOW_MS:
            return "recv_window_out_of_bounds"
        if request.epoch != self._epoch:
            return "older_epoch" if request.epoch < self._epoch else "newer_epoch"
        return page.shape(names)
