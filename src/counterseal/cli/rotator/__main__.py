"""`python -m counterseal.cli.rotator --home DIR`: begins rotations that are due, goes on with those under way, ends.

Started every hour by the supervisor. It touches keys with `rotation_days` alone; the others an operator rotates.
"""

import argparse
import sys
from pathlib import Path

from counterseal.adapters import age_box, config_file
from counterseal.adapters.control_socket import ControlError
from counterseal.adapters.home import Home, HomeError, locked
from counterseal.adapters.process import harden
from counterseal.adapters.system_clock import SystemClock
from counterseal.cli import passphrase
from counterseal.cli.rotator.house import House
from counterseal.cli.rotator.rotator import Rotator
from counterseal.core.config.model import Config, Key
from counterseal.core.rotation import Stage, only
from counterseal.core.rotation_schedule import DAY_MS, is_due
from counterseal.core.rotation_step import Do, Step

LOCK = "rotation"
_HOUR_MS = 3_600_000


def main(argv: list[str] | None = None) -> int:
    """0 when every key is as it should be or waits for a person, 1 after a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="counterseal.cli.rotator")
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args(argv).home)
    harden()
    config = config_file.read(home.config)
    keys = [key for key in config.keys.values() if key.rotation_days] if isinstance(config, Config) else []
    if not keys:
        return 0
    try:
        with locked(home, LOCK), age_box.unlocking(passphrase.opener()):
            failed = [key.name for key in keys if not rotate(key, House(home, _now_ms), _now_ms())]
    except HomeError as fault:
        _say(f"no key is rotated: {fault}")
        return 1
    return 1 if failed else 0


def rotate(key: Key, house: House, now_ms: int) -> bool:
    """Do what is to be done for one key now; False after a sentence. The active version stays, whatever fails."""
    try:
        versions = house.versions(key.name)
        active = only([each.version for each in versions.values()], Stage.ACTIVE)
        if active is None:
            return True  # a key in a token, or none yet
        due = is_due(key.name, active.since_ms, key.rotation_days, key.rotation_blackout, now_ms)
        step = Rotator(house, lambda text: _say(f"rotation of {key.name}: {text}")).advance(key.name, is_wanted=due)
    except (HomeError, ControlError, OSError) as fault:
        _report(house, "rotation_stuck", key.name, str(fault))
        return False
    _judge(house, key.name, step, now_ms)
    return step.do is Do.DONE or _waits_for_people(house, key.name, step)


def _judge(house: House, name: str, step: Step, now_ms: int) -> None:
    """Have people told what only they can do: at once, and once a day as long as it is so."""
    version = house.versions(name).get(step.ref)
    if step.do is Do.DONE or version is None:
        return
    code = {Stage.STAGED.value: "rotation_waits", Stage.RETIRED.value: "rotation_alive"}.get(
        version.stage, "rotation_stuck"
    )
    # It may have come there in this very run, after `now_ms`.
    if max(0, now_ms - version.version.since_ms) % DAY_MS < _HOUR_MS:
        _report(house, code, name, f"{step.ref}: {step.why}")


def _waits_for_people(house: House, name: str, step: Step) -> bool:
    version = house.versions(name).get(step.ref)
    return version is not None and version.stage in (Stage.STAGED, Stage.RETIRED)


def _report(house: House, code: str, name: str, text: str) -> None:
    told = "" if house.tell(code, name, text) else "; nothing runs that could tell people"
    _say(f"rotation of {name}: {text}{told}")


def _now_ms() -> int:
    return SystemClock().wall_ns() // 1_000_000


def _say(text: str) -> None:
    sys.stderr.write(f"counterseal: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
