"""`counterseal key rotate` and `counterseal key spare`: one version of a key takes the place of another."""

import argparse
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from counterseal.adapters import hsm_file, key_file
from counterseal.adapters.control_socket import ControlError
from counterseal.adapters.home import Home, locked
from counterseal.adapters.key_file import StoredKey
from counterseal.cli import material
from counterseal.cli.rotator.house import LOCK as KEYS_LOCK
from counterseal.cli.rotator.house import House
from counterseal.cli.rotator.rotator import Rotator
from counterseal.cli.shared import FAILED, OK, UsageError, add_home, home_of, now_ms, say, show_ms, table
from counterseal.core.key_refs import next_ref
from counterseal.core.rotation import MEANING, SUCCESSORS, Event, Stage, aborted
from counterseal.core.rotation_step import Do, Step

if TYPE_CHECKING:
    from counterseal.cli.shared import Subparsers

LOCK = "rotation"
LOOK_S = 1.0
_STEPS = """\
The next version of {name} is {ref}. Its public half is above; its private half was made here and stays sealed.
  1. At the exchange, open API Management, create a key, choose "self-generated" and paste the public half.
  2. Give it the same permissions and the same addresses as the present key{rights}. Never withdrawals.
  3. Copy the API key that is shown, then: counterseal key set-api-key {name}
  4. Then: counterseal key rotate {name} --resume
Until then nothing changes. To give it up: counterseal key rotate {name} --abort"""


def add_parsers(verbs: "Subparsers") -> None:
    """Add `rotate` and `spare` to the verbs of `counterseal key`."""
    rotate = verbs.add_parser("rotate", help="replace a key by its next version, without a pause")
    rotate.add_argument("name", metavar="NAME", help="as in [keys.NAME] of counterseal.toml")
    what = rotate.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="show its versions, and change nothing")
    what.add_argument("--resume", action="store_true", help="go on with what is under way, and begin nothing")
    what.add_argument("--abort", action="store_true", help="take back what is under way")
    what.add_argument("--from-spare", action="store_true", help="begin only if there is a spare")
    rotate.add_argument("--wait", type=float, metavar="S", default=0.0,
                        help="ask the exchange for so many seconds whether it still takes the old version")  # fmt: skip
    _finish(rotate, _rotate)
    spares = verbs.add_parser("spare", help="keys prepared for later rotations").add_subparsers(
        required=True, metavar="VERB"
    )
    add = spares.add_parser("add", help="seal another key of the same account, to be the next version")
    add.add_argument("--kind", choices=key_file.KINDS, required=True)
    material.add_sources(add)
    remove = spares.add_parser("remove", help="forget the spare that was added last; delete it at the exchange too")
    for parser, action in ((add, _add_spare), (remove, _remove_spare)):
        parser.add_argument("name", metavar="NAME", help="as in [keys.NAME] of counterseal.toml")
        _finish(parser, action)


def _finish(parser: argparse.ArgumentParser, action: object) -> None:
    add_home(parser)
    parser.set_defaults(run=_run, action=action)


def _run(args: argparse.Namespace) -> int:
    home = home_of(args)
    _judge_name(home, args.name)
    code: int = args.action(home, args)
    return code


# -- rotate


def _rotate(home: Home, args: argparse.Namespace) -> int:
    house = House(home, now_ms)
    if args.status:
        return _show(house, args.name)
    with locked(home, LOCK):
        if args.abort:
            return _abort(house, args.name)
        rotator = Rotator(house, say)
        is_wanted = not args.resume and not _under_way(house.versions(args.name))
        step = rotator.advance(args.name, is_wanted=is_wanted, from_spare=args.from_spare)
        until = time.monotonic() + args.wait
        while _is_alive(house, args.name, step) and time.monotonic() < until:
            time.sleep(LOOK_S)  # noqa: TID251 - a person is waiting
            step = rotator.advance(args.name)
    return _tell(house, args.name, step)


def _abort(house: House, name: str) -> int:
    versions = house.versions(name)
    ref = aborted([key.version for key in versions.values()])
    if ref is None:
        raise UsageError(f"nothing of {name} is under way, and there is no version before to go back to")
    house.apply(name, ref, Event.ABORT)
    say(f"{ref}: was {versions[ref].stage}, is {_stage(house, name, ref)}")
    return _tell(house, name, Rotator(house, say).advance(name))


