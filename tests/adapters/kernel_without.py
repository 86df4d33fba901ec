"""Makes the kernel look older for this process and its children, then runs what follows: LACK[,LACK] PROGRAM [ARG...].

LACK is "landlock", "seccomp" or "prctl". PROGRAM is a Python file, or a module with -m.
"""

import runpy
import sys

from counterseal.adapters.sandbox import privileges, seccomp
from counterseal.adapters.sandbox.rules import ALLOW, ENOSYS, EPERM, Rules, Verdict

CALLS: dict[str, tuple[str, Verdict]] = {
    "landlock": ("landlock_create_ruleset", ENOSYS),
    "seccomp": ("seccomp", ENOSYS),
    "prctl": ("prctl", EPERM),
}


def main() -> None:
    privileges.forbid_new()
    why = seccomp.install(Rules(ALLOW, ALLOW, dict(CALLS[name] for name in sys.argv[1].split(","))))
    if why is not None:
        raise SystemExit(f"cannot pretend: {why}")
    program, *sys.argv = sys.argv[2:]
    if program == "-m":
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv.insert(0, program)
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
