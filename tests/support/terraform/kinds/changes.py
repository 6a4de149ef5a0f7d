"""What a change does beyond the attribute that changes: some replace the thing, some leave others to be known afterwards.

One row a type: the file of the provider that says so (`ForceNew` and `CustomizeDiff` of a schema, `RequiresReplace` of a plan
modifier), the attributes that cannot change in place, and what AWS decides anew when anything of the thing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PROVIDER = "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/"


@dataclass(frozen=True)
class Change:
    """`file` is below PROVIDER; `replaces` and `unknown` name attributes or blocks of the type."""

    file: str
    replaces: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return PROVIDER + self.file


CHANGES = {
    "aws_acm_certificate": Change("acm/certificate.go", ("domain_name", "validation_method")),
    # the hooks of a group are given with its creation alone:
    # https://github.com/hashicorp/terraform-provider-aws/pull/34260
    "aws_autoscaling_group": Change("autoscaling/group.go", ("name", "initial_lifecycle_hook")),
    "aws_autoscaling_lifecycle_hook": Change("autoscaling/lifecycle_hook.go", ("name", "autoscaling_group_name")),
    "aws_autoscaling_policy": Change("autoscaling/policy.go", ("name", "autoscaling_group_name")),
    "aws_budgets_budget": Change("budgets/budget.go", ("name",)),
    "aws_cloudwatch_dashboard": Change("cloudwatch/dashboard.go", ("dashboard_name",)),
    "aws_cloudwatch_log_group": Change("logs/group.go", ("name",)),
    "aws_cloudwatch_metric_alarm": Change("cloudwatch/metric_alarm.go", ("alarm_name",)),
    "aws_default_security_group": Change("ec2/vpc_default_security_group.go", ("vpc_id",)),
    "aws_dynamodb_table": Change("dynamodb/table.go", ("name", "hash_key", "range_key")),
    "aws_eip": Change("ec2/ec2_eip.go", ("domain",)),
    "aws_flow_log": Change("ec2/vpc_flow_log.go", ("vpc_id", "traffic_type", "log_destination", "iam_role_arn")),
    "aws_glacier_vault": Change("glacier/vault.go", ("name",)),
    "aws_iam_instance_profile": Change("iam/instance_profile.go", ("name", "path")),
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html: a description cannot be changed
    "aws_iam_policy": Change("iam/policy.go", ("name", "path", "description")),
    "aws_iam_role": Change("iam/role.go", ("name", "path")),
    "aws_iam_role_policy": Change("iam/role_policy.go", ("name", "role")),
    "aws_iam_role_policy_attachment": Change("iam/role_policy_attachment.go", ("role", "policy_arn")),
    # a template is never changed, it gets another version:
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html
    "aws_launch_template": Change("ec2/ec2_launch_template.go", ("name",), ("latest_version", "default_version")),
    "aws_lb": Change("elbv2/load_balancer.go", ("name", "internal", "load_balancer_type")),
    "aws_lb_listener": Change("elbv2/listener.go", ("load_balancer_arn",)),
    "aws_lb_target_group": Change("elbv2/target_group.go", ("name", "port", "protocol", "vpc_id")),
    "aws_nat_gateway": Change("ec2/vpc_nat_gateway.go", ("allocation_id", "subnet_id")),
    "aws_route": Change("ec2/vpc_route.go", ("route_table_id", "destination_cidr_block")),
    "aws_route53_record": Change("route53/record.go", ("zone_id", "name")),
    "aws_route_table": Change("ec2/vpc_route_table.go", ("vpc_id",)),
    "aws_route_table_association": Change("ec2/vpc_route_table_association.go", ("subnet_id",)),
    "aws_s3_bucket": Change("s3/bucket.go", ("bucket",)),
    "aws_s3_bucket_cors_configuration": Change("s3/bucket_cors_configuration.go", ("bucket",)),
    "aws_s3_bucket_lifecycle_configuration": Change("s3/bucket_lifecycle_configuration.go", ("bucket",)),
    "aws_s3_bucket_logging": Change("s3/bucket_logging.go", ("bucket",)),
    "aws_s3_bucket_notification": Change("s3/bucket_notification.go", ("bucket",)),
    "aws_s3_bucket_ownership_controls": Change("s3/bucket_ownership_controls.go", ("bucket",)),
    "aws_s3_bucket_policy": Change("s3/bucket_policy.go", ("bucket",)),
    "aws_s3_bucket_public_access_block": Change("s3/bucket_public_access_block.go", ("bucket",)),
    "aws_s3_bucket_server_side_encryption_configuration": Change(
        "s3/bucket_server_side_encryption_configuration.go", ("bucket",)
    ),
    "aws_secretsmanager_secret": Change("secretsmanager/secret.go", ("name",)),
    # https://docs.aws.amazon.com/vpc/latest/userguide/security-groups.html: name and description stay as they were made
    "aws_security_group": Change("ec2/vpc_security_group.go", ("name", "description", "vpc_id")),
    "aws_sesv2_configuration_set": Change("sesv2/configuration_set.go", ("configuration_set_name",)),
    "aws_sesv2_configuration_set_event_destination": Change(
        "sesv2/configuration_set_event_destination.go", ("configuration_set_name", "event_destination_name")
    ),
    "aws_sesv2_email_identity": Change("sesv2/email_identity.go", ("email_identity",)),
    "aws_sesv2_email_identity_mail_from_attributes": Change("sesv2/email_identity_mail_from_attributes.go", ("email_identity",)),
    "aws_sns_topic": Change("sns/topic.go", ("name",)),
    "aws_sns_topic_policy": Change("sns/topic_policy.go", ("arn",)),
    "aws_sns_topic_subscription": Change("sns/topic_subscription.go", ("topic_arn", "protocol", "endpoint")),
    "aws_sqs_queue": Change("sqs/queue.go", ("name", "fifo_queue")),
    "aws_sqs_queue_policy": Change("sqs/queue_policy.go", ("queue_url",)),
    "aws_sqs_queue_redrive_allow_policy": Change("sqs/queue_redrive_allow_policy.go", ("queue_url",)),
    "aws_subnet": Change("ec2/vpc_subnet.go", ("vpc_id", "cidr_block", "availability_zone")),
    "aws_vpc": Change("ec2/vpc_.go", ("cidr_block",)),
    "aws_vpc_endpoint": Change("ec2/vpc_endpoint.go", ("vpc_id", "service_name", "vpc_endpoint_type")),
    "aws_vpc_security_group_egress_rule": Change("ec2/vpc_security_group_egress_rule.go", ("security_group_id",)),
    "aws_vpc_security_group_ingress_rule": Change("ec2/vpc_security_group_ingress_rule.go", ("security_group_id",)),
}
NONE = Change("", ())


def replaced_by(kind: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Attributes whose change replaces the thing."""
    return [name for name in CHANGES.get(kind, NONE).replaces if differs(before.get(name), after.get(name))]


def differs(before: Any, after: Any) -> bool:
    """Whether two values of an attribute differ; blocks are a set, so their order says nothing."""
    if isinstance(before, list) and isinstance(after, list):
        return sorted(map(repr, before)) != sorted(map(repr, after))
    return before != after


def unknown_after(kind: str) -> tuple[str, ...]:
    """Attributes that are only known after an apply that changes the thing."""
    return CHANGES.get(kind, NONE).unknown
