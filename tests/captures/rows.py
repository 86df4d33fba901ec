"""The captured requests: as bytes for the gateway, as pairs for the comparison."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

CAPTURES = Path(__file__).parents[1] / "vectors" / "captures"
AUTH_NAMES = frozenset({"timestamp", "recvWindow", "signature"})
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One captured request. `at_ms` is when the recorder got it, `verifies_as` is None for an unsigned one."""

    number: int
    client: str
    at_ms: int
    method: str
    target: str
    headers: tuple[Pair, ...]
    body: bytes
    verifies_as: str | None

    def __str__(self) -> str:
        return f"row {self.number} of {self.client}: {self.method} {self.path}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        return next((value for header, value in self.headers if header.lower() == name), None)

    def with_header(self, name: str, value: str) -> "Row":
        """Give the same request with another value of one header, in its place and spelling."""
        headers = tuple((own, value if own.lower() == name else old) for own, old in self.headers)
        return replace(self, headers=headers)

    def to_bytes(self) -> bytes:
        """Give the request as it was on the wire."""
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def pairs(self) -> list[Pair]:
        """Decode query and body, without the names that belong to the signature."""
        wire = parse_qsl(self.query, keep_blank_values=True) + parse_qsl(self.body.decode(), keep_blank_values=True)
        return [(name, value) for name, value in wire if name not in AUTH_NAMES]


@cache
def load_rows() -> tuple[Row, ...]:
    """Read the vendored captures, in the order of the file."""
    lines = (CAPTURES / "rest.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_row(number, json.loads(line)) for number, line in enumerate(lines, start=1))


def load_frames() -> list[tuple[str, str]]:
    """Give (client, path) of every captured WebSocket frame."""
    lines = (CAPTURES / "ws_frames.jsonl").read_text(encoding="utf-8").splitlines()
    return [(raw["client"], raw["path"].partition("?")[0]) for raw in map(json.loads, lines)]


def by_client(rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    """Group rows by client, each client's in the order of arrival."""
    clients: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.at_ms):
        clients.setdefault(row.client, []).append(row)
    return clients


def _row(number: int, raw: dict[str, object]) -> Row:
    headers, t = raw["headers"], raw["t"]
    assert isinstance(headers, list) and isinstance(t, float) and raw["version"] == "HTTP/1.1"
    verifies_as = raw["verifies_as"]
    return Row(
        number=number,
        client=str(raw["client"]),
        at_ms=int(t * 1000),
        method=str(raw["method"]),
        target=str(raw["target"]),
        headers=tuple((str(name), str(value)) for name, value in headers),
        body=str(raw["body"]).encode(),
        verifies_as=None if verifies_as is None else str(verifies_as),
    )
