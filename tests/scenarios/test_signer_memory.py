"""MEM-1: at every point of a stack's life root finds no exchange key outside the signer, and in it none either where
memfd_secret is reported; where it is not, what is found in the signer shows that the search finds.
"""

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from memory import MEMFD_SECRET, MLOCK, MLOCK2, LackingStack, Seen, core_of, has_debugger, look
from stack import WIDE_BOT, Stack, make_pair, private_parts, wait
from tests import leaks
from tests.leaks import Scanner

from counterseal.adapters import key_file
from counterseal.core.secret import Secret

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=90000.00"
OPTIONS = ("--no-limits", "--volatility", "0", "--balance", "USDT=1000000000", "--max-num-orders", "1000000")
EXTRA = {"second": "hmac", "third": "hmac", "fourth": "ed25519", "fifth": "ed25519"}
OURS = ("supervisor", "signer", "gateway")

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root reads another process's memory")


class Keys:
    """Five exchange keys, each used by its own bot: `main` is the stack's, the others are added here."""

    def __init__(self, stack: Stack, kinds: dict[str, str]) -> None:
        self.stack = stack
        self.planted = {"main": list(stack.exchange_secrets)}
        for name, kind in kinds.items():
            self.add(name, kind)
        config = stack.config_text() + "".join(f'\n[keys.{name}]\nfunctions = ["account", "trade"]\n' for name in kinds)
        stack.write_config(config)
        stack.verb("reload", "--home", str(stack.home.root))

    def add(self, name: str, kind: str) -> None:
        """Make a key at the paper exchange and give it to the signer, as an operator would."""
        stack, out = self.stack, self.stack.root / f"{name}.json"
        create = ["paper", "key", "create", "--home", str(stack.paper_home), "--kind", kind, "--out", str(out)]
        if kind != "hmac":
            private, public = make_pair(kind)
            (stack.root / f"{name}.pub.pem").write_text(public)
            create += ["--public-key", str(stack.root / f"{name}.pub.pem")]
        stack.verb(*create)
        made = json.loads(out.read_text())
        secret = made["secretKey"] if kind == "hmac" else private
        parts = [secret.encode()] if kind == "hmac" else private_parts(secret)
        self.planted[name] = [leaks.plant(f"{name} {kind} exchange secret", part) for part in parts]
        out.write_text(json.dumps({"apiKey": made["apiKey"], "secretKey": secret}))
        stack.verb("key", "add", name, "--kind", kind, "--home", str(stack.home.root), "--file", str(out))
        out.unlink()

    def trade(self, count: int) -> None:
        """Have every key sign so often."""
        for number in range(count):
            for bot in self.stack.bots:
                answer = self.stack.call("POST", "/api/v3/order", ORDER, bot=bot)
                assert answer.status == 200, (bot, number, answer)

    def scanner(self, *names: str) -> Scanner:
        """What looks for these keys, for all without a name, and for what signing makes of them."""
        found = [planted for name in names or tuple(self.planted) for planted in self.planted[name]]
        return Scanner([*found, *(made for planted in found for made in derived(planted))])


def derived(planted: leaks.Planted) -> list[leaks.Planted]:
    """What is as good as the key: Ed25519's scalar and prefix, the two padded keys inside HMAC."""
    secret = planted.secret
    if len(secret) == 32:
        return [leaks.Planted(f"{planted.name}, hashed", hashlib.sha512(secret).digest())]
    return [leaks.Planted(f"{planted.name}, padded", bytes(byte ^ pad for byte in secret)) for pad in (0x36, 0x5C)]


def of_all(stack: Stack, scanner: Scanner) -> dict[str, Seen]:
    """Look at every process of ours."""
    pids = stack.pids()
    return {name: look(name, pids[name], scanner) for name in OURS}


def settle(stack: Stack, before: int) -> None:
    """Wait until another signer serves."""

    def serves() -> bool:
        signer = stack.status()["children"]["signer"]
        return bool(signer["ready"] and signer["pid"] != before)

    wait(serves, 10, "the next signer")


