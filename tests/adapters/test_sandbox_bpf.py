"""The filter's program decides what its rules say: run by an interpreter here for every call and many arguments."""

import platform
import re
import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterseal.adapters.sandbox import calls
from counterseal.adapters.sandbox.bpf import assemble
from counterseal.adapters.sandbox.numbers import ARCHITECTURES, NEWEST, NUMBERS, number
from counterseal.adapters.sandbox.rules import ALLOW, ENOSYS, EPERM, KILL, Check, Rules, Where

PROFILES = {
    "serving": calls.serving(),
    "token": calls.token(),
    "gateway": calls.gateway(frozenset({3, 7})),
    "supervisor": calls.supervisor(),
    "opener": calls.opener(),
}
Arguments = tuple[int, int, int, int, int, int]
NO_ARGUMENTS: Arguments = (0, 0, 0, 0, 0, 0)


def run(program: bytes, audit: int, call: int, arguments: Arguments) -> tuple[int, int]:
    """Give (verdict, steps) as a kernel would: a word machine with one register over struct seccomp_data."""
    data = struct.pack("<iIQ6Q", call, audit, 0, *arguments)
    at = register = steps = 0
    while True:
        code, if_true, if_false, constant = struct.unpack_from("<HBBI", program, at * 8)
        at, steps = at + 1, steps + 1
        if code == 0x06:
            return constant, steps
        if code == 0x20:
            (register,) = struct.unpack_from("<I", data, constant)
        elif code == 0x54:
            register &= constant
        elif code == 0x05:
            at += constant
        elif code in (0x15, 0x35):
            at += if_true if (register == constant if code == 0x15 else register >= constant) else if_false
        else:
            raise AssertionError(f"unknown instruction {code:#x}")


def expected(rules: Rules, architecture: str, call: int, arguments: Arguments) -> int:
    """What the rules say, read straight."""
    if call > NEWEST:
        return rules.newer
    names = [name for name in rules.calls if number(name, ARCHITECTURES[architecture]) == call]
    verdict = rules.calls[names[0]] if names else rules.default
    if isinstance(verdict, Check):
        fits = all(
            (arguments[where.argument] & 0xFFFF_FFFF & where.mask) in where.values for where in verdict.conditions
        )
        return ALLOW if fits else EPERM
    return verdict


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_call_gets_the_verdict_of_its_rule(profile: str, architecture: str) -> None:
    rules, known = PROFILES[profile], ARCHITECTURES[architecture]
    program = assemble(rules, known)
    steps = [0]
    for call in range(NEWEST + 50):
        for arguments in (NO_ARGUMENTS, (2, 1, 6, 0x22, 0, 0), (0x10000, 4, 4, 0x2000_0000, 0, 0), (3,) * 6):
            verdict, taken = run(program, known.audit, call, arguments)
            assert verdict == expected(rules, architecture, call, arguments), (call, arguments)
            steps.append(taken)
    assert max(steps) <= 30
    assert len(program) // 8 < 500


@given(st.sampled_from(sorted(NUMBERS)), st.tuples(*[st.integers(0, 2**64 - 1)] * 6))
@example("socket", (2, 1 | 0o2000000, 0, 0, 0, 0))
@example("socket", (1, 1, 0, 0, 0, 0))
@example("mmap", (0, 0, 3, 0x22, 0, 0))
@example("mmap", (0, 0, 7, 0x22, 0, 0))
def test_arguments_are_judged_as_the_kernel_reads_them(name: str, arguments: Arguments) -> None:
    for architecture, known in ARCHITECTURES.items():
        call = number(name, known)
        if call is not None:
            for rules in PROFILES.values():
                verdict, _ = run(assemble(rules, known), known.audit, call, arguments)
                assert verdict == expected(rules, architecture, call, arguments)


def test_calls_of_another_architecture_or_abi_kill() -> None:
    here, other = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
    program = assemble(PROFILES["gateway"], here)
    assert run(program, other.audit, 0, NO_ARGUMENTS)[0] == KILL
    assert run(program, 0x4000_0003, 0, NO_ARGUMENTS)[0] == KILL  # a 32-bit call from a 64-bit process
    assert run(program, here.audit, 0x4000_0000, NO_ARGUMENTS)[0] == KILL  # x32
    assert run(program, here.audit, NEWEST + 1, NO_ARGUMENTS)[0] == ENOSYS
    assert run(program, here.audit, 0, NO_ARGUMENTS)[0] == ALLOW


def test_long_checks_jump_over_what_is_beside_them() -> None:
    """More than 255 instructions lie between two halves of the search."""
    many = Check(tuple(Where(0, frozenset(range(100)), 0xFFFF) for _ in range(6)))
    rules = Rules(ALLOW, ENOSYS, {"read": many, "write": KILL, "ptrace": EPERM})
    known = ARCHITECTURES["x86_64"]
    program = assemble(rules, known)
    for call, arguments in ((0, (99,) * 6), (0, (100,) * 6), (1, NO_ARGUMENTS), (2, NO_ARGUMENTS), (101, NO_ARGUMENTS)):
        assert run(program, known.audit, call, arguments)[0] == expected(rules, "x86_64", call, arguments)


def test_the_kernel_s_limit_of_a_program_is_kept() -> None:
    known = ARCHITECTURES["x86_64"]
    huge = Check(tuple(Where(0, frozenset(range(255))) for _ in range(20)))
    with pytest.raises(ValueError, match="longer than the kernel takes"):
        assemble(Rules(ALLOW, ENOSYS, {"read": huge}), known)


@pytest.mark.parametrize(
    ("column", "header"),
    [(0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (1, "/usr/include/asm-generic/unistd.h")],
)
def test_numbers_are_the_kernel_s(column: int, header: str) -> None:
    path = Path(header)
    if not path.exists():
        pytest.skip(f"{header} is not installed ({platform.machine()}); apt-get install linux-libc-dev")
    found = {name: int(value) for name, value in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())}
    # Headers may be older than the running kernel: a call that they do not know cannot be compared.
    wrong = {name: pair[column] for name, pair in NUMBERS.items() if found.get(name, pair[column]) != pair[column]}
    assert len(found) > 300
    assert wrong == {}
