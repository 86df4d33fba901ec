"""The rotation function's four steps on two stand-ins of AWS, as Secrets Manager calls them, the stage always named."""

import base64
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pyrage
import pytest
from tests.homes import HMAC_SECRET
from tests.stores import services
from tests.stores.conftest import ACCESS_KEY, aws_settings, settle
from tests.stores.services import DEPLOY, KEY, KEY_ID, REGION

from counterseal.adapters import age_box, key_file, key_source
from counterseal.adapters.home import Home
from counterseal.adapters.key_file import StoredKey
from counterseal.core.secret import Secret

pytestmark = pytest.mark.slow
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rotation_lambda", DEPLOY / "aws" / "rotation_lambda.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(home: Home, api_key: str) -> bytes:
    """A whole document of keys, sealed to the signer, as whoever prepares spares makes it."""
    key = StoredKey("main", "hmac", api_key, Secret(HMAC_SECRET), "paper", 1)
    content = json.dumps({"format": key_file.FORMAT, "keys": [key_file._entry(key)]}).encode()
    return age_box.seal(home, "signer", content)


@dataclass
class Rotation:
    """One secret with its pool, and what Secrets Manager does around the function."""

    home: Home
    manager: Any
    url: str
    name: str
    pool: str
    lambda_: ModuleType
    begun: set[str] = field(default_factory=set)
    alarms: list[str] = field(default_factory=list)

    def stages(self) -> dict[str, list[str]]:
        found = self.manager.describe_secret(SecretId=self.name)["VersionIdsToStages"]
        return {stage: [version for version in found if stage in found[version]] for stage in
                ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS")}  # fmt: skip

    def content(self, stage: str) -> bytes:
        return bytes(self.manager.get_secret_value(SecretId=self.name, VersionStage=stage)["SecretBinary"])

    def spares(self) -> list[bytes]:
        found = self.manager.get_secret_value(SecretId=self.pool, VersionStage="AWSCURRENT")["SecretString"]
        return [base64.b64decode(each) for each in json.loads(found)["spares"]]

    def prepare(self, *spares: bytes) -> None:
        text = json.dumps({"spares": [base64.b64encode(each).decode() for each in spares]})
        self.manager.put_secret_value(SecretId=self.pool, SecretString=text, VersionStages=["AWSCURRENT"])

    def begin(self, number: int) -> str:
        """What rotate_secret does first: a version without content that is AWSPENDING; no stand-in does it so."""
        token = f"0000000{number}-0000-4000-8000-000000000000"
        self.begun.add(token)
        return token

    def step(self, token: str, step: str) -> None:
        self.lambda_.handler({"SecretId": self.name, "ClientRequestToken": token, "Step": step}, None)

    def keys(self) -> str | None:
        """The API key that the installation reads."""
        key_source._stores.clear()
        return key_file.read(self.home, judge=lambda _keys: None)["main"].api_key


class Manager:
    """The library's client, which also shows what Secrets Manager has only begun, and minds that stages are named."""

    def __init__(self, real: Any, rotation: Rotation) -> None:
        self._real, self._rotation = real, rotation

    def get_secret_value(self, **asked: Any) -> Any:
        assert asked.get("VersionStage"), "the stage is always named"
        return self._real.get_secret_value(**asked)

    def put_secret_value(self, **asked: Any) -> Any:
        assert asked.get("VersionStages"), "the stage is always named"
        return self._real.put_secret_value(**asked)

    def describe_secret(self, SecretId: str) -> Any:
        found = self._real.describe_secret(SecretId=SecretId)
        if SecretId == self._rotation.name:
            for token in self._rotation.begun - found["VersionIdsToStages"].keys():
                found["VersionIdsToStages"][token] = ["AWSPENDING"]
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Bus:
    """SNS, as far as the function needs it."""

    def __init__(self, alarms: list[str]) -> None:
        self._alarms = alarms

    def publish(self, TopicArn: str, Subject: str, Message: str) -> None:
        assert TopicArn == "arn:aws:sns:eu-central-1:123456789012:alerts" and len(Subject) < 100
        self._alarms.append(Message.partition(": ")[2])


@pytest.fixture(name="rotation", params=["ministack", "moto"])
def _rotation(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rotation]:
    url, name, pool = request.getfixturevalue(request.param), services.some_name(), services.some_name()
    client = services.secrets_manager(url)
    client.create_secret(Name=name, SecretBinary=document(home, "first"))
    client.create_secret(Name=pool, SecretString='{"spares": []}')
    settle(home, aws_settings(url, name), ACCESS_KEY, "access-key")
    module = _module()
    found = Rotation(home, client, url, name, pool, module)
    made = {"secretsmanager": Manager(client, found), "sns": Bus(found.alarms)}
    monkeypatch.setattr(module, "_client", made.__getitem__)
    monkeypatch.setenv("COUNTERSEAL_SPARES", pool)
    monkeypatch.setenv("COUNTERSEAL_ALARM", "arn:aws:sns:eu-central-1:123456789012:alerts")
    yield found


def test_four_steps_bring_the_next_spare_into_force(rotation: Rotation) -> None:
    """What was in force stays as AWSPREVIOUS; the installation reads the new one."""
    first, spares = rotation.content("AWSCURRENT"), [document(rotation.home, name) for name in ("second", "third")]
    rotation.prepare(*spares)
    assert rotation.keys() == "first"
    token = rotation.begin(1)
    for step in STEPS[:3]:
        rotation.step(token, step)
        assert rotation.content("AWSCURRENT") == first and rotation.content("AWSPENDING") == spares[0], step
    rotation.step(token, "finishSecret")

    assert rotation.content("AWSCURRENT") == spares[0] and rotation.stages()["AWSCURRENT"] == [token]
    assert rotation.content("AWSPREVIOUS") == first
    assert rotation.keys() == "second" and rotation.spares() == spares[1:] and rotation.alarms == []

    token = rotation.begin(2)
    for step in STEPS:
        rotation.step(token, step)
    assert rotation.keys() == "third" and rotation.spares() == []
    assert rotation.alarms == ["the last of Counterseal's spare keys was taken: prepare some"]


def test_every_step_may_come_twice(rotation: Rotation) -> None:
    rotation.prepare(document(rotation.home, "second"), document(rotation.home, "third"))
    token = rotation.begin(1)
    for step in STEPS:
        rotation.step(token, step)
        rotation.step(token, step)
    assert rotation.keys() == "second" and len(rotation.spares()) == 1
    for step in STEPS:
        rotation.step(token, step)
    assert rotation.keys() == "second" and len(rotation.spares()) == 1


@pytest.mark.parametrize(
    ("way", "alarm"),
    [("spare", "no spare keys are left for Counterseal: prepare some, or rotate by hand"),
     ("hand", "a key of Counterseal is due and must be registered by hand: counterseal key rotate NAME")],
)  # fmt: skip
def test_without_a_spare_it_stays_pending_and_a_person_is_told(
    rotation: Rotation, way: str, alarm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSEAL_WAY", way)
    if way == "hand":
        rotation.prepare(document(rotation.home, "second"))
    current = rotation.stages()["AWSCURRENT"]
    token = rotation.begin(1)
    for step in STEPS:
        rotation.step(token, step)
    assert rotation.stages()["AWSCURRENT"] == current and rotation.keys() == "first"
    assert rotation.alarms == [alarm]
    assert rotation.lambda_._stages(rotation.lambda_._client("secretsmanager"), rotation.name)[token] == ["AWSPENDING"]


@pytest.mark.parametrize("bad", ["plain", "cut", "for more"])
def test_what_is_no_spare_for_this_signer_is_refused(rotation: Rotation, bad: str) -> None:
    spare = document(rotation.home, "second")
    another = pyrage.x25519.Identity.generate().to_public()
    rotation.prepare({
        "plain": b'{"apiKey": "x", "secretKey": "y"}', "cut": spare[:190],
        "for more": pyrage.encrypt(b"x" * 200, [another, pyrage.x25519.Identity.generate().to_public()]),
    }[bad])  # fmt: skip
    token = rotation.begin(1)
    with pytest.raises(rotation.lambda_.RotationError, match="nothing is changed"):
        rotation.step(token, "createSecret")
    assert rotation.keys() == "first" and rotation.stages()["AWSPENDING"] == []


def test_a_spare_for_another_signer_is_put_in_force_and_the_copy_goes_on(
    rotation: Rotation, capfd: pytest.CaptureFixture[str]
) -> None:
    """From outside it looks right. The signer cannot open it, says so, and keeps what it has."""
    rotation.prepare(pyrage.encrypt(b"x" * 200, [pyrage.x25519.Identity.generate().to_public()]))
    assert rotation.keys() == "first"
    token = rotation.begin(1)
    for step in STEPS:
        rotation.step(token, step)
    capfd.readouterr()
    assert rotation.keys() == "first"
    assert "sealed to another one" in capfd.readouterr().err


def test_a_strange_event_changes_nothing(rotation: Rotation) -> None:
    for event in (
        {"SecretId": rotation.name, "ClientRequestToken": rotation.begin(1), "Step": "deleteSecret"},
        {"SecretId": rotation.name, "ClientRequestToken": "unknown", "Step": "finishSecret"},
    ):
        with pytest.raises(rotation.lambda_.RotationError):
            rotation.lambda_.handler(event, None)
    assert rotation.keys() == "first"


def test_neither_the_function_nor_its_log_can_show_a_key(rotation: Rotation, capfd: pytest.CaptureFixture[str]) -> None:
    rotation.prepare(document(rotation.home, "second"))
    token = rotation.begin(1)
    for step in STEPS:
        rotation.step(token, step)
    shown = "".join(capfd.readouterr())
    assert HMAC_SECRET.decode() not in shown and KEY not in shown and KEY_ID not in shown
    assert "pyrage" not in (DEPLOY / "aws" / "rotation_lambda.py").read_text()
    assert REGION == "eu-central-1"
