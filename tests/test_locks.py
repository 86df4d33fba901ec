"""SUP-1 as far as it exists: nothing is installed that is not named with its version and its hashes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted(
    file
    for place in ("requirements", "bench", "tests")
    for file in (ROOT / place).rglob("*.txt")
    if "require" in str(file)
)
PINNED = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[0-9][0-9a-z.+!-]*( ; [^\\]+)?( \\)?", re.IGNORECASE)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def entries(lock: Path) -> list[list[str]]:
    """The lock cut into entries: a requirement and the lines below it."""
    found: list[list[str]] = []
    for line in lock.read_text().splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        if line.startswith(" ") and found:
            found[-1].append(line)
        else:
            found.append([line])
    return found


@pytest.mark.threat(69)
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_dependency_is_locked_by_version_and_hash(lock: Path) -> None:
    """No address, no option, no range: one version, and what its files hash to."""
    found = entries(lock)
    assert found
    for first, *hashes in found:
        assert PINNED.fullmatch(first), first
        assert hashes and all(HASH.fullmatch(line) for line in hashes), first


@pytest.mark.threat(69)
def test_every_installation_asks_for_hashes() -> None:
    """Wherever pip installs what is not ours, it refuses a file whose hash is not in the lock."""
    makefile = (ROOT / "Makefile").read_text()
    assert "--require-hashes" in re.search(r"^PIP_FLAGS := (.*)$", makefile, re.MULTILINE)[1]  # type: ignore[index]
    installs = [line for line in makefile.splitlines() if "pip install" in line]
    assert len(installs) >= 3
    for line in installs:
        assert "$(PIP_FLAGS)" in line or ("--no-deps" in line and "$(ENV)/compiled/wheel" in line), line


@pytest.mark.threat(69)
@pytest.mark.parametrize(
    "file", ["tests/sdk/environments.py", "tests/verifiers/reference.py", "tests/conformance/suite.py"]
)
def test_what_tests_install_is_asked_for_its_hashes_too(file: str) -> None:
    """Other people's clients and suites: nothing of them is installed on trust."""
    runs = re.findall(r"subprocess\.run\(\[\*pip,.*", (ROOT / file).read_text())
    assert runs and all("--require-hashes" in run for run in runs)


def test_the_product_carries_nothing_of_the_tests_or_tools() -> None:
    """What runs beside the keys is what its own list names and what that needs."""
    product, others = (
        {first.split("==")[0] for first, *_ in entries(ROOT / "requirements" / name)}
        for name in ("product.txt", "tools.txt")
    )
    assert not product & {"pytest", "hypothesis", "ruff", "mypy", "coverage"}
    assert {"ruff", "mypy"} <= others
