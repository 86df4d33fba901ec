"""Enters a profile: the one function that a process calls."""

from pathlib import Path

from counterseal.adapters.home import HomeError
from counterseal.adapters.sandbox import landlock, privileges, seccomp
from counterseal.adapters.sandbox.kernel import KernelError
from counterseal.adapters.sandbox.profiles import Profile
from counterseal.adapters.sandbox.report import Report

REQUIRED_ABI = landlock.ABI_TCP
_THREADS = Path("/proc/self/task")


class SandboxError(HomeError):
    """The sandbox that the settings require cannot be had; the text is one sentence with the way out."""


def enter(profile: Profile, *, required: bool = False) -> Report:
    """Hold this process to the profile, for good; give what is in force.

    To be called while there is one thread: Landlock holds the calling thread and what it starts. What the kernel
    lacks is reported. Raises SandboxError when it is `required` and missing, or when there are more threads.
    """
    if required:
        require()
    if _thread_count() > 1:
        raise SandboxError(f"the {profile.name} has more than one thread before its sandbox; this is a fault of ours")
    no_new_privs = privileges.forbid_new()
    version, why = _restrict(profile)
    no_drop = privileges.drop_capabilities()
    # Last: what comes before needs calls that the filter refuses.
    no_filter = seccomp.install(profile.calls)
    lacking = (
        None if no_new_privs else "no_new_privs is not known to the kernel",
        why or _short_of(profile.ruleset, version),
        no_drop and f"capabilities are kept: {no_drop}",
        no_filter and f"no seccomp: {no_filter}",
    )
    report = Report(profile.name, no_new_privs, no_filter is None, version, tuple(text for text in lacking if text))
    if required and not (no_new_privs and report.seccomp and version >= REQUIRED_ABI):
        raise SandboxError(f"the sandbox of the {profile.name} is required and not whole: {'; '.join(report.lacking)}")
    return report


def require() -> None:
    """Raise SandboxError unless this kernel has what `sandbox = "require"` promises. Changes nothing."""
    version, no_filter = landlock.abi(), seccomp.lack()
    missing = [f"seccomp ({no_filter})"] if no_filter else []
    if version < REQUIRED_ABI:
        missing.append(f"Landlock ABI {REQUIRED_ABI}, Linux 6.7 (found {version or 'none'})")
    if missing:
        raise SandboxError(
            f'process.sandbox is "require" and the kernel lacks {" and ".join(missing)}; use a newer kernel, or set '
            f'process.sandbox = "best" and look at: counterseal status'
        )


def _restrict(profile: Profile) -> tuple[int, str | None]:
    try:
        return landlock.restrict(profile.ruleset), None
    except KernelError as fault:
        return 0, f"no Landlock: the kernel refused ({fault.strerror})"


def _short_of(ruleset: landlock.Ruleset, version: int) -> str | None:
    """Say what an older Landlock leaves out of this ruleset."""
    if version == 0:
        return "no Landlock: the kernel has none, or it is switched off"
    parts = (
        ("truncating files", ruleset.handled & landlock.TRUNCATE, landlock.ABI_TRUNCATE),
        ("TCP ports", ruleset.connect is not None, landlock.ABI_TCP),
        ("device control", ruleset.handled & landlock.IOCTL_DEV, landlock.ABI_IOCTL),
        ("signals and abstract sockets", ruleset.scoped, landlock.ABI_SCOPES),
    )
    open_parts = [name for name, wanted, since in parts if wanted and version < since]
    return f"Landlock ABI {version} does not cover {', '.join(open_parts)}" if open_parts else None


def _thread_count() -> int:
    return sum(1 for _ in _THREADS.iterdir()) if _THREADS.exists() else 1
