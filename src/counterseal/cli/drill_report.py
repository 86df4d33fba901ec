"""What a drill has shown, as Markdown."""

from datetime import UTC, datetime
from typing import NamedTuple

from counterseal import __version__
from counterseal.cli.drill_world import Found
from counterseal.core.emergency import REVOKE, Done, is_proven

# From the first step until the exchange is proven to refuse the key.
DEADLINE_MS = 10_000
# What the gateway tells a bot that is frozen.
FROZEN = "halted"
TOLD = ("emergency_begun", "ladder_halted", "emergency_over")


class Check(NamedTuple):
    """Something that is seen from outside, whatever the steps say of themselves."""

    what: str
    found: str
    is_right: bool


class Report(NamedTuple):
    """One drill. Times are wall ms."""

    begun_ms: int
    ended_ms: int
    operator: str
    key: str
    steps: tuple[Done, ...]
    found: Found

    @property
    def took_ms(self) -> int:
        """From the beginning of the freeze until the key is proven dead."""
        return next((one.begun_ms + one.took_ms for one in self.steps if one.step is REVOKE), DEADLINE_MS)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What exchange, bot and guard say."""
        found, freeze = self.found, self.steps[0].took_ms if self.steps else 0
        last = found.last_order_ms
        missing = [code for code in TOLD if code not in found.alerts]
        return (
            Check("the bot was under way", f"{found.placed_before} orders accepted before", found.placed_before > 0),
            Check(
                "no order reaches the exchange once it is frozen",
                "there was none" if last is None else f"the last one {_when(last)}, frozen after {_seconds(freeze)}",
                last is not None and last <= freeze,
            ),
            Check(
                "the bot is told so", f"{found.refused_after} orders refused afterwards: {', '.join(found.reasons)}",
                found.refused_after > 0 and found.reasons == (FROZEN,),
            ),
            Check(
                "nothing rests, says the exchange to the key that took the place",
                "no answer" if found.open_orders is None else f"{found.open_orders} open orders",
                found.open_orders == 0,
            ),
            Check("people were told", f"missing: {', '.join(missing)}" if missing else ", ".join(TOLD), not missing),
            Check(
                "every step is on the guard's record", f"{found.journalled} records",
                found.journalled == len(self.steps) + 2,
            ),
        )  # fmt: skip

    @property
    def is_passed(self) -> bool:
        """Whether all is proven, in time, and seen from outside."""
        return is_proven(self.steps) and self.took_ms < DEADLINE_MS and all(check.is_right for check in self.checks)


def render(report: Report) -> str:
    """Write it."""
    verdict = "passed" if report.is_passed else "FAILED"
    day = datetime.fromtimestamp(report.begun_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    lines = [
        f"# Drill of {day} UTC: {verdict}",
        "",
        f"Key `{report.key}` was treated as leaked, on the paper exchange, with a bot under way. Counterseal "
        f"{__version__}; carried out by {report.operator}.",
        "",
        f"**From freeze to proven dead: {_seconds(report.took_ms)}** (at most {_seconds(DEADLINE_MS)}).",
        "",
        "| at | took | step | what | result | shown by |",
        "|---|---|---|---|---|---|",
        *[
            f"| {_seconds(one.begun_ms)} | {_seconds(one.took_ms)} | {one.step.name} | {one.step.what} | {one.word} |"
            f" {_cell(one.text)} |"
            for one in report.steps
        ],
        "",
        "Seen from outside:",
        "",
        "| what | found | |",
        "|---|---|---|",
        *[f"| {check.what} | {_cell(check.found)} | {'yes' if check.is_right else 'NO'} |" for check in report.checks],
        "",
        "At the exchange a person revokes a key; here the paper exchange's own command did it at once. What that"
        " takes is not in these times.",
    ]
    return "\n".join(lines) + "\n"


def _when(ms: int) -> str:
    return f"{_seconds(abs(ms))} {'before' if ms < 0 else 'after'} it began"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.2f} s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
