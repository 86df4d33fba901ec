"""One version of a key takes the place of another; whatever fails, the active one stays, and a sentence says why."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import API_KEY, Run, as_json
from tests.cli.rotations import NOW_MS, RIGHTS, ControlError, NotRunningError, World, sealed, stages

from counterseal.adapters import control_socket, key_file
from counterseal.adapters.home import Home, HomeError, locked
from counterseal.cli.rotator import __main__ as hourly
from counterseal.cli.rotator import house as house_module
from counterseal.cli.rotator import rotator as rotator_module
from counterseal.cli.rotator.house import House
from counterseal.cli.rotator.rotator import Rotator
from counterseal.core.rotation import Event, Stage
from counterseal.core.rotation_schedule import DAY_MS
from counterseal.core.rotation_step import Do, Step

SLOW = pytest.mark.slow  # CI kills at every point
OLD, NEW, THIRD = "O" * 64, "N" * 64, "T" * 64


@pytest.fixture(name="world")
def _world(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One active key that the exchange knows; everything runs."""
    sealed(home, ("main", Stage.ACTIVE, OLD))
    world = World(home, tmp_path / "world.json")
    world.knows(OLD)
    monkeypatch.setattr(control_socket, "call", lambda _path, verb, seconds, args=None: world.ask(verb, seconds, args))
    monkeypatch.setattr(rotator_module, "LOOK_S", 0.0)
    return world


def with_spare(world: World, api_key: str = NEW) -> None:
    world.knows(api_key)
    sealed_versions = key_file.read(world.home)
    spare = key_file.StoredKey(
        "main.2", "ed25519", api_key, key_file.new_ed25519()[0], "paper", NOW_MS, 0, Stage.SPARE.value, NOW_MS
    )
    key_file.write(world.home, {**sealed_versions, "main.2": spare})


def test_a_spare_takes_the_place_of_the_key_and_the_old_one_is_proven_dead(run: Run, world: World) -> None:
    """Through every stage; the old one's secret is forgotten when the exchange has refused it, not before."""
    secret = key_file.new_ed25519()[0].reveal().decode()
    world.knows(NEW)
    added = run("key", "spare", "add", "main", "--kind", "ed25519", given=as_json(NEW, secret))
    assert (added.code, stages(world.home)) == (0, {"main": "active", "main.2": "spare"})
    assert secret not in added.out + added.err

    world.busy("main", 4, 2, 1)
    rotated = run("key", "rotate", "main")
    assert rotated.code == 0
    assert stages(world.home) == {"main": "retired", "main.2": "active"}
    assert world.active() == ["main.2"] and "main" not in world.state()["held"]
    assert "the exchange still takes it: delete it there" in rotated.err
    assert key_file.read(world.home)["main"].secret.reveal()

    world.forgets(OLD)
    proven = run("key", "rotate", "main", "--resume")
    assert (proven.code, stages(world.home)) == (0, {"main": "revoked", "main.2": "active"})
    assert key_file.read(world.home)["main"].secret.reveal() == b""
    assert run("key", "rotate", "main", "--resume").code == 0


def test_a_pair_is_made_here_and_waits_for_a_person(run: Run, world: World) -> None:
    """The public half and the steps are shown; nothing changes for who trades until the API key is given."""
    begun = run("key", "rotate", "main")
    assert (begun.code, stages(world.home)) == (0, {"main": "active", "main.2": "staged"})
    staged = key_file.read(world.home)["main.2"]
    assert begun.out.encode() == key_file.public_pem(staged.secret)
    assert "set-api-key main" in begun.err and "enableFutures, enableReading" in begun.err
    again = run("key", "rotate", "main")
    assert (again.out, stages(world.home)) == (begun.out, {"main": "active", "main.2": "staged"})
    assert world.active() == ["main"]

    assert run("key", "set-api-key", "main", given=OLD).code == 2
    given = run("key", "set-api-key", "main", given=NEW)
    assert given.code == 0 and "--resume" in given.err
    world.knows(NEW)
    assert run("key", "rotate", "main", "--resume").code == 0
    assert stages(world.home) == {"main": "retired", "main.2": "active"}


