"""The log: structured, one JSON object a line, redaction as a step of the pipeline, written in batches."""

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from counterseal.core import redact
from counterseal.ports.clock import Clock

FLUSH_S = 0.05
_encode = msgspec.json.Encoder().encode
# Constants of our own making need no look.
_TRUSTED = frozenset({"event", "t", "level", "endpoint", "decision", "reason", "bot", "signature_form"})

_HARMLESS = frozenset({int, bool, float, type(None)})


class LogFile:
    """Lines are queued and written every 50 ms in one call; what cannot be written goes nowhere and is counted."""

    def __init__(self, path: Path, clock: Clock) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._clock = clock
        self._queued: list[bytes] = []
        self._asked = False
        self.lost = 0

    def msg(self, line: bytes) -> None:
        """Queue one line."""
        self._queued.append(line)
        if not self._asked:
            self._asked = True
            self._clock.call_later(FLUSH_S, self.flush)

    info = warning = error = critical = msg

    def flush(self) -> None:
        """Write what is queued."""
        self._asked = False
        lines, self._queued = self._queued, []
        if lines:
            try:
                os.write(self._file, b"".join(lines))
            except OSError:
                self.lost += len(lines)

    def close(self) -> None:
        """Write and close."""
        self.flush()
        os.close(self._file)


class _Logger(structlog.BoundLogger):
    """structlog's, with a short way for the line that every request writes: same context, same pipeline."""

    def info(self, event: str, **fields: Any) -> Any:
        """Log at level info."""
        line: Any = {**self._context, **fields, "event": event}
        for step in self._processors:
            line = step(self._logger, "info", line)
        return self._logger.info(line)


def redact_step(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask whatever looks like a secret in every text that is not a constant of ours."""
    for name, value in fields.items():
        if name not in _TRUSTED and type(value) not in _HARMLESS:
            fields[name] = _masked(value)
    return fields


def _masked(value: Any) -> Any:
    """Mask texts, also those within lists and tables."""
    if isinstance(value, str):
        return redact.line(value)
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return {_masked(name): _masked(each) for name, each in value.items()} if isinstance(value, dict) else value


def render_step(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> bytes:
    """Give one JSON line."""
    return _encode(fields) + b"\n"


def make_logger(sink: Any, clock: Clock) -> Any:
    """Give a structlog logger on `sink` whose pipeline is: time, level, redaction, JSON."""

    def stamp(_logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields["t"] = clock.wall_ns() // 1_000_000
        fields["level"] = method
        return fields

    return structlog.wrap_logger(
        sink, processors=[stamp, redact_step, render_step], wrapper_class=_Logger, context_class=dict
    ).bind()
