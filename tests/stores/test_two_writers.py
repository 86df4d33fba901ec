"""Writers side by side: what one has written is lost by none, whatever falls between its look and its writing."""

import multiprocessing
from pathlib import Path

import pytest
from tests.stores import services
from tests.stores.conftest import ACCESS_KEY, aws_settings, settle, vault_settings
from tests.stores.services import OpenBao

from counterseal.adapters import age_box, key_source
from counterseal.adapters.home import Home
from counterseal.adapters.store_aws import AwsStore
from counterseal.ports.key_store import KeyStoreError, Trouble

pytestmark = pytest.mark.slow
WRITERS, EACH = 4, 5


def _add(root: str, results: "multiprocessing.Queue[tuple[int, int]]") -> None:
    """Add one to a number in the store so often, trying again each time that somebody was faster."""
    home, done, refused = Home(Path(root)), 0, 0
    identity = age_box.identity_secret(home, "signer")
    while done < EACH:
        store = key_source.of(home)
        held = store.read()
        number = 0 if held is None else int(age_box.open_sealed(identity, held, "it"))
        try:
            store.write(age_box.seal(home, "signer", str(number + 1).encode()))
            done += 1
        except KeyStoreError as fault:
            assert fault.kind is Trouble.CHANGED, fault
            refused += 1
    results.put((done, refused))


def test_no_change_is_lost_among_many_writers(
    bao: OpenBao, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(home, vault_settings(bao, path=services.some_name(), timeout_s=6))
    (home.root / "token").write_text(bao.root_token)
    (home.root / "token").chmod(0o600)
    monkeypatch.setenv(key_source.OPERATOR_VARIABLE, str(home.root / "token"))
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[tuple[int, int]] = context.Queue()
    children = [context.Process(target=_add, args=(str(home.root), results)) for _ in range(WRITERS)]
    for child in children:
        child.start()
    found = [results.get(timeout=60) for _ in children]
    for child in children:
        child.join(10)
    held = key_source.of(home).read()
    assert held is not None
    identity = age_box.identity_secret(home, "signer")
    assert int(age_box.open_sealed(identity, held, "it")) == WRITERS * EACH == sum(done for done, _ in found)
    with capsys.disabled():
        refused = sum(count for _, count in found)
        print(f"\n{WRITERS * EACH} changes by {WRITERS} writers, {refused} refused, none lost")


@pytest.mark.parametrize("kind", ["ministack", "moto"])
def test_who_writes_between_look_and_promotion_is_not_overwritten(
    kind: str, home: Home, request: pytest.FixtureRequest
) -> None:
    """The service itself refuses: AWSCURRENT is taken from the version that was read, and that has lost it."""
    url, name = request.getfixturevalue(kind), services.some_name()
    client = services.secrets_manager(url)
    client.create_secret(Name=name, SecretBinary=age_box.seal(home, "signer", b"first"))
    settle(home, aws_settings(url, name), ACCESS_KEY, "access-key")
    store = key_source.of(home)
    assert isinstance(store, AwsStore) and store.read() is not None
    winner = age_box.seal(home, "signer", b"of somebody else")
    looks: list[str | None] = []
    real = store._current

    def current(asked: object) -> str | None:
        """After the first look somebody else writes."""
        looks.append(real(asked))
        if len(looks) == 1:
            key_source._stores.clear()
            other = key_source.of(home)
            other.read()
            other.write(winner)
        return looks[-1]

    store._current = current  # type: ignore[method-assign]
    with pytest.raises(KeyStoreError) as caught:
        store.write(age_box.seal(home, "signer", b"of us"))
    assert caught.value.kind is Trouble.CHANGED and len(looks) == 1
    key_source._stores.clear()
    assert key_source.of(home).read() == winner
