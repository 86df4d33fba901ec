"""A process in the gateway's place: the same descriptors and the same control protocol, nothing else.

Each TCP connection gets one JSON line: our process id and, from the real signer, a signature of an account read.
`PYTHON_TINY_STUBBORN` in the environment makes it ignore the drain and SIGTERM, to see the supervisor's patience end.
A file `run/shut` in the home with an argument of shutdown(2) and "stay" or "leave" makes the next connection, or the
start, shut the pair with the signer as an intruder would; the file is removed first, so that it happens once.
"""

import argparse
import json
import os
import selectors
import signal
import socket
from pathlib import Path

from counterseal.adapters import packets
from counterseal.core.messages import MAX_PACKET, HelloRequest, Sign, Signed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home")
    for name in ("--listen-fd", "--signer-fd", "--control-fd"):
        parser.add_argument(name, type=int)
    args = parser.parse_args()
    stubborn = "PYTHON_TINY_STUBBORN" in os.environ
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    listener = socket.socket(fileno=args.listen_fd)
    signer = socket.socket(fileno=args.signer_fd)
    control = socket.socket(fileno=args.control_fd)
    order = Path(args.home) / "run" / "shut"
    shut_as_ordered(order, signer)
    control.send(json.dumps({"event": "ready"}).encode())
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is control:
                answer(control, stubborn)
            else:
                shut_as_ordered(order, signer)
                serve(listener, signer)


def shut_as_ordered(order: Path, signer: socket.socket) -> None:
    if not order.exists():
        return
    how, then = order.read_text().split()
    order.unlink()
    signer.shutdown(int(how))
    if then == "leave":
        os._exit(7)
    signal.pause()


def answer(control: socket.socket, stubborn: bool) -> None:
    packet = control.recv(MAX_PACKET)
    if not packet:
        raise SystemExit(3)
    request = json.loads(packet)
    if request["verb"] == "drain" and stubborn:
        return
    if request["verb"] == "limits":
        reply = {"ok": False, "error": "no limits here"}
    else:
        reply = {"ok": True, "result": {"verb": request["verb"], "environ": sorted(os.environ), "cwd": os.getcwd()}}
    control.send(json.dumps({"id": request["id"], **reply}).encode())


def serve(listener: socket.socket, signer: socket.socket) -> None:
    connection, _ = listener.accept()
    number = int.from_bytes(os.urandom(6))
    request = Sign(number, "main", "spot", "GET", "/api/v3/account", (), 5000, 0)
    signer.send(packets.encode([HelloRequest("tiny"), request])[0])
    query = ""
    while not query:
        for message in packets.decode(signer.recv(MAX_PACKET)):
            if isinstance(message, Signed) and message.id == number:
                query = message.query.decode()
    with connection:
        connection.sendall(json.dumps({"pid": os.getpid(), "query": query}).encode() + b"\n")


if __name__ == "__main__":
    main()
