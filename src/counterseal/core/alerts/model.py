"""What an alert is, what goes out for it, and what may be told outside."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum


class Severity(IntEnum):
    """How loudly something is told; the higher number is the louder one."""

    INFO = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


# The words of the settings, the quietest first.
SEVERITIES = tuple(severity.name.lower() for severity in Severity)


class Detail(Enum):
    """How much of what was going on leaves this machine with an alert.

    NONE is the title of its code alone, SYMBOLS names the symbols too, FULL is the alert's own title and text.
    """

    NONE = "none"
    SYMBOLS = "symbols"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell. `code` is one of `core.alerts.codes`, `at_ms` wall time.

    Alerts of one `dedup_key` are one thing that happens again. `symbols` are told where `detail` allows it; title and
    text may hold anything but secrets, and leave the machine only with FULL. `beside` is the channel that it is about
    and that it shall not go to.
    """

    severity: Severity
    code: str
    title: str
    text: str
    dedup_key: str
    at_ms: int
    symbols: tuple[str, ...] = field(default=())
    beside: str = ""


class Kind(Enum):
    """What a message is: something happened, or only a sign that the channel works."""

    ALERT = "alert"
    HEARTBEAT = "heartbeat"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel carries. `title` is one line, `body` several; `key` tells equal events without saying what of.

    `label` names the installation, `codes` what it is about.
    """

    kind: Kind
    severity: Severity
    label: str
    title: str
    body: str
    key: str
    at_ms: int
    codes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The first line that a person sees."""
        return f"[{self.label}] {self.severity.name}: {self.title}"


class Failure(Enum):
    """Why a channel did not take a message. REFUSED will be refused again, RATE_LIMITED says when to come back."""

    TRANSIENT = "transient"
    REFUSED = "refused"
    RATE_LIMITED = "rate-limited"
