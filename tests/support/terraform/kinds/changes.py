"""What a change does beyond the attribute that changes: some replace the thing, some leave others to be known afterwards.

By type: attributes that cannot change in place ("Forces new resource" in the provider's documentation, ForceNew in its
schemas), and what AWS decides anew when anything of the thing changes. The documentation of a type is at
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/TYPE, without `aws_`.
"""

from __future__ import annotations

from typing import Any

REPLACES: dict[str, tuple[str, ...]] = {
    "aws_acm_certificate": ("domain_name", "validation_method"),
    # the hooks of a group are given with its creation alone:
    # https://github.com/hashicorp/terraform-provider-aws/pull/34260
    "aws_autoscaling_group": ("name", "initial_lifecycle_hook"),
    "aws_autoscaling_policy": ("name", "autoscaling_group_name"),
    "aws_budgets_budget": ("name",),
    "aws_cloudwatch_dashboard": ("dashboard_name",),
    "aws_cloudwatch_log_group": ("name",),
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_default_security_group": ("vpc_id",),
    "aws_dynamodb_table": ("name", "hash_key", "range_key"),
    "aws_eip": ("domain",),
    "aws_flow_log": ("vpc_id", "traffic_type", "log_destination", "iam_role_arn"),
    "aws_glacier_vault": ("name",),
    "aws_iam_instance_profile": ("name", "path"),
    # IAM cannot change a description: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
    "aws_iam_policy": ("name", "path", "description"),
    "aws_iam_role": ("name", "path"),
    "aws_iam_role_policy": ("name", "role"),
    "aws_iam_role_policy_attachment": ("role", "policy_arn"),
    "aws_launch_template": ("name",),
    "aws_lb": ("name", "internal", "load_balancer_type"),
    "aws_lb_listener": ("load_balancer_arn",),
    "aws_lb_target_group": ("name", "port", "protocol", "vpc_id"),
    "aws_nat_gateway": ("allocation_id", "subnet_id"),
    "aws_route": ("route_table_id", "destination_cidr_block"),
    "aws_route53_record": ("zone_id", "name"),
    "aws_route_table": ("vpc_id",),
    "aws_route_table_association": ("subnet_id",),
    "aws_s3_bucket": ("bucket",),
    "aws_s3_bucket_cors_configuration": ("bucket",),
    "aws_s3_bucket_lifecycle_configuration": ("bucket",),
    "aws_s3_bucket_logging": ("bucket",),
    "aws_s3_bucket_notification": ("bucket",),
    "aws_s3_bucket_ownership_controls": ("bucket",),
    "aws_s3_bucket_policy": ("bucket",),
    "aws_s3_bucket_public_access_block": ("bucket",),
    "aws_s3_bucket_server_side_encryption_configuration": ("bucket",),
    "aws_secretsmanager_secret": ("name",),
    # https://docs.aws.amazon.com/vpc/latest/userguide/security-groups.html: name and description stay as they were made
    "aws_security_group": ("name", "description", "vpc_id"),
    "aws_sesv2_configuration_set": ("configuration_set_name",),
    "aws_sesv2_configuration_set_event_destination": ("configuration_set_name", "event_destination_name"),
    "aws_sesv2_email_identity": ("email_identity",),
    "aws_sesv2_email_identity_mail_from_attributes": ("email_identity",),
    "aws_sns_topic": ("name",),
    "aws_sns_topic_policy": ("arn",),
    "aws_sns_topic_subscription": ("topic_arn", "protocol", "endpoint"),
    "aws_sqs_queue": ("name", "fifo_queue"),
    "aws_sqs_queue_policy": ("queue_url",),
    "aws_sqs_queue_redrive_allow_policy": ("queue_url",),
    "aws_subnet": ("vpc_id", "cidr_block", "availability_zone"),
    "aws_vpc": ("cidr_block",),
    "aws_vpc_endpoint": ("vpc_id", "service_name", "vpc_endpoint_type"),
    "aws_vpc_security_group_egress_rule": ("security_group_id",),
    "aws_vpc_security_group_ingress_rule": ("security_group_id",),
}

UNKNOWN_AFTER: dict[str, tuple[str, ...]] = {
    # a template is never changed, it gets another version:
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html
    "aws_launch_template": ("latest_version", "default_version"),
}


def replaced_by(kind: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Attributes whose change replaces the thing."""
    return [name for name in REPLACES.get(kind, ()) if differs(before.get(name), after.get(name))]


def differs(before: Any, after: Any) -> bool:
    """Whether two values of an attribute differ; blocks are a set, so their order says nothing."""
    if isinstance(before, list) and isinstance(after, list):
        return sorted(map(repr, before)) != sorted(map(repr, after))
    return before != after