@only_root
@pytest.mark.threat(28)
@pytest.mark.threat(66)
@pytest.mark.slow  # half a minute: a process's whole memory is read at each point
def test_root_finds_no_key_at_any_point_of_life(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Six points, five keys of two kinds, every process."""
    policies = {name: WIDE_BOT.format(name=name, key=key) for name, key in zip("abcde", ("main", *EXTRA), strict=True)}
    bots = dict.fromkeys(policies, "hmac")
    root = tmp_path_factory.mktemp("memory")
    read = points = 0
    with Stack(root, exchange_kind="hmac", bots=bots, policies=frames(policies), paper_options=OPTIONS) as stack:
        keys = Keys(stack, EXTRA)
        stack.write_config(with_keys(stack, policies))
        stack.verb("reload", "--home", str(stack.home.root))
        everything = keys.scanner()
        assert stack.status()["children"]["signer"]["secret_memory"] == "memfd_secret"

        def check(point: str) -> None:
            nonlocal read, points
            for name, seen in of_all(stack, everything).items():
                assert seen.leaks == [], (point, name)
                assert [what for what in seen.closed if "secretmem" in what] == seen.closed, (point, name, seen.closed)
                assert len(seen.closed) == (1 if name == "signer" else 0), (point, name)
                read += seen.size
            points += 1

        check("after the start")
        keys.trade(40)
        check("after 200 orders")
        stack.verb("reload", "--home", str(stack.home.root))
        keys.trade(1)
        check("after a reload")
        stack.verb("key", "remove", "fifth", "--home", str(stack.home.root))
        check("after a removal")
        keys.add("sixth", "hmac")
        everything = keys.scanner()
        check("after another key was added")
        before = stack.pids()["signer"]
        os.kill(before, signal.SIGKILL)
        settle(stack, before)
        assert stack.call("POST", "/api/v3/order", ORDER, bot="d").status == 200
        check("after kill -9 and restart")
        core_scan(stack, everything, root)
    print(f"{points} points x {len(keys.planted)} keys x {len(OURS)} processes, {read:,} bytes read, 0 hits")
    assert points == 6


def core_scan(stack: Stack, scanner: Scanner, root: Path) -> None:
    """The same through a debugger's core files, where there is one."""
    if not has_debugger():
        return
    for name, pid in stack.pids().items():
        if name in OURS:
            core = core_of(pid, root)
            assert len(core) > 1_000_000, name
            assert scanner.scan(f"core of {name}", core) == []


def frames(policies: dict[str, str]) -> dict[str, str]:
    """Policies for the time before the keys are there: every bot uses `main`."""
    return {name: WIDE_BOT.format(name=name, key="main") for name in policies}


def with_keys(stack: Stack, policies: dict[str, str]) -> str:
    """The configuration with every key of its own bot."""
    stack.policies = policies
    functions = 'functions = ["account", "trade", "settings"]'
    return stack.config_text() + "".join(f"\n[keys.{name}]\n{functions}\n" for name in EXTRA)


@only_root
@pytest.mark.parametrize(("lacking", "level"), [((MEMFD_SECRET,), "mlock"), ((MEMFD_SECRET, MLOCK, MLOCK2), "none")])
def test_without_memfd_secret_keys_are_in_the_signer_alone(
    tmp_path_factory: pytest.TempPathFactory, lacking: tuple[int, ...], level: str
) -> None:
    """The lower levels: nothing outside the signer, one copy of each key in it, none of a removed key."""
    root = tmp_path_factory.mktemp(level)
    with LackingStack(root, exchange_kind="hmac", paper_options=OPTIONS, lacking=lacking) as stack:
        keys = Keys(stack, {"second": "ed25519", "third": "hmac"})
        assert stack.status()["children"]["signer"]["secret_memory"] == level
        assert f"signer secret memory: {level}" in stack.attempt("status")[1]
        keys.trade(5)
        seen = of_all(stack, keys.scanner())
        assert {name for name, each in seen.items() if each.leaks} == {"signer"}
        # Bytes that are no letters are themselves in some of the encodings.
        plain = {"raw", "repr", "JSON", "percent-encoded", "UTF-8 of Latin-1", "swapped case", "ROT13"}
        assert "raw" in {leak.encoding for leak in seen["signer"].leaks} <= plain
        assert {leak.where for leak in seen["signer"].leaks} <= {"signer anonymous", "signer /dev/zero (deleted)"}
        assert copies(stack.pids()["signer"], keys.planted["second"][0].secret) == 1
        assert locked_kib(stack.pids()["signer"]) == (256 if level == "mlock" else 0)

        stack.verb("key", "remove", "third", "--home", str(stack.home.root))
        for name, each in of_all(stack, keys.scanner("third")).items():
            assert each.leaks == [], name
        before = stack.pids()["signer"]
        os.kill(before, signal.SIGKILL)
        settle(stack, before)
        assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        if has_debugger() and level == "mlock":
            signer, name = stack.pids()["signer"], "main"
            assert keys.scanner(name).scan("plain core", plain_core(signer, root)) == [], "MADV_DONTDUMP holds"


def copies(pid: int, secret: bytes) -> int:
    """How often the bytes stand in the memory of a process."""
    count = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if "r" in rights and "[v" not in line:
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                count += memory.read(end - start).count(secret)
    return count


def locked_kib(pid: int) -> int:
    """How much of a process is kept out of swap."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmLck"))
    return int(line.split()[1])


def plain_core(pid: int, folder: Path) -> bytes:
    """A core file as gdb makes it when nothing is set: what may not be dumped is left out."""
    target = folder / "plain-core"
    subprocess.run(
        ["gdb", "--batch", "-p", str(pid), "-ex", f"gcore {target}"], capture_output=True, timeout=120, check=True
    )
    try:
        return target.read_bytes()
    finally:
        target.unlink()


@only_root
def test_an_rsa_key_is_told_and_stays_in_the_signer(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It signs at level none: said at the start and in status; outside the signer there is nothing of it."""
    with Stack(tmp_path_factory.mktemp("rsa"), exchange_kind="rsa", paper_options=OPTIONS) as stack:
        for _ in range(20):
            assert stack.call("POST", "/api/v3/order", ORDER).status == 200
        scanner = Scanner(stack.exchange_secrets)
        seen = of_all(stack, scanner)
        assert seen["supervisor"].leaks == seen["gateway"].leaks == []
        assert seen["supervisor"].size > 10_000_000
        (warning,) = stack.status()["children"]["signer"]["warnings"]
        assert "key main is RSA" in warning
        assert f"signer warning: {warning}" in stack.attempt("status")[1]
        assert f"signer: warning: {warning}" in (stack.root / "up.log").read_text()
        print(f"{len(seen['signer'].leaks)} traces of the RSA key in the signer between signatures")

        assert stack.down() == 0
        stack.write_config(stack.config_text() + '\n[signer]\nsecret_memory = "mlock"\n')
        refused = refused_start(stack)
        assert "key main is RSA, which cannot be used there" in refused


def refused_start(stack: Stack) -> str:
    """Start, which must fail by itself, and give what was said."""
    process = stack._start("up", "--home", str(stack.home.root))
    began = time.monotonic()
    assert process.wait(15) == 1
    assert time.monotonic() - began < 10
    return (stack.root / "up.log").read_text()


@pytest.mark.parametrize(
    ("required", "lacking", "starts"),
    [
        ("memfd_secret", (), True),
        ("mlock", (MEMFD_SECRET,), True),
        ("none", (MEMFD_SECRET, MLOCK, MLOCK2), True),
        ("memfd_secret", (MEMFD_SECRET,), False),
        ("mlock", (MEMFD_SECRET, MLOCK, MLOCK2), False),
    ],
)
def test_a_required_level_is_reached_or_nothing_starts(
    tmp_path_factory: pytest.TempPathFactory, required: str, lacking: tuple[int, ...], starts: bool
) -> None:
    """One plain sentence names what is required, what there is, and what to do."""
    with LackingStack(tmp_path_factory.mktemp("required"), paper_options=OPTIONS) as stack:
        assert stack.down() == 0
        stack.lacking = lacking
        stack.write_config(stack.config_text() + f'\n[signer]\nsecret_memory = "{required}"\n')
        if starts:
            stack.up()
            assert stack.call("GET", "/api/v3/account").status == 200
        else:
            said = refused_start(stack).splitlines()[-1]
            assert said.startswith(
                f'counterseal: secret memory of level "{required}" is required and this system gives'
            )
            assert said.endswith("raise its limit of locked memory or lower signer.secret_memory")


def test_one_sealed_secret_is_still_read_back_whole(shared_stack: Stack) -> None:
    """What the search looks for is what is sealed: the scanner's secrets are those of the key file."""
    sealed = key_file.read(shared_stack.home)["main"].secret
    assert isinstance(sealed, Secret)
    parts = private_parts(sealed.reveal().decode())
    assert [planted.secret for planted in shared_stack.exchange_secrets] == parts
