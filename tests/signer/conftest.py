"""A home with keys, and a real signer process on a socket pair."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.homes import HMAC_SECRET, SOURCE, make_home

from counterseal.adapters import key_file, packets
from counterseal.adapters.home import Home
from counterseal.core.messages import MAX_PACKET, Message
from counterseal.core.secret import Secret


@dataclass
class RunningSigner:
    """The process, our end of the pair, our end of the lifeline."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    lifeline: int

    def receive(self) -> list[Message]:
        return list(packets.decode(self.socket.recv(MAX_PACKET)))

    def ask(self, *batch: Message) -> list[Message]:
        for packet in packets.encode(batch):
            self.socket.send(packet)
        answers = self.receive()
        while len(answers) < len(batch):
            answers += self.receive()
        return answers


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "home")
    ed25519, _ = key_file.new_ed25519()
    entries = [
        key_file.StoredKey("main", "hmac", "api-key-main", Secret(HMAC_SECRET), "paper", 1),
        key_file.StoredKey("modern", "ed25519", "api-key-modern", ed25519, "paper", 1),
        key_file.StoredKey("unregistered", "ed25519", None, ed25519, "paper", 1),
    ]
    key_file.write(home, {entry.ref: entry for entry in entries})
    return home


@pytest.fixture(name="signer")
def _signer(home: Home) -> Iterator[RunningSigner]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lifeline_read, lifeline_write = os.pipe()
    fds = (theirs.fileno(), lifeline_read)
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "counterseal.signer", "--home", str(home.root)),
            *("--gateway-fd", str(fds[0]), "--lifeline-fd", str(fds[1])),
        ],
        pass_fds=fds,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)},
    )
    theirs.close()
    os.close(lifeline_read)
    ours.settimeout(10)
    running = RunningSigner(process, ours, lifeline_write)
    with ours, process:
        yield running
        if running.lifeline >= 0:
            os.close(running.lifeline)
        process.wait(5)
