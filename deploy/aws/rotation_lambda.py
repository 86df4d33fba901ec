"""Rotation of Counterseal's keys by AWS Secrets Manager: the four steps, for a Lambda function.

The secret holds an age envelope that only the signer's identity opens; this function cannot, and needs not. It brings
the next spare envelope into place: whole documents of keys, made and sealed to the signer beforehand, whose keys the
exchange knows already. Where there is none, or the keys must be registered by hand at the exchange, the new version
stays AWSPENDING, what is AWSCURRENT stays that, and a person is told.

Environment of the function:
    COUNTERSEAL_SPARES   name of the secret with the spares: JSON {"spares": [base64, ...]}; without it there are none
    COUNTERSEAL_ALARM    ARN of the SNS topic by which a person is told
    COUNTERSEAL_WAY      "spare" (default), or "hand" for pairs that are registered by hand

Needs boto3, which Lambda has. The stage is always named: what is meant is never left to a default.
"""

import base64
import json
import os
import sys

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
AGE = b"age-encryption.org/v1\n"
RECIPIENT = b"\n-> X25519 "
MAX_BYTES = 65_536
BY_HAND = "a key of Counterseal is due and must be registered by hand: counterseal key rotate NAME"
NO_SPARE = "no spare keys are left for Counterseal: prepare some, or rotate by hand"


class RotationError(Exception):
    """The step cannot be done; Secrets Manager tries the rotation again later, and the current keys stay."""


def handler(event, _context):
    """Do one step: createSecret, setSecret, testSecret or finishSecret."""
    manager = _client("secretsmanager")
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    stages = _stages(manager, secret)
    if CURRENT in stages.get(token, ()):
        return  # finished before: a step may come twice
    if PENDING not in stages.get(token, ()):
        raise RotationError("the version of this token is not AWSPENDING; nothing is changed")
    steps = {"createSecret": create, "setSecret": put_in_force, "testSecret": test, "finishSecret": finish}
    if step not in steps:
        raise RotationError("this is no step of a rotation")
    steps[step](manager, secret, token)


def create(manager, secret, token):
    """Give the pending version its content: the next spare. What has one keeps it."""
    if _content(manager, secret, PENDING, token) is not None:
        return
    if _way() == "hand":
        _alarm(secret, BY_HAND)
        return
    current = _content(manager, secret, CURRENT)
    spare = next((each for each in _spares(manager)[0] if each != current), None)
    if spare is None:
        _alarm(secret, NO_SPARE)
        return
    _judge(spare, current)
    manager.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretBinary=spare, VersionStages=[PENDING])


def put_in_force(_manager, _secret, _token):
    """Nothing: the exchange has known the spare's keys since they were prepared."""


def test(manager, secret, token):
    """Judge what can be judged without opening it. The signer and the exchange judge the rest before it is used."""
    pending = _content(manager, secret, PENDING, token)
    if pending is not None:
        _judge(pending, _content(manager, secret, CURRENT))


def finish(manager, secret, token):
    """Make the pending version AWSCURRENT, and take its spare from the pool. Without content it stays AWSPENDING."""
    pending = _content(manager, secret, PENDING, token)
    if pending is None:
        return
    _judge(pending, _content(manager, secret, CURRENT))
    current = next(version for version, stages in _stages(manager, secret).items() if CURRENT in stages)
    _take_from_pool(manager, pending)
    manager.update_secret_version_stage(
        SecretId=secret, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
    )


def _judge(envelope, current):
    """Raise RotationError unless it is a whole age envelope to as many recipients as the present one."""
    head = envelope.partition(b"\n--- ")[0]
    if not envelope.startswith(AGE) or head == envelope or len(envelope) > MAX_BYTES:
        raise RotationError("the new version is no age envelope; nothing is changed")
    if len(envelope) < len(head) + 100:
        raise RotationError("the new version is cut short; nothing is changed")
    if current is not None and current.startswith(AGE):
        present = current.partition(b"\n--- ")[0]
        if head.count(RECIPIENT) != present.count(RECIPIENT):
            raise RotationError("the new version is sealed to another number of recipients; nothing is changed")


def _content(manager, secret, stage, token=None):
    more = {} if token is None else {"VersionId": token}
    try:
        found = manager.get_secret_value(SecretId=secret, VersionStage=stage, **more)
    except manager.exceptions.ResourceNotFoundException:
        return None
    return bytes(found["SecretBinary"]) if found.get("SecretBinary") else None


def _stages(manager, secret):
    return manager.describe_secret(SecretId=secret).get("VersionIdsToStages", {})


def _spares(manager):
    """Give the spares, the next one first, and the version that holds them."""
    pool = os.environ.get("COUNTERSEAL_SPARES")
    if not pool:
        return [], None
    found = manager.get_secret_value(SecretId=pool, VersionStage=CURRENT)
    return [base64.b64decode(each) for each in json.loads(found["SecretString"])["spares"]], found["VersionId"]


def _take_from_pool(manager, used):
    """Have nobody else get it. Before it is put in force: rather a spare lost than one used twice."""
    spares, _ = _spares(manager)
    left = [each for each in spares if each != used]
    if len(left) == len(spares):
        return
    text = json.dumps({"spares": [base64.b64encode(each).decode() for each in left]})
    manager.put_secret_value(SecretId=os.environ["COUNTERSEAL_SPARES"], SecretString=text, VersionStages=[CURRENT])
    if not left:
        _alarm(os.environ["COUNTERSEAL_SPARES"], "the last of Counterseal's spare keys was taken: prepare some")


def _way():
    way = os.environ.get("COUNTERSEAL_WAY", "spare")
    if way not in ("spare", "hand"):
        raise RotationError('COUNTERSEAL_WAY is "spare" or "hand"')
    return way


def _alarm(secret, text):
    """Tell a person; a rotation that nobody hears of must not look like one that works."""
    topic = os.environ.get("COUNTERSEAL_ALARM")
    sys.stdout.write(f"{secret}: {text}\n")  # into the function's log
    if topic:
        _client("sns").publish(TopicArn=topic, Subject="Counterseal: rotation of keys", Message=f"{secret}: {text}")


def _client(service):
    import boto3  # late: the tests give clients of their own

    return boto3.client(service)
