"""What the Python drivers share: the job on standard input, the lines on standard output, order sizes.

A driver runs inside its SDK's own environment, so this module is stdlib only. The job is one JSON object:

- ``base``: URL, or null: then the SDK keeps the exchange's own addresses;
- ``key``: API key, ``market``: spot | usdm, ``kind``: hmac | rsa | ed25519;
- ``secret`` (hmac) or ``private_key`` (PEM text);
- ``ca``: path of a PEM file that https is verified with, or null;
- ``proxy``: URL of an HTTP proxy for https, or null;
- ``strict``: whether the other side takes only signatures over the exact bytes sent, as the exchange does
  and a lenient gateway does not; when left out: whether ``ca`` is given (then no gateway is in between);
- ``keep_going``: run the later steps after a failure (default false).

Each step prints one JSON object: ``step``, ``ok``, facts as text, on failure ``error``, and ``warnings``
where the SDK logged any.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

UNICODE_SYMBOL = "币安人生USDT"
UNKNOWN_ORDER = -2011
BAD_SIGNATURE = -1022
MISSING_ORDER_ID = 9_007_199_254_740_000  # below 2**53, so that every SDK sends it unrounded

# Characters that SDKs encode in different ways; new in each run, because a gateway answers a repeated id with
# the outcome of the first order.
OWN_ID = f"my:bot/{time.time_ns() // 1_000_000}"

Facts = Mapping[str, object]
Step = tuple[str, Callable[[], Facts]]


class Unexpected(Exception):
    """An answer that the SDK accepted but that is not what the step asked for."""


@dataclass(frozen=True)
class Job:
    """One run of a driver. ``credential`` is the HMAC secret or the PEM text."""

    base: str | None
    key: str
    kind: str
    market: str
    ca: str | None
    proxy: str | None
    strict: bool
    keep_going: bool
    credential: str = field(repr=False)


def read_job() -> Job:
    """Read the job from standard input. Raises KeyError for a missing member, ValueError for bad JSON."""
    given = json.loads(sys.stdin.buffer.read())
    return Job(
        base=given["base"] and given["base"].rstrip("/"),
        key=given["key"],
        kind=given["kind"],
        market=given["market"],
        ca=given.get("ca"),
        proxy=given.get("proxy"),
        strict=given.get("strict", given.get("ca") is not None),
        keep_going=given.get("keep_going", False),
        credential=given["secret"] if given["kind"] == "hmac" else given["private_key"],
    )


def expect(holds: object, complaint: str) -> None:
    """Raise Unexpected with ``complaint`` unless ``holds``."""
    if not holds:
        raise Unexpected(complaint)


def run(job: Job, steps: Iterable[Step]) -> int:
    """Run the steps in order, one line each; 0 when all were ok, else 1. Stops at the first failure."""
    logged = _LogCollector()
    logging.root.addHandler(logged)
    failed = False
    for name, act in steps:
        # No exchange answers within a millisecond; without that, a query and a cancel could bear one timestamp.
        time.sleep(0.002)  # noqa: TID251 - an SDK lives in real time
        logged.lines.clear()
        try:
            line = {"step": name, "ok": True, **act()}
        except Exception as error:  # noqa: BLE001  any class of error is what the test wants to see
            failed = True
            line = {"step": name, "ok": False, "error": f"{type(error).__qualname__}: {error}"}
        if logged.lines:
            # The official SDK only warns when an answer does not fit its models: that is a finding too.
            line["warnings"] = list(logged.lines)
        print(_without_secret(json.dumps(line, ensure_ascii=False, default=str), job), flush=True)
        if failed and not job.keep_going:
            break
    return 1 if failed else 0


def _without_secret(line: str, job: Job) -> str:
    # SDKs put whole signed addresses into their network errors.
    line = re.sub(r"signature=[^&\"\s]*", "signature=[masked]", line)
    for secret in (job.credential, json.dumps(job.credential)[1:-1]):
        line = line.replace(secret, "[secret]")
    return line


class _LogCollector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def refused(act: Callable[[], object], error_class: type[Exception], code: int) -> Facts:
    """Call ``act``, which must raise the SDK's own ``error_class`` with the exchange's ``code`` in it.

    Raises Unexpected when it does not raise or carries another code; other classes pass through.
    """
    try:
        act()
    except error_class as error:
        seen = getattr(error, "status_code", None) if not hasattr(error, "code") else error.code
        text = str(error)
        name = type(error).__qualname__
        expect(seen == code or str(code) in text, f"wanted code {code}, got {name}: {text}")
        return {"error_class": name, "code": code, "message": text}
    raise Unexpected(f"no error where code {code} was wanted")


@dataclass(frozen=True)
class Sizes:
    """Grid of one symbol, in quote (``tick``, ``minimum`` notional) and base (``step``) units."""

    tick: Decimal
    step: Decimal
    minimum: Decimal

    def away(self, price: object, ratio: str = "0.9") -> Decimal:
        """``price`` times ``ratio``, rounded down to the tick."""
        return _to_grid(Decimal(str(price)) * Decimal(ratio), self.tick, ROUND_FLOOR)

    def quantity(self, price: object, smallest: str = "0") -> Decimal:
        """The smallest quantity on the grid, not under ``smallest``, worth 1.2 minimum at 0.8 ``price``."""
        needed = self.minimum * Decimal("1.2") / (Decimal(str(price)) * Decimal("0.8"))
        return _to_grid(max(needed, Decimal(smallest)), self.step, ROUND_CEILING)


def _to_grid(value: Decimal, grid: Decimal, rounding: str) -> Decimal:
    return ((value / grid).to_integral_value(rounding) * grid).quantize(grid)


def sizes_of(symbol: Mapping[str, Any]) -> Sizes:
    """Sizes from one symbol of ``exchangeInfo``, as the exchange spells it; KeyError for a missing filter."""
    filters = {each["filterType"]: each for each in symbol["filters"]}
    notional = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
    return Sizes(
        tick=Decimal(filters["PRICE_FILTER"]["tickSize"]).normalize(),
        step=Decimal(filters["LOT_SIZE"]["stepSize"]).normalize(),
        minimum=Decimal(str(notional.get("minNotional") or notional["notional"])),
    )


def text(number: Decimal) -> str:
    """A number as the exchange wants it: plain digits, no exponent."""
    return format(number, "f")
