"""Run as root in a fresh network and mount namespace: the whole stack and every SDK, under the exchange's own names.

`python namespace.py DIR` writes DIR/found.json: the steps of each SDK by "name kind market".
"""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1]), str(HERE.parents[1] / "src")]

from laws import check_l1_l2_l4  # noqa: E402
from stack import Stack  # noqa: E402
from test_sdks_keep_their_addresses import BOTS, CASES, OPTIONS, drive  # noqa: E402

from counterseal.core.binance.hosts import BOT_HOSTS  # noqa: E402

TLS_PORTS = 'tls = ["127.0.0.1:443", "127.0.0.1:9443"]'


def main(root: Path) -> None:
    """Make the namespace what it must be, start everything in it, drive every SDK."""
    run("ip", "link", "set", "lo", "up")
    # Nothing that is mounted here is seen outside.
    run("mount", "--make-rprivate", "/")
    names = root / "hosts"
    names.write_text("127.0.0.1 localhost " + " ".join(BOT_HOSTS["production"]) + "\n")
    run("mount", "--bind", str(names), "/etc/hosts")
    found: dict[str, list[dict[str, Any]]] = {
        "interfaces": [{"ok": True, "names": [name for _, name in socket.if_nameindex()]}]
    }
    with Stack(root / "stack", bots=BOTS, paper_options=OPTIONS, listen=TLS_PORTS) as stack:
        ca = stack.export_ca()
        for name, kind, market in CASES:
            found[f"{name} {kind} {market}"] = drive(name, stack.keys[kind], market, ca=ca, proxy=None)
        check_l1_l2_l4(stack)
    found["laws"] = [{"ok": True}]
    (root / "found.json").write_text(json.dumps(found))


def run(*command: str) -> None:
    """Run one command of the system; it must succeed."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
