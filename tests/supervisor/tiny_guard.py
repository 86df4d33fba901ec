"""A process in the guard's place: the same descriptors and the same control protocol, nothing else.

It notes what it is told in `logs/guard-told`, one JSON object a line, and answers every verb. A connection to nobody is
never made. A file `run/guard-does` with "shut HOW", "stuck" or "ladder TRIPS" makes it, at the next verb, shut its pair
with the signer, say that the gateway does not hear it, or say what is halted; the file is removed first, so that it
happens once.
"""

import argparse
import json
import signal
import socket
from pathlib import Path
from types import FrameType

from counterseal.core.messages import MAX_PACKET

STATUS = {"ladder": [], "wishes": [], "operators": [], "acts": [], "journal": "writing"}


def main() -> None:
    signal.signal(signal.SIGTERM, _end)
    parser = argparse.ArgumentParser()
    parser.add_argument("--home")
    for name in ("--signer-fd", "--gateway-fd", "--control-fd"):
        parser.add_argument(name, type=int)
    args = parser.parse_args()
    home = Path(args.home)
    signer = socket.socket(fileno=args.signer_fd)
    control = socket.socket(fileno=args.control_fd)
    control.send(json.dumps({"event": "ready"}).encode())
    while True:
        packet, files, _, _ = socket.recv_fds(control, MAX_PACKET, 1)
        if not packet:
            raise SystemExit(3)
        request = json.loads(packet)
        with (home / "logs" / "guard-told").open("a") as told:
            told.write(json.dumps({**request, "files": len(files)}) + "\n")
        do_as_ordered(home / "run" / "guard-does", signer, control)
        result = STATUS | request if request["verb"] == "guard_status" else request
        control.send(json.dumps({"id": request["id"], "ok": True, "result": result}).encode())


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def do_as_ordered(order: Path, signer: socket.socket, control: socket.socket) -> None:
    if not order.exists():
        return
    words = order.read_text().split(maxsplit=1)
    order.unlink()
    if words[0] == "stuck":
        control.send(json.dumps({"event": "stuck_gateway"}).encode())
    elif words[0] == "ladder":
        control.send(json.dumps({"event": "ladder", "trips": json.loads(words[1])}).encode())
    else:
        signer.shutdown(int(words[1]))
        signal.pause()


if __name__ == "__main__":
    main()
