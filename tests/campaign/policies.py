"""Files in the place of counterseal.toml: cut, spoiled, of other modes and kinds; and what must become of each.

The oracle is a reader of TOML and the rules that the documents state, not the loader.
"""

# ruff: noqa: TID251 - randomness is seeded
from __future__ import annotations

import os
import random
import socket
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# What a person would notice in force: two policies of one length.
LEVERAGES = (b"125", b"100")
OTHERS_MAY_WRITE = 0o022


@dataclass(frozen=True)
class Case:
    """A file. `put` puts it in place of the path; `content` is what it holds, None where it holds nothing to be read.

    `taken`: whether a reload must take it up; None where the documents leave it to the one who wrote it.
    """

    kind: str
    name: str
    put: Callable[[Path], None]
    content: bytes | None
    taken: bool | None


def other(text: bytes) -> bytes:
    """The same policy with another number in it."""
    first, second = LEVERAGES
    return text.replace(first, second) if first in text else text.replace(second, first)


def written(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    """Write it in place, as most editors do not."""

    def put(path: Path) -> None:
        remove(path)
        path.write_bytes(content)
        path.chmod(mode)

    return put


def remove(path: Path) -> None:
    """Make room."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        path.rmdir()


# -- cut


def cuts(text: bytes) -> Iterator[Case]:
    """The file as it is after each byte of it."""
    for length in range(len(text)):
        content = text[:length]
        yield Case("cut", f"after {length} bytes", written(content), content, _may_be_whole(content))


def _may_be_whole(content: bytes) -> bool | None:
    """A file that was cut must not be taken, unless the cut is between two lines and what is left is a policy.

    Whoever wrote that much and no more would have written the same bytes.
    """
    if not content.endswith(b"\n"):
        return False
    return None if is_policy(content) else False


def is_policy(content: bytes) -> bool:
    """Tell whether a text states a venue, at least one bot, and the keys that its bots name.

    A bot of which nothing else is said may do nothing; a limit that is not there is none. Both are documented.
    """
    try:
        read = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    bots, keys = read.get("bots", {}), read.get("keys", {})
    if not bots or not {"environment", "address", "ca_file"} <= read.get("venue", {}).keys():
        return False
    return all(set(bot.get("keys", ())) <= keys.keys() for bot in bots.values())


# -- spoiled


def spoiled(text: bytes, count: int) -> Iterator[Case]:
    """What damaged disks, wrong editors and other formats make of it: none is a policy."""
    draw, lines = random.Random(4), text.splitlines(keepends=True)
    marks = (b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1b", b"\x07")
    whole = [b"", b"\n", b"\0" * len(text), b"\xef\xbb\xbf" + text, text.decode().encode("utf-16"), text + text,
             b"#" + text.replace(b"\n", b""), b"{}", b"[]",
             text[: len(text) // 2] + b"\0" * (len(text) // 2), text + b"x = [" * 2_000,
             text + b"#" * (1 << 20),
             text.replace(b"[venue]", b"[venues]"), text.replace(b"[bots.", b"[bot."), text[text.index(b"[keys"):],
             text[: text.index(b"[bots")]]  # fmt: skip
    for number, content in enumerate(whole):
        yield Case("spoiled", f"whole {number}", written(content), content, False)
    for number in range(count - len(whole)):
        at = draw.randrange(len(text))
        content = text[:at] + draw.choice(marks) + text[at:]
        if number % 3 == 1:
            at = draw.randrange(len(lines))
            content = b"".join([*lines[:at], b"colour = 1\n", *lines[at:]])
        elif number % 3 == 2:
            at = draw.randrange(len(lines))
            content = b"".join([*lines[:at], lines[at].replace(b"=", b"= =").replace(b"[", b"[["), *lines[at + 1 :]])
        if content != text:
            yield Case("spoiled", f"{number} at {at}", written(content), content, _blank_change(text, content))


def _blank_change(text: bytes, content: bytes) -> bool | None:
    """A change in an empty line changes nothing."""
    return None if content.replace(b"\n", b"") == text.replace(b"\n", b"") else False


# -- modes and kinds


def modes(text: bytes) -> Iterator[Case]:
    """Every mode of nine bits: what others may write is not believed."""
    for mode in range(0o1000):
        # Taken turn by turn, so that each that is taken changes what is in force.
        content = text if mode % 2 else other(text)
        taken: bool | None = bool(mode & 0o400) and not mode & OTHERS_MAY_WRITE
        if not mode & (0o400 | OTHERS_MAY_WRITE) and os.geteuid() == 0:
            # Root may read what nobody may, unless it is confined.
            taken = None
        yield Case("mode", f"{mode:03o}", written(content, mode), content, taken)


def kinds(text: bytes, folder: Path) -> Iterator[Case]:
    """Links, pipes, sockets, folders, devices, nothing at all; a good file lies beside them."""
    beside = folder / "beside.toml"
    beside.write_bytes(text)
    beside.chmod(0o600)

    def link(path: Path) -> None:
        remove(path)
        path.symlink_to(beside)

    def loop(path: Path) -> None:
        remove(path)
        path.symlink_to(path)

    def dangling(path: Path) -> None:
        remove(path)
        path.symlink_to(folder / "nothing")

    def pipe(path: Path) -> None:
        remove(path)
        os.mkfifo(path, 0o600)

    def listening(path: Path) -> None:
        remove(path)
        short = Path(os.path.relpath(path))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(min(path, short, key=lambda one: len(str(one)))))

    def a_folder(path: Path) -> None:
        remove(path)
        path.mkdir(0o700)

    def nothing(path: Path) -> None:
        remove(path)

    def a_device(path: Path) -> None:
        remove(path)
        path.symlink_to("/dev/zero")

    for put in (link, loop, dangling, pipe, listening, a_folder, nothing, a_device) * 5:
        yield Case("kind", put.__name__, put, None, False)


def hard_linked(text: bytes, folder: Path) -> Case:
    """A plain file by another name as well is a plain file."""
    content = other(text)

    def put(path: Path) -> None:
        remove(path)
        first = folder / "first.toml"
        first.unlink(missing_ok=True)
        first.write_bytes(content)
        first.chmod(0o600)
        os.link(first, path)

    return Case("kind", "hard link", put, content, True)


def strangers(text: bytes) -> Iterator[Case]:
    """A file of another user. Only root can make one."""
    if os.geteuid() == 0:
        for user in range(1, 21):

            def put(path: Path, user: int = user) -> None:
                written(other(text))(path)
                os.chown(path, user, user)

            yield Case("owner", f"user {user}", put, other(text), False)


def older(text: bytes, count: int) -> Iterator[Case]:
    """Earlier versions that were good: no version stands in the file, so they are as good as any (see the threats)."""
    for number in range(count):
        content = text if number % 2 else other(text)
        yield Case("older", str(number), written(content), content, True)
