"""The real process and a real client under faketime, which is the one parent of both: minutes pass in seconds."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEED = 10
# Runs inside the fast time: a minute of waiting, orders signed with the fast clock, and a window that ends meanwhile.
INSIDE = """
import json, sys, time
from pathlib import Path
from tests.paper.test_server import Running, order
server = Running(Path(sys.argv[1]), "--volatility", "0", "--limit", "spot_orders_10s=2")
seen, began = [], server.call("GET", "/api/v3/time")[1]["serverTime"]
for _ in range(3):
    seen.append([server.call("POST", "/api/v3/order", order())[0] for _ in range(3)])
    time.sleep(10 - time.time() % 10 + 0.3)
passed = server.call("GET", "/api/v3/time")[1]["serverTime"] - began
print(json.dumps([seen, passed, server.stop()]))
"""


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_limits_and_timestamps_hold_in_fast_time(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    began = time.monotonic()
    done = subprocess.run(
        ["faketime", "-f", f"+0 x{SPEED}", sys.executable, "-c", INSIDE, str(tmp_path / "home")],
        capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen, passed_ms, status = json.loads(done.stdout.splitlines()[-1])
    assert status == 0
    assert passed_ms > 20_000
    assert time.monotonic() - began < passed_ms / 1000, "it went faster than the clock on the wall"
    assert seen.count([200, 200, 429]) >= 2, "windows of ten seconds end in fast time too"
