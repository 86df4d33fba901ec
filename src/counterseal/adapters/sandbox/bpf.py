"""From rules to a BPF program: a binary search over call numbers, so that each call costs about seven comparisons.

A verdict that needs no argument is cached by the kernel (since Linux 5.11) and costs nothing at all.
"""

import struct
from collections.abc import Mapping, Sequence

from counterseal.adapters.sandbox.numbers import NEWEST, Architecture, number
from counterseal.adapters.sandbox.rules import ALLOW, EPERM, KILL, WORD, Check, Rules, Verdict, Where

LOAD, AND, EQUAL, AT_LEAST, JUMP, RETURN = 0x20, 0x54, 0x15, 0x35, 0x05, 0x06
# Offsets in the kernel's struct seccomp_data; both architectures are little-endian.
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
MAX_INSTRUCTIONS = 4096
_INSTRUCTION = struct.Struct("<HBBI")

Instruction = tuple[int, int, int, int]  # code, offset if true, offset if false, constant
Code = list[Instruction]


def assemble(rules: Rules, architecture: Architecture) -> bytes:
    """Give the program as the kernel takes it, 8 bytes an instruction.

    A call of another architecture or ABI kills the process: its numbers mean other calls.
    """
    code: Code = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture.audit), (RETURN, 0, 0, KILL)]
    code.append((LOAD, 0, 0, NUMBER))
    if architecture.foreign_from is not None:
        code += [(AT_LEAST, 0, 1, architecture.foreign_from), (RETURN, 0, 0, KILL)]
    code += _search(_ranges(rules, architecture))
    if len(code) > MAX_INSTRUCTIONS:
        raise ValueError("the filter is longer than the kernel takes")
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def _ranges(rules: Rules, architecture: Architecture) -> list[tuple[int, Verdict]]:
    """Give (first number, verdict) of each run of calls with the same verdict, ascending, the first from 0."""
    judged = _by_number(rules.calls, architecture)
    ranges: list[tuple[int, Verdict]] = []
    for call in range(NEWEST + 1):
        verdict = judged.get(call, rules.default)
        if not ranges or ranges[-1][1] != verdict:
            ranges.append((call, verdict))
    return [*ranges, (NEWEST + 1, rules.newer)]


def _by_number(calls: Mapping[str, Verdict], architecture: Architecture) -> dict[int, Verdict]:
    found = {number(name, architecture): verdict for name, verdict in calls.items()}
    return {call: verdict for call, verdict in found.items() if call is not None}


def _search(ranges: Sequence[tuple[int, Verdict]]) -> Code:
    if len(ranges) == 1:
        return _leaf(ranges[0][1])
    middle = len(ranges) // 2
    low, high = _search(ranges[:middle]), _search(ranges[middle:])
    if len(low) <= 255:
        return [(AT_LEAST, len(low), 0, ranges[middle][0]), *low, *high]
    # A conditional jump reaches 255 instructions, an unconditional one any distance.
    return [(AT_LEAST, 0, 1, ranges[middle][0]), (JUMP, 0, 0, len(low)), *low, *high]


def _leaf(verdict: Verdict) -> Code:
    if not isinstance(verdict, Check):
        return [(RETURN, 0, 0, verdict)]
    code = [instruction for condition in verdict.conditions for instruction in _condition(condition)]
    return [*code, (RETURN, 0, 0, ALLOW)]


def _condition(where: Where) -> Code:
    """Fall through when it holds, return EPERM when not."""
    code: Code = [(LOAD, 0, 0, ARGUMENTS + 8 * where.argument)]
    if where.mask != WORD:
        code.append((AND, 0, 0, where.mask))
    values = sorted(where.values)
    # A match jumps over the comparisons that are left and the refusal.
    code += [(EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [*code, (RETURN, 0, 0, EPERM)]
