"""The evaluator decides as AWS's documentation says of its own examples (IAM User Guide)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.terraform.policies import Call, allowed


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# "Policies and permissions": the first statements of the page's example of several statements
THREE = policy(
    {"Sid": "FirstStatement", "Effect": "Allow", "Action": ["iam:ChangePassword"], "Resource": "*"},
    {"Sid": "SecondStatement", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
    {
        "Sid": "ThirdStatement",
        "Effect": "Allow",
        "Action": ["s3:List*", "s3:Get*"],
        "Resource": ["arn:aws:s3:::confidential-data", "arn:aws:s3:::confidential-data/*"],
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    },
)
# "Policy evaluation logic": an allow of a whole table, with an explicit deny of one action
DENIED = policy(
    {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/Books"},
    {"Effect": "Deny", "Action": "dynamodb:DeleteTable", "Resource": "*"},
)
# "IAM JSON policy elements: Condition": one of a key's values must match, and all keys
LIKE = policy(
    {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::amzn-s3-demo-bucket",
        "Condition": {"StringLike": {"s3:prefix": ["", "home/", "home/${user}/*"]}, "StringEquals": {"s3:delimiter": "/"}},
    }
)
CONFIDENTIAL = "arn:aws:s3:::confidential-data"
BOOKS = "arn:aws:dynamodb:us-east-1:123456789012:table/Books"
DEMO = "arn:aws:s3:::amzn-s3-demo-bucket"
CASES = [
    (THREE, Call("iam:ChangePassword", "arn:aws:iam::123456789012:user/a"), True),
    (THREE, Call("iam:DeleteUser", "arn:aws:iam::123456789012:user/a"), False),
    (THREE, Call("s3:GetObject", f"{CONFIDENTIAL}/a", {"aws:MultiFactorAuthPresent": "true"}), True),
    (THREE, Call("s3:GetObject", f"{CONFIDENTIAL}/a", {"aws:MultiFactorAuthPresent": "false"}), False),
    (THREE, Call("s3:GetObject", f"{CONFIDENTIAL}/a"), False),
    (THREE, Call("s3:PutObject", f"{CONFIDENTIAL}/a", {"aws:MultiFactorAuthPresent": "true"}), False),
    (THREE, Call("s3:GetObject", "arn:aws:s3:::other/a", {"aws:MultiFactorAuthPresent": "true"}), False),
    (DENIED, Call("dynamodb:GetItem", BOOKS), True),
    (DENIED, Call("DynamoDB:getitem", BOOKS), True),
    (DENIED, Call("dynamodb:GetItem", BOOKS.replace("Books", "books")), False),
    (DENIED, Call("dynamodb:DeleteTable", BOOKS), False),
    (DENIED, Call("dynamodb:GetItem", f"{BOOKS}/index/a"), False),
    (LIKE, Call("s3:ListBucket", DEMO, {"s3:prefix": "home/", "s3:delimiter": "/"}), True),
    (LIKE, Call("s3:ListBucket", DEMO, {"s3:prefix": "home/${user}/a", "s3:delimiter": "/"}), True),
    (LIKE, Call("s3:ListBucket", DEMO, {"s3:prefix": "home/"}), False),
    (LIKE, Call("s3:ListBucket", DEMO, {"s3:prefix": "other/", "s3:delimiter": "/"}), False),
]


@pytest.mark.parametrize(("said", "call", "may"), CASES)
def test_documented_examples(said: str, call: Call, may: bool) -> None:
    assert allowed([said], call) is may


def test_policies_of_one_identity_are_one() -> None:
    """A deny in one policy wins over an allow in another."""
    call = Call("s3:GetObject", f"{CONFIDENTIAL}/a")
    allow = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    deny = policy({"Effect": "Deny", "Action": "s3:Get*", "Resource": f"{CONFIDENTIAL}/*"})
    assert allowed([allow], call)
    assert not allowed([allow, deny], call)
    assert not allowed([], call)


def test_negated_and_optional_conditions_hold_without_their_key() -> None:
    for operator, may in (("StringNotEquals", True), ("StringEqualsIfExists", True), ("StringEquals", False)):
        said = policy(
            {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"aws:PrincipalTag/team": "red"}}}
        )
        assert allowed([said], Call("s3:GetObject", "arn:aws:s3:::a/b")) is may


@pytest.mark.parametrize("odd", [{"NotAction": "s3:*"}, {"Condition": {"NumericLessThan": {"s3:max-keys": "10"}}}])
def test_what_is_not_understood_is_refused(odd: dict[str, Any]) -> None:
    said = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*", **odd})
    with pytest.raises(ValueError, match="understood"):
        allowed([said], Call("s3:GetObject", "arn:aws:s3:::a/b"))