@pytest.mark.parametrize(
    ("knows", "why"),
    [
        (None, "does not take it"),
        (("spot uid 8", RIGHTS), "another account"),
        (("spot uid 7", {**RIGHTS, "enableWithdrawals": True}), "enableWithdrawals"),
        (("spot uid 7", {**RIGHTS, "enableFutures": False}), "enableFutures"),
    ],
)
def test_a_key_that_does_not_fit_is_not_promoted(
    run: Run, world: World, knows: tuple[str, dict[str, bool]] | None, why: str
) -> None:
    """It stays pending, where it may be mended at the exchange; an abort takes it back."""
    with_spare(world)
    world.forgets(NEW) if knows is None else world.knows(NEW, *knows)
    failed = run("key", "rotate", "main")
    assert failed.code == 1 and why in failed.err
    assert (stages(world.home), world.active()) == ({"main": "active", "main.2": "pending"}, ["main"])
    world.knows(NEW)
    if knows is None:
        assert run("key", "rotate", "main", "--resume").code == 0
        assert world.active() == ["main.2"]
        return
    assert run("key", "rotate", "main", "--abort").code == 0
    assert (stages(world.home), world.active()) == ({"main": "active", "main.2": "retired"}, ["main"])


def test_a_wrong_api_key_is_corrected_and_never_put_on_the_active_one(run: Run, world: World) -> None:
    run("key", "rotate", "main")
    assert run("key", "set-api-key", "main", given=THIRD).code == 0
    assert run("key", "rotate", "main", "--resume").code == 1
    assert stages(world.home)["main.2"] == "pending"
    world.knows(NEW)
    assert run("key", "set-api-key", "main", given=NEW).code == 0
    assert stages(world.home) == {"main": "active", "main.2": "staged"}
    assert run("key", "rotate", "main", "--resume").code == 0
    keys = key_file.read(world.home)
    assert (keys["main"].api_key, keys["main.2"].api_key, world.active()) == (OLD, NEW, ["main.2"])
    refused = run("key", "set-api-key", "main", given=THIRD)
    assert refused.code == 2 and "no version of main waits" in refused.err
    assert key_file.read(world.home)["main.2"].api_key == NEW