def _tell(house: House, name: str, step: Step) -> int:
    """Say how it stands after a run. FAILED where something does not go on that should."""
    versions = house.versions(name)
    version = versions.get(step.ref)
    if step.do is Do.DONE or version is None:
        active = next(key.ref for key in versions.values() if key.stage == Stage.ACTIVE)
        say(f"{active} is the active version of {name}" + (f"; {step.why}" if step.why else ""))
        return OK if step.do is Do.DONE else FAILED
    if version.stage == Stage.STAGED:
        _instruct(house, version)
        return OK
    say(f"{step.ref} is {version.stage}: {step.why}")
    if version.stage == Stage.RETIRED:
        say(f"delete it at the exchange, then: counterseal key rotate {name} --resume")
        return OK
    return FAILED


def _instruct(house: House, staged: StoredKey) -> None:
    """Show what a person must do at the exchange's page. The public half alone goes to standard output."""
    sys.stdout.write(key_file.public_pem(staged.secret).decode("ascii"))
    sys.stdout.flush()
    say(_STEPS.format(name=staged.name, ref=staged.ref, rights=_rights(house, staged.name)))


def _rights(house: House, name: str) -> str:
    """Give the present key's permissions as the exchange tells them, "" where it cannot be asked."""
    active = next(key for key in house.versions(name).values() if key.stage == Stage.ACTIVE)
    try:
        rights = house.probe(active).rights
    except ControlError:
        return ""
    return f" ({', '.join(sorted(right for right, given in rights.items() if given))})" if rights else ""


def _show(house: House, name: str) -> int:
    versions = house.versions(name)
    rows: list[tuple[str, ...]] = [("VERSION", "STAGE", "SINCE", "KIND", "MEANING")]
    for ref, key in versions.items():
        since = show_ms(key.version.since_ms)
        rows.append((ref, key.stage, since, key.kind, MEANING[Stage(key.stage)]))
    print(table(rows))
    try:
        step = Rotator(house, say).look(name)
    except ControlError as fault:
        say(str(fault))
        return OK
    say(f"next: {step.do.value} {step.ref} {step.why}".rstrip() if step.do is not Do.DONE else "nothing is under way")
    staged = next((key for key in versions.values() if key.stage == Stage.STAGED and key.api_key is None), None)
    if staged is not None:
        _instruct(house, staged)
    return OK


def _is_alive(house: House, name: str, step: Step) -> bool:
    return step.do is Do.WAIT and bool(step.ref) and _stage(house, name, step.ref) == Stage.RETIRED


def _stage(house: House, name: str, ref: str) -> str:
    found = house.versions(name).get(ref)
    return "forgotten" if found is None else found.stage


def _under_way(versions: Mapping[str, StoredKey]) -> bool:
    return any(key.stage in SUCCESSORS or key.stage == Stage.DRAINING for key in versions.values())


def _judge_name(home: Home, name: str) -> None:
    if name in hsm_file.read(home):
        raise UsageError(f"key {name} stays in its token and has one version; replace it by: counterseal key add")
    found = key_file.versions(key_file.read(home), name)
    if name not in {key.name for key in found.values()}:
        raise UsageError(f"there is no key {name}; see: counterseal key list")
    if any(key.stage == Stage.ACTIVE and key.api_key is None for key in found.values()):
        raise UsageError(f"key {name} waits for its first API key; give it with: counterseal key set-api-key {name}")


# -- spares


def _add_spare(home: Home, args: argparse.Namespace) -> int:
    given = material.read_material(args, args.kind)
    api_key, moment = given.api_key.reveal().decode("ascii"), now_ms()
    with locked(home, KEYS_LOCK):
        keys = key_file.read(home)
        known = key_file.versions(keys, args.name)
        if any(key.api_key == api_key for key in keys.values()):
            raise UsageError("this API key is here already; a spare is another key of the same account")
        if args.kind == "rsa" and all(key.kind != "rsa" for key in known.values()):
            raise UsageError("an RSA key cannot lie in secret memory; make an Ed25519 key the spare")
        ref, environment = next_ref(args.name, known), next(iter(known.values())).environment
        spare = StoredKey(
            ref, args.kind, api_key, given.secret, environment, moment, 0, Stage.SPARE.value, moment
        )  # fmt: skip
        key_file.write(home, {**keys, ref: spare})
    say(f"{ref} is a spare of {args.name}; counterseal key rotate {args.name} takes the oldest one")
    return OK


def _remove_spare(home: Home, args: argparse.Namespace) -> int:
    house = House(home, now_ms)
    spares = [ref for ref, key in house.versions(args.name).items() if key.stage == Stage.SPARE]
    if not spares:
        raise UsageError(f"there is no spare of {args.name}")
    house.apply(args.name, spares[-1], Event.ABORT)
    say(f"{spares[-1]} is forgotten here; delete it at the exchange too")
    return OK
