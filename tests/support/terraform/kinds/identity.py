"""Roles, their policies, and what hands them to instances."""

from __future__ import annotations

from typing import Any

from .kind import Kind, Tags, only
from .shape import Field, Shape, Values, document, to_aws

ROLE: Shape = {
    "name": Field("RoleName"),
    "description": Field("Description"),
    "assume_role_policy": document("AssumeRolePolicyDocument"),
}
POLICY: Shape = {"name": Field("PolicyName"), "description": Field("Description"), "policy": document("PolicyDocument")}
PROFILE: Shape = {"name": Field("InstanceProfileName"), "role": Field("Role")}


def make_role(aws: Any, values: Values) -> Values:
    aws("iam").create_role(**to_aws(ROLE, values))
    return {"id": values["name"]}


def change_role(aws: Any, values: Values) -> None:
    aws("iam").update_assume_role_policy(RoleName=values["name"], PolicyDocument=values["assume_role_policy"])


def make_policy(aws: Any, values: Values) -> Values:
    arn = aws("iam").create_policy(**to_aws(POLICY, values))["Policy"]["Arn"]
    return {"id": arn, "arn": arn}


def read_policy(aws: Any, values: Values) -> Any:
    policy = aws("iam").get_policy(PolicyArn=values["arn"])["Policy"]
    version = aws("iam").get_policy_version(PolicyArn=values["arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return {**policy, "PolicyDocument": version["Document"]}


def change_policy(aws: Any, values: Values) -> None:
    """A new version, in place of the old one: IAM keeps five at most."""
    before = aws("iam").get_policy(PolicyArn=values["arn"])["Policy"]["DefaultVersionId"]
    aws("iam").create_policy_version(PolicyArn=values["arn"], PolicyDocument=values["policy"], SetAsDefault=True)
    aws("iam").delete_policy_version(PolicyArn=values["arn"], VersionId=before)


def delete_policy(aws: Any, values: Values) -> None:
    for version in aws("iam").list_policy_versions(PolicyArn=values["arn"])["Versions"]:
        if not version["IsDefaultVersion"]:
            aws("iam").delete_policy_version(PolicyArn=values["arn"], VersionId=version["VersionId"])
    aws("iam").delete_policy(PolicyArn=values["arn"])


def of_role(values: Values) -> dict[str, str]:
    return {"RoleName": values["role"], "PolicyName": values["name"]}


def write_role_policy(aws: Any, values: Values) -> Values:
    aws("iam").put_role_policy(**of_role(values), PolicyDocument=values["policy"])
    return {"id": f"{values['role']}:{values['name']}"}


def attach(aws: Any, values: Values) -> Values:
    aws("iam").attach_role_policy(RoleName=values["role"], PolicyArn=values["policy_arn"])
    return {"id": f"{values['role']}/{values['policy_arn']}"}


def read_attachment(aws: Any, values: Values) -> Any:
    attached = aws("iam").list_attached_role_policies(RoleName=values["role"])["AttachedPolicies"]
    found = only([policy for policy in attached if policy["PolicyArn"] == values["policy_arn"]])
    return {"PolicyArn": found["PolicyArn"], "RoleName": values["role"]}


def make_profile(aws: Any, values: Values) -> Values:
    tags = [{"Key": key, "Value": value} for key, value in (values["tags_all"] or {}).items()]
    aws("iam").create_instance_profile(InstanceProfileName=values["name"], Tags=tags)
    aws("iam").add_role_to_instance_profile(InstanceProfileName=values["name"], RoleName=values["role"])
    return {"id": values["name"]}


def read_profile(aws: Any, values: Values) -> Any:
    profile = aws("iam").get_instance_profile(InstanceProfileName=values["name"])["InstanceProfile"]
    return {**profile, "Role": only(profile["Roles"])["RoleName"]}


def delete_profile(aws: Any, values: Values) -> None:
    named = {"InstanceProfileName": values["name"]}
    aws("iam").remove_role_from_instance_profile(**named, RoleName=values["role"])
    aws("iam").delete_instance_profile(**named)


KINDS = {
    "aws_iam_role": Kind(
        ROLE,
        make_role,
        lambda aws, values: aws("iam").get_role(RoleName=values["name"])["Role"],
        lambda aws, values: aws("iam").delete_role(RoleName=values["name"]),
        change_role,
        facts={"arn": Field("Arn"), "unique_id": Field("RoleId")},
        tags=Tags("iam", "tag_role", "list_role_tags", lambda v: {"RoleName": v["name"]}),
    ),
    "aws_iam_policy": Kind(
        POLICY,
        make_policy,
        read_policy,
        delete_policy,
        change_policy,
        facts={"policy_id": Field("PolicyId")},
        tags=Tags("iam", "tag_policy", "list_policy_tags", lambda v: {"PolicyArn": v["arn"]}),
    ),
    "aws_iam_role_policy": Kind(
        {"policy": document("PolicyDocument")},
        write_role_policy,
        lambda aws, values: aws("iam").get_role_policy(**of_role(values)),
        lambda aws, values: aws("iam").delete_role_policy(**of_role(values)),
        write_role_policy,
    ),
    "aws_iam_role_policy_attachment": Kind(
        {"role": Field("RoleName"), "policy_arn": Field("PolicyArn")},
        attach,
        read_attachment,
        lambda aws, values: aws("iam").detach_role_policy(RoleName=values["role"], PolicyArn=values["policy_arn"]),
    ),
    "aws_iam_instance_profile": Kind(
        PROFILE,
        make_profile,
        read_profile,
        delete_profile,
        facts={"arn": Field("Arn"), "unique_id": Field("InstanceProfileId")},
        tags=Tags("iam", "", "get_instance_profile", lambda v: {"InstanceProfileName": v["name"]}, got="InstanceProfile.Tags"),
    ),
}
