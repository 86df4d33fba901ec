"""The shipped IAM policy, judged by the rules of the service that its conditions use.

No stand-in evaluates conditions with policy variables, so that the few rules are written down here: a statement applies
when action and all conditions match; an explicit denial wins; nothing is allowed that no statement allows.
"""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from tests.stores.services import DEPLOY

POLICY = json.loads((DEPLOY / "aws" / "secrets-policy.json").read_text())
OURS = {"aws:ResourceTag/counterseal": "desk", "aws:PrincipalTag/counterseal": "desk", "aws:SecureTransport": "true"}
NEEDED = ("GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage")


def decide(action: str, context: dict[str, str]) -> str:
    effects = {each["Effect"] for each in POLICY["Statement"] if _applies(each, action, context)}
    return "Deny" if "Deny" in effects else "Allow" if "Allow" in effects else "nothing"


def _applies(statement: dict[str, Any], action: str, context: dict[str, str]) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    if not any(fnmatchcase(f"secretsmanager:{action}", each) for each in actions):
        return False
    return all(
        _matches(operator, key, value, context)
        for operator, pairs in statement.get("Condition", {}).items()
        for key, value in pairs.items()
    )


def _matches(operator: str, key: str, value: str, context: dict[str, str]) -> bool:
    if operator == "Null":
        return (key not in context) == (value == "true")
    assert operator in ("StringEquals", "Bool")
    if value.startswith("${"):
        value = context.get(value[2:-1], "\0")  # a variable without a value matches nothing
    return context.get(key) == value


@pytest.mark.parametrize("action", NEEDED)
def test_what_the_store_needs_is_allowed_for_the_secret_of_the_same_tag_alone(action: str) -> None:
    assert decide(action, OURS) == "Allow"
    assert decide(action, {**OURS, "aws:ResourceTag/counterseal": "other"}) == "nothing"
    assert decide(action, {**OURS, "aws:PrincipalTag/counterseal": "other"}) == "nothing"
    for missing in ("aws:ResourceTag/counterseal", "aws:PrincipalTag/counterseal"):
        assert decide(action, {name: value for name, value in OURS.items() if name != missing}) == "nothing"
    # Two that have no tag are not of the same tag.
    assert decide(action, {"aws:SecureTransport": "true"}) == "nothing"
    assert decide(action, {**OURS, "aws:SecureTransport": "false"}) == "Deny"


@pytest.mark.parametrize(
    "action",
    ["CreateSecret", "DeleteSecret", "TagResource", "UntagResource", "PutResourcePolicy", "RotateSecret",
     "UpdateSecret", "ListSecrets", "BatchGetSecretValue", "RestoreSecret", "CancelRotateSecret",
     "ReplicateSecretToRegions"],
)  # fmt: skip
def test_nothing_else_is(action: str) -> None:
    assert decide(action, OURS) in ("Deny", "nothing")


def test_no_statement_allows_by_a_wildcard_or_without_the_tag() -> None:
    for statement in POLICY["Statement"]:
        if statement["Effect"] == "Allow":
            assert not any("*" in action for action in statement["Action"]), statement["Sid"]
            assert "aws:ResourceTag/counterseal" in statement["Condition"]["StringEquals"]


def test_reading_alone_is_what_is_left_when_the_function_rotates() -> None:
    """A host whose keys a function rotates needs the first statement only."""
    first = next(each for each in POLICY["Statement"] if each["Sid"] == "ReadTheSealedKeys")
    assert first["Action"] == ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
