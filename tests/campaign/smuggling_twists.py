"""What can be done to one request's head: lines that some reader of the world takes for something else.

Each table says of each entry what our grammar makes of it: nothing (the request is read as if it stood there plainly),
an end of the connection after the answer, a length, or a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# -- the first line

LINES: dict[str, str] = {
    "plain": "{m} {t} HTTP/1.1\r\n",
    "two blanks": "{m}  {t} HTTP/1.1\r\n",
    "two blanks behind": "{m} {t}  HTTP/1.1\r\n",
    "tabs": "{m}\t{t}\tHTTP/1.1\r\n",
    "vertical tab": "{m}\x0b{t} HTTP/1.1\r\n",
    "blank at the end": "{m} {t} HTTP/1.1 \r\n",
    "tab at the end": "{m} {t} HTTP/1.1\t\r\n",
    "blank at first": " {m} {t} HTTP/1.1\r\n",
    "CRLF at first": "\r\n{m} {t} HTTP/1.1\r\n",
    "LF at first": "\n{m} {t} HTTP/1.1\r\n",
    "CR at first": "\r{m} {t} HTTP/1.1\r\n",
    "NUL at first": "\0{m} {t} HTTP/1.1\r\n",
    "LF": "{m} {t} HTTP/1.1\n",
    "CR": "{m} {t} HTTP/1.1\r",
    "CRCRLF": "{m} {t} HTTP/1.1\r\r\n",
    "LFCR": "{m} {t} HTTP/1.1\n\r",
    "1.0": "{m} {t} HTTP/1.0\r\n",
    "1.0 kept alive": "{m} {t} HTTP/1.0\r\nConnection: keep-alive\r\n",
    "0.9": "{m} {t}\r\n",
    "1.2": "{m} {t} HTTP/1.2\r\n",
    "1.10": "{m} {t} HTTP/1.10\r\n",
    "01.1": "{m} {t} HTTP/01.1\r\n",
    "2.0": "{m} {t} HTTP/2.0\r\n",
    "no dot": "{m} {t} HTTP/11\r\n",
    "lower version": "{m} {t} http/1.1\r\n",
    "another protocol": "{m} {t} HTCP/1.1\r\n",
    "NUL behind": "{m} {t} HTTP/1.1\0\r\n",
    "lower method": "{l} {t} HTTP/1.1\r\n",
    "prefixed method": "X{m} {t} HTTP/1.1\r\n",
    "HEAD": "HEAD {t} HTTP/1.1\r\n",
    "OPTIONS": "OPTIONS {t} HTTP/1.1\r\n",
    "PATCH": "PATCH {t} HTTP/1.1\r\n",
    "TRACE": "TRACE {t} HTTP/1.1\r\n",
    "CONNECT": "CONNECT 127.0.0.1:443 HTTP/1.1\r\n",
    "absolute": "{m} http://127.0.0.1:8180{t} HTTP/1.1\r\n",
    "absolute elsewhere": "{m} http://other.example{t} HTTP/1.1\r\n",
    "no slash": "{m} x{t} HTTP/1.1\r\n",
    "star": "{m} * HTTP/1.1\r\n",
    "NUL in the target": "{m} {t}\0 HTTP/1.1\r\n",
    "control in the target": "{m} {t}\x01 HTTP/1.1\r\n",
    "DEL in the target": "{m} {t}\x7f HTTP/1.1\r\n",
    "8-bit in the target": "{m} {t}\xff HTTP/1.1\r\n",
    "blank in the target": "{m} {t} x HTTP/1.1\r\n",
    "line in the target": "{m} {t} HTTP/1.1\r\nX-B: c HTTP/1.1\n",
    "two lines": "{m} {t} HTTP/1.1\r\n{m} {t} HTTP/1.1\r\n",
}
GOOD_LINE = "plain"

# -- what ends the head: after the last header's CRLF

ENDS: dict[str, str] = {
    "plain": "\r\n", "LF": "\n", "CRCR": "\r\r", "LFLF": "\n\n", "CRCRLF": "\r\r\n", "LFCRLF": "\n\r\n",
    "blank": " \r\n", "tab": "\t\r\n", "NUL": "\0\r\n", "twice": "\r\n\r\n", "colon": ":\r\n", "dot": ".\r\n",
}  # fmt: skip
# With "twice" the head is whole, and what stands behind it begins with an empty line.
GOOD_ENDS = ("plain", "twice")

# -- what stands where a body may: before and behind a whole second request, which some readers take for chunks

HIDDEN: dict[str, tuple[str, str]] = {
    "hidden": ("", ""),
    "hidden behind a prefix": ("xx=y\n", ""),
    "hidden behind the last chunk": ("0\r\n\r\n", ""),
    "hidden in a chunk": ("{size}\r\n", "\r\n0\r\n\r\n"),
    "hidden in a trailer": ("0\r\nX: ", ""),
    "hidden behind a trailer": ("0\r\nContent-Length: 5\r\n\r\n", ""),
    "hidden behind an extension": ("0;a=b\r\n\r\n", ""),
    "hidden behind an extension with LF": ("5;a\nhello\r\n0\r\n\r\n", ""),
    "hidden behind chunks that end in LF": ("5\nhello\n0\n\n", ""),
    "hidden behind a chunk without its end": ("5\r\nhello0\r\n\r\n", ""),
    "hidden behind a chunk that is too long": ("5\r\nhelloxx\r\n0\r\n\r\n", ""),
    "hidden behind a size with 0x": ("0x0\r\n\r\n", ""),
    "hidden behind a size with a sign": ("-0\r\n\r\n", ""),
    "hidden behind a size with a blank": ("0 \r\n\r\n", ""),
    "hidden behind a size beyond 64 bits": ("10000000000000000\r\n\r\n", ""),
    "hidden behind many zeros": ("0000000000000000000000\r\n\r\n", ""),
    "hidden behind an empty size": ("\r\n\r\n", ""),
}

# -- the value of Content-Length for a body of n bytes. None: bad

Length = Callable[[int], str]
LENGTHS: dict[str, tuple[Length, Callable[[int], int | None]]] = {
    "n": (str, lambda n: n),
    "0": (lambda n: "0", lambda n: 0),
    "n+1": (lambda n: str(n + 1), lambda n: n + 1),
    "n-1": (lambda n: str(max(0, n - 1)), lambda n: max(0, n - 1)),
    "n+5": (lambda n: str(n + 5), lambda n: n + 5),
    "n+60": (lambda n: str(n + 60), lambda n: n + 60),
    "5": (lambda n: "5", lambda n: 5),
    "65536": (lambda n: "65536", lambda n: 65536),
    **{
        name: (made, lambda n: None)
        for name, made in {
            "65537": lambda n: "65537", "+n": lambda n: f"+{n}", "-n": lambda n: f"-{n + 1}", "-0": lambda n: "-0",
            "0n": lambda n: f"0{n}", "0xn": lambda n: f"0x{n:x}", "n.0": lambda n: f"{n}.0", "ne0": lambda n: f"{n}e0",
            "n,n": lambda n: f"{n},{n}", "n, n": lambda n: f"{n}, {n}", "n,0": lambda n: f"{n},0",
            "n n": lambda n: f"{n} {n}",
            "blank before": lambda n: f" {n}", "tab before": lambda n: f"\t{n}", "blank behind": lambda n: f"{n} ",
            "tab behind": lambda n: f"{n}\t", "empty": lambda n: "", "word": lambda n: "a", "n;": lambda n: f"{n};",
            "n_": lambda n: f"{n}_0", "quoted": lambda n: f'"{n}"', "2^32": lambda n: str(2**32 + n),
            "2^64": lambda n: str(2**64 + n), "9 zeros": lambda n: f"{n:010}", "NUL": lambda n: f"{n}\0",
            "8-bit": lambda n: f"{n}\xa0", "VT": lambda n: f"\x0b{n}", "fold": lambda n: f"\r\n {n}",
            "octal": lambda n: f"0o{n:o}", "hex": lambda n: f"{n:x}h",
        }.items()
    },
}  # fmt: skip

# -- further header lines

BASES: tuple[tuple[str, str], ...] = (
    ("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity"), ("Transfer-Encoding", "gzip, chunked"),
    ("Transfer-Encoding", "xchunked"), ("Content-Length", "7"), ("Content-Length", "0"), ("Content-Length", "44"),
    ("Expect", "100-continue"), ("Expect", "200-ok"), ("Host", "other.example"), ("X-MBX-APIKEY", "other"),
    ("Connection", "close"), ("Connection", "keep-alive"), ("Connection", "X-MBX-APIKEY, Content-Length"),
    ("Connection", "Transfer-Encoding"), ("Upgrade", "websocket"), ("Upgrade", "h2c"), ("TE", "trailers"),
    ("Trailer", "Content-Length"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close"), ("X-A", "b"),
    ("X-HTTP-Method-Override", "DELETE"), ("Content-Encoding", "gzip"), ("Content-Type", "text/plain"),
)  # fmt: skip
# How a header is written. "same": it means what it says plainly. "odd": the same name, its value not as it should be.
# "other": another name. "bad": no header line.
SPOILS: dict[str, tuple[str, str]] = {
    "plain": ("{n}: {v}\r\n", "same"),
    "lower": ("{l}: {v}\r\n", "same"),
    "upper": ("{u}: {v}\r\n", "same"),
    "no blank": ("{n}:{v}\r\n", "same"),
    "two blanks": ("{n}:  {v}\r\n", "odd"),
    "tab": ("{n}:\t{v}\r\n", "odd"),
    "blank behind": ("{n}: {v} \r\n", "odd"),
    "tab behind": ("{n}: {v}\t\r\n", "odd"),
    "two colons": ("{n}:: {v}\r\n", "odd"),
    "quoted": ('{n}: "{v}"\r\n', "odd"),
    "list": ("{n}: {v}, {v}\r\n", "odd"),
    "empty element": ("{n}: ,{v}\r\n", "odd"),
    "parameter": ("{n}: {v};q=1\r\n", "odd"),
    "underscore": ("{_}: {v}\r\n", "other"),
    "prefixed": ("X-{n}: {v}\r\n", "other"),
    "suffixed": ("{n}-: {v}\r\n", "other"),
    "blank before the colon": ("{n} : {v}\r\n", "bad"),
    "tab before the colon": ("{n}\t: {v}\r\n", "bad"),
    "VT before the colon": ("{n}\x0b: {v}\r\n", "bad"),
    "NUL before the colon": ("{n}\0: {v}\r\n", "bad"),
    "CR before the colon": ("{n}\r: {v}\r\n", "bad"),
    "LF before the colon": ("{n}\n: {v}\r\n", "bad"),
    "8-bit before the colon": ("{n}\xa0: {v}\r\n", "bad"),
    "blank at first": (" {n}: {v}\r\n", "bad"),
    "tab at first": ("\t{n}: {v}\r\n", "bad"),
    "NUL at first": ("\0{n}: {v}\r\n", "bad"),
    "CR at first": ("\r{n}: {v}\r\n", "bad"),
    "VT at first": ("\x0b{n}: {v}\r\n", "bad"),
    "no colon": ("{n} {v}\r\n", "bad"),
    "no name": (": {v}\r\n", "bad"),
    "fold before the value": ("{n}:\r\n {v}\r\n", "bad"),
    "fold by tab": ("{n}:\r\n\t{v}\r\n", "bad"),
    "fold behind": ("{n}: {v}\r\n x\r\n", "bad"),
    "fold of blanks": ("{n}: {v}\r\n \r\n", "bad"),
    "folded into another": ("X-A: b\r\n {n}: {v}\r\n", "bad"),
    "LF before": ("X-A: b\n{n}: {v}\r\n", "bad"),
    "CR before": ("X-A: b\r{n}: {v}\r\n", "bad"),
    "LFCR before": ("X-A: b\n\r{n}: {v}\r\n", "bad"),
    "LF": ("{n}: {v}\n", "bad"),
    "CR": ("{n}: {v}\r", "bad"),
    "LFCR": ("{n}: {v}\n\r", "bad"),
    "CRCRLF": ("{n}: {v}\r\r\n", "bad"),
    "NUL": ("{n}: {v}\0\r\n", "bad"),
    "NUL in front": ("{n}: \0{v}\r\n", "bad"),
    "VT": ("{n}: \x0b{v}\r\n", "bad"),
    "FF": ("{n}: {v}\x0c\r\n", "bad"),
    "ESC": ("{n}: \x1b[0m{v}\r\n", "bad"),
    "DEL": ("{n}: {v}\x7f\r\n", "bad"),
    "8-bit": ("{n}: {v}\x80\r\n", "bad"),
    "8-bit blank": ("{n}: \xa0{v}\r\n", "bad"),
    "8-bit name": ("\xff{n}: {v}\r\n", "bad"),
    "parentheses": ("({n}): {v}\r\n", "bad"),
}
_REFUSED = frozenset({"Transfer-Encoding", "Expect", "Host", "X-MBX-APIKEY"})


@dataclass(frozen=True)
class Added:
    """A header line beside the usual ones: which, how it is written, and in front of how many of those."""

    name: str
    value: str
    spoil: str
    place: int

    @property
    def text(self) -> str:
        """The line as it stands in the head."""
        form, _ = SPOILS[self.spoil]
        odd = self.name.replace("-", "_") if "-" in self.name else f"{self.name}_"
        values = {"n": self.name, "l": self.name.lower(), "u": self.name.upper(), "v": self.value, "_": odd}
        for mark, value in values.items():
            form = form.replace("{" + mark + "}", value)
        return form

    @property
    def way(self) -> str:
        """What kind of line it is."""
        return SPOILS[self.spoil][1]

    @property
    def is_bad(self) -> bool:
        """Whether it refuses the request by itself: no header line, or one that nobody may send, or not twice."""
        return self.way == "bad" or (self.way != "other" and self.name in _REFUSED)

    @property
    def ends(self) -> bool:
        """Whether it asks for the connection's end."""
        return self.way in ("same", "odd") and self.name == "Connection" and self.value == "close"

    @property
    def upgrades(self) -> bool:
        """Whether it asks for another protocol: the request is read, and refused as a handshake."""
        return self.way in ("same", "odd") and self.name == "Upgrade"

    @property
    def states_length(self) -> bool:
        """Whether it is a Content-Length."""
        return self.way in ("same", "odd") and self.name == "Content-Length"

    @property
    def once(self) -> str:
        """The name that may not stand twice, "" where it may."""
        return self.name if self.way in ("same", "odd") and self.name in ("Content-Type", "Upgrade") else ""