def test_nothing_is_let_go_before_the_guard_knows_of_it_too(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guard that still signs with the old version would find it gone when it must act."""
    with_spare(world)
    use, looks = world._use, []

    def behind(args: dict[str, str]) -> object:
        told = use(args)
        looks.append(stages(world.home)["main"])
        if looks.count("draining") in range(1, 9):
            told["guard"]["stages"] = {"main": "active"}
        return told

    monkeypatch.setattr(world, "_use", behind)
    assert run("key", "rotate", "main").code == 0
    assert looks.count("draining") > 8 and stages(world.home)["main"] == "retired"


def test_what_a_gateway_says_of_the_signer_throws_no_successor_away(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's word counts; nothing is let go as long as the two differ, and nothing is taken back."""
    with_spare(world)
    use = world._use
    monkeypatch.setattr(rotator_module, "DRAIN_S", 0.05)

    def lies(args: dict[str, str]) -> object:
        told = use(args)
        told["guard"]["requests"] = {"main": 1}
        told["gateway"] = {ref: {"stage": "spare", "requests": -1, "feeds": -1} for ref in told["gateway"]}
        return told

    monkeypatch.setattr(world, "_use", lies)
    done = run("key", "rotate", "main")
    assert done.code == 1 and "2 requests or streams still stand on it" in done.err
    assert (stages(world.home), world.active()) == ({"main": "draining", "main.2": "active"}, ["main.2"])


@pytest.mark.parametrize(
    "gateway", [None, [], {"main": {}}, {"main": {"stage": "active", "requests": "x", "feeds": 0}}]
)
def test_a_gateway_that_tells_nonsense_stops_the_rotation_and_takes_nothing_back(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, gateway: object
) -> None:
    with_spare(world)
    use = world._use

    def nonsense(args: dict[str, str]) -> object:
        told = use(args)
        return {**told, "gateway": gateway} if "main.2" in told["gateway"] else told

    monkeypatch.setattr(world, "_use", nonsense)
    done = run("key", "rotate", "main")
    assert done.code == 1 and "not of the protocol" in done.err and len(done.err.splitlines()) <= 3
    assert stages(world.home) == {"main": "active", "main.2": "pending"}


def test_what_was_proven_of_an_api_key_proves_nothing_of_its_correction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is corrected after the version was tried and before the exchange's answer for the other one is there."""
    sealed(world.home, ("main", Stage.ACTIVE, OLD), ("main.2", Stage.PENDING, NEW))
    world.knows(NEW)
    world.refill()
    corrected: list[str] = []
    rotator, look = Rotator(House(world.home, lambda: NOW_MS, world.ask), lambda _text: None), Rotator.look

    def corrects(self: Rotator, name: str, **wanted: bool) -> Step:
        step = look(self, name, **wanted)
        if step.event is Event.VALIDATE and not corrected:
            corrected.append(step.ref)
            sealed(world.home, ("main", Stage.ACTIVE, OLD), ("main.2", Stage.STAGED, THIRD))
            return look(self, name, **wanted)
        return step

    monkeypatch.setattr(Rotator, "look", corrects)
    step = rotator.advance("main")
    assert corrected == ["main.2"] and step.do is Do.WAIT and "does not take it" in step.why
    assert stages(world.home) == {"main": "active", "main.2": "pending"}


def test_a_drain_may_take_its_whole_time(run: Run, world: World) -> None:
    with_spare(world)
    world.busy("main", *([1] * 100))
    assert run("key", "rotate", "main").code == 0
    assert stages(world.home) == {"main": "retired", "main.2": "active"}


def test_an_abort_while_the_old_one_drains_brings_it_back(run: Run, world: World) -> None:
    with_spare(world)
    world.busy("main", *([1] * 50))
    house, said = House(world.home, lambda: NOW_MS, world.ask), []
    clock = iter(range(0, 100_000, 7))
    step = Rotator(house, said.append, lambda: float(next(clock)), lambda _seconds: None).advance(
        "main", is_wanted=True
    )
    assert (step.do, step.ref, stages(world.home)["main"]) == (Do.WAIT, "main", "draining")
    world.busy("main")
    assert run("key", "rotate", "main", "--abort").code == 0
    assert stages(world.home) == {"main": "active", "main.2": "retired"}
    assert world.active() == ["main"]


def test_a_retired_key_can_be_the_active_one_again(run: Run, world: World) -> None:
    with_spare(world)
    assert run("key", "rotate", "main").code == 0
    assert run("key", "rotate", "main", "--abort").code == 0
    assert stages(world.home) == {"main": "active", "main.2": "retired"}
    assert world.active() == ["main"]
    for api_key in (NEW,):
        world.forgets(api_key)
    assert run("key", "rotate", "main", "--resume").code == 0
    nothing = run("key", "rotate", "main", "--abort")
    assert nothing.code == 2 and "nothing of main is under way" in nothing.err


# -- kill -9


def points(world: World, work: Callable[[House], None]) -> int:
    """Count the points at which a run can be ended."""
    found: list[str] = []
    work(House(world.home, lambda: NOW_MS, world.ask, found.append))
    return len(found)


def killed_at(number: int, world: World, work: Callable[[House], None]) -> None:
    """Carry out a run in a process of its own that is killed at its n-th point."""
    child = os.fork()
    if not child:
        left = [number]

        def at(_point: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(House(world.home, lambda: NOW_MS, world.ask, at))
        finally:
            os._exit(3)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def rotate(house: House) -> None:
    Rotator(house, lambda _text: None).advance("main", is_wanted=True)


def resume(house: House) -> None:
    Rotator(house, lambda _text: None).advance("main")


def worlds(home: Home, folder: Path, way: str) -> Iterator[World]:
    """The same beginning time and again: a spare is there, or a pair has its API key."""
    number = 0
    while True:
        number += 1
        more = ("main.2", Stage.SPARE if way == "spare" else Stage.STAGED, NEW)
        sealed(home, ("main", Stage.ACTIVE, OLD), more, ("other", Stage.ACTIVE, THIRD))
        world = World(home, folder / f"world-{number}.json")
        for api_key in (OLD, NEW, THIRD):
            world.knows(api_key)
        yield world


@pytest.mark.parametrize(
    ("way", "each"), [("spare", 5), pytest.param("spare", 1, marks=SLOW), pytest.param("pair", 1, marks=SLOW)]
)
def test_killed_at_any_point_the_next_run_goes_on(home: Home, tmp_path: Path, way: str, each: int) -> None:
    """At each point of each way: one version is active in the file and in the signer, and the end is the same."""
    made = worlds(home, tmp_path, way)
    work = rotate if way == "spare" else resume
    count = points(next(made), work)
    assert count >= 14
    for number in range(0, count, each):
        world = next(made)
        killed_at(number, world, work)
        assert list(stages(home).values()).count("active") == 1, number
        assert len([ref for ref in world.active() if ref.startswith("main")]) == 1, number
        (work if stages(home)["main.2"] == "spare" else resume)(House(home, lambda: NOW_MS, world.ask))
        assert stages(home) == {"main": "retired", "main.2": "active"}, number
        assert sorted(world.active()) == ["main.2", "other"], number
    print(f"{way}: killed at {len(range(0, count, each))} of {count} points")


@SLOW
def test_killed_while_it_is_proven_dead(home: Home, tmp_path: Path) -> None:
    made = worlds(home, tmp_path, "spare")

    def ready() -> World:
        world = next(made)
        rotate(House(home, lambda: NOW_MS, world.ask))
        world.forgets(OLD)
        return world

    for number in range(points(ready(), resume)):
        world = ready()
        killed_at(number, world, resume)
        assert world.active().count("main.2") == 1
        resume(House(home, lambda: NOW_MS, world.ask))
        assert stages(home) == {"main": "revoked", "main.2": "active"}


# -- what can go wrong


def test_started_twice_the_second_one_says_so(run: Run, world: World) -> None:
    with_spare(world)
    with locked(world.home, "rotation"):
        second = run("key", "rotate", "main")
    assert second.code == 1 and "another process holds" in second.err
    assert stages(world.home) == {"main": "active", "main.2": "spare"}


def test_a_command_that_holds_the_key_file_for_a_moment_is_waited_for(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_spare(world)
    held = locked(world.home, "keys")
    held.__enter__()
    timer = threading.Timer(0.3, lambda: held.__exit__(None, None, None))
    timer.start()
    assert run("key", "rotate", "main").code == 0
    timer.join()
    monkeypatch.setattr(house_module, "BUSY_S", 0.1)
    with locked(world.home, "keys"):
        busy = run("key", "rotate", "main", "--abort")
    assert busy.code == 1 and "another process holds" in busy.err


def test_where_nothing_runs_nothing_is_tried(run: Run, world: World) -> None:
    with_spare(world)
    world.fails = dict.fromkeys(("key_use", "key_probe", "restart_signer"), NotRunningError("nothing is running"))
    done = run("key", "rotate", "main")
    assert done.code == 1 and "counterseal up" in done.err
    assert stages(world.home)["main"] == "active"
    world.fails = {}
    assert run("key", "rotate", "main", "--resume").code == 0
    assert world.active() == ["main.2"]


@pytest.mark.parametrize("verb", ["key_use", "key_probe"])
def test_what_does_not_answer_stops_the_rotation_and_no_bot(run: Run, world: World, verb: str) -> None:
    with_spare(world)
    world.fails = {verb: ControlError("the guard gave no answer within 2 s")}
    done = run("key", "rotate", "main")
    assert done.code == 1 and "gave no answer" in done.err and len(done.err.splitlines()) <= 3
    assert stages(world.home)["main"] == "active" and world.active() == ["main"]


def test_a_version_that_the_signer_cannot_hold_is_taken_back(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps the signer from serving with it must not keep it from serving."""
    with_spare(world)
    refill = world.refill

    def refuses() -> None:
        if stages(world.home)["main.2"] == "pending":
            raise ControlError("the signer did not serve again within 8 s")
        refill()

    monkeypatch.setattr(world, "refill", refuses)
    done = run("key", "rotate", "main")
    assert done.code == 1 and "main.2 is taken back" in done.err
    assert stages(world.home) == {"main": "active", "main.2": "retired"}
    assert world.active() == ["main"]


def test_a_store_that_is_away_changes_nothing(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with_spare(world)

    def away(_home: Home, _keys: object) -> None:
        raise HomeError("the store of the keys does not answer; try again later")

    monkeypatch.setattr(key_file, "write", away)
    done = run("key", "rotate", "main")
    assert done.code == 1 and "does not answer" in done.err
    monkeypatch.undo()
    assert stages(world.home) == {"main": "active", "main.2": "spare"}


@pytest.mark.parametrize("jump_ms", [-400 * DAY_MS, 400 * DAY_MS])
def test_a_clock_that_jumps_in_the_middle_is_no_matter(world: World, jump_ms: int) -> None:
    with_spare(world)
    moments = iter([NOW_MS, NOW_MS, *([NOW_MS + jump_ms] * 99)])
    rotate(House(world.home, lambda: next(moments), world.ask))
    assert stages(world.home) == {"main": "retired", "main.2": "active"}


@pytest.mark.parametrize(
    ("words", "given", "why"),
    [
        (("rotate", "nobody"), "", "there is no key nobody"),
        (("rotate", "main.2"), "", "there is no key"),
        (("rotate", "main", "--from-spare"), "", "there is no spare"),
        (("spare", "add", "main", "--kind", "hmac"), as_json(OLD), "is here already"),
        (("spare", "add", "main", "--kind", "hmac"), "\ufeff" + as_json(NEW), "byte order mark"),
        (("spare", "add", "main", "--kind", "ed25519"), as_json(NEW, "no key"), "no private key"),
        (("spare", "add", "main", "--kind", "hmac"), f"{NEW}\nsec\nret", "line break"),
        (("spare", "remove", "main"), "", "there is no spare"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    run: Run, world: World, words: tuple[str, ...], given: str, why: str
) -> None:
    done = run("key", *words, given=given)
    assert done.code in (1, 2) and why in done.err
    assert (stages(world.home), world.active()) == ({"main": "active"}, ["main"])


def test_a_spare_can_be_taken_back_and_the_status_changes_nothing(run: Run, world: World) -> None:
    with_spare(world)
    shown = run("key", "rotate", "main", "--status")
    assert shown.code == 0 and "main.2" in shown.out and "spare" in shown.out and NEW not in shown.out
    assert run("key", "spare", "remove", "main").code == 0
    assert stages(world.home) == {"main": "active"}
    run("key", "rotate", "main")
    waiting = run("key", "rotate", "main", "--status")
    assert "BEGIN PUBLIC KEY" in waiting.out and "staged" in waiting.out
    assert run("key", "rotate", "main", "--abort").code == 0
    assert stages(world.home) == {"main": "active"}


def test_removing_a_key_removes_all_its_versions(run: Run, world: World) -> None:
    with_spare(world)
    assert run("key", "add", "main", "--kind", "hmac", given=as_json()).code == 2
    assert run("key", "remove", "main").code == 0
    assert key_file.read(world.home) == {}
    assert run("key", "add", "main", "--kind", "hmac", given=as_json()).code == 0
    assert key_file.read(world.home)["main"].api_key == API_KEY


# -- every hour

CONFIG = """
[venue]
environment = "paper"
address = "127.0.0.1:9443"
ca_file = "ca.pem"

[keys.main]
functions = ["account"]
rotation_days = 7
{more}
"""


def an_hour(world: World, monkeypatch: pytest.MonkeyPatch, now_ms: int, more: str = "") -> int:
    world.home.config.write_text(CONFIG.format(more=more))
    monkeypatch.setattr(hourly, "_now_ms", lambda: now_ms)
    return hourly.main(["--home", str(world.home.root)])


def test_every_hour_a_key_that_is_due_takes_its_spare(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with_spare(world)
    assert an_hour(world, monkeypatch, NOW_MS + 6 * DAY_MS) == 0
    assert stages(world.home)["main"] == "active"
    assert an_hour(world, monkeypatch, NOW_MS + 7 * DAY_MS, 'rotation_blackout = ["00:00-24:00"]') == 0
    assert an_hour(world, monkeypatch, NOW_MS - 9 * DAY_MS) == 0
    assert stages(world.home) == {"main": "active", "main.2": "spare"}
    assert an_hour(world, monkeypatch, NOW_MS + 7 * DAY_MS) == 0
    assert stages(world.home) == {"main": "retired", "main.2": "active"}
    assert [row[0] for row in world.state()["told"]] == ["rotation_alive"]


def test_every_hour_without_a_spare_people_are_told_once_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    due = NOW_MS + 7 * DAY_MS
    for hour in range(25):
        assert an_hour(world, monkeypatch, due + hour * 3_600_000) == 0
    assert stages(world.home) == {"main": "active", "main.2": "staged"}
    assert [row[:2] for row in world.state()["told"]] == [["rotation_waits", "main"]] * 2


def test_every_hour_what_came_to_its_stage_in_this_run_is_told_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter(range(NOW_MS + 7 * DAY_MS, NOW_MS + 8 * DAY_MS))
    world.home.config.write_text(CONFIG.format(more=""))
    monkeypatch.setattr(hourly, "_now_ms", lambda: next(moments))
    assert hourly.main(["--home", str(world.home.root)]) == 0
    assert stages(world.home) == {"main": "active", "main.2": "staged"}
    assert [row[0] for row in world.state()["told"]] == ["rotation_waits"]


def test_every_hour_what_fails_is_told_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_spare(world)
    world.forgets(NEW)
    assert an_hour(world, monkeypatch, NOW_MS + 7 * DAY_MS) == 1
    assert (stages(world.home)["main"], world.active()) == ("active", ["main"])
    assert world.state()["told"][0][0] == "rotation_stuck"
    world.fails = {"key_use": ControlError("no answer"), "rotation_told": NotRunningError("nothing runs")}
    capsys.readouterr()
    assert an_hour(world, monkeypatch, NOW_MS + 7 * DAY_MS) == 1
    assert "nothing runs that could tell people" in capsys.readouterr().err
    with locked(world.home, "rotation"):
        assert an_hour(world, monkeypatch, NOW_MS + 7 * DAY_MS) == 1


def test_every_hour_keys_without_days_are_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with_spare(world)
    world.home.config.write_text(CONFIG.format(more="").replace("rotation_days = 7", ""))
    monkeypatch.setattr(hourly, "_now_ms", lambda: NOW_MS + 400 * DAY_MS)
    assert hourly.main(["--home", str(world.home.root)]) == 0
    assert stages(world.home)["main"] == "active" and world.state()["asked"] == []


def test_the_file_may_hold_one_active_version_and_no_more(world: World) -> None:
    """A file that says otherwise is damaged: nobody guesses which one signs."""
    keys = key_file.read(world.home)
    for second in ("active", "nonsense"):
        twice = {
            **keys,
            "main.2": key_file.StoredKey("main.2", "ed25519", NEW, keys["main"].secret, "paper", 1, 0, second),
        }
        key_file.write(world.home, twice)
        with pytest.raises(HomeError, match="restore it from a backup"):
            key_file.read(world.home)
