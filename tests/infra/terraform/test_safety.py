"""What a reviewer looks for in every plan: nothing public, unencrypted, untagged, without an alarm or without a way out."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

TAGS = {"Project": "gas", "ManagedBy": "terraform"}
UNIT = Path(__file__).parents[3] / "ansible" / "roles" / "daemon" / "templates" / "daemon.service.j2"
SERVICE_TOPICS = {"retrievals", "alarms", "warnings", "bounces"}


def by_key(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Values by the key of for_each."""
    return {address.rpartition('["')[2].rstrip('"]'): values for address, values in resources.items()}


def statements(policy: str) -> list[dict[str, Any]]:
    return json.loads(policy)["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_bucket_is_public(deployment) -> None:
    buckets = by_key(deployment.planned("aws_s3_bucket"))
    assert set(buckets) == {"inputs", "results", "logs"}
    blocks = by_key(deployment.planned("aws_s3_bucket_public_access_block"))
    assert set(blocks) == set(buckets)
    for block in blocks.values():
        assert block["block_public_acls"] and block["block_public_policy"]
        assert block["ignore_public_acls"] and block["restrict_public_buckets"]
    for policy in deployment.planned("aws_s3_bucket_policy").values():
        assert all(said["Principal"] != "*" for said in statements(policy["policy"]) if said["Effect"] == "Allow")
    assert not deployment.planned("aws_s3_bucket_acl") and not deployment.planned("aws_s3_bucket_website_configuration")
    owners = by_key(deployment.planned("aws_s3_bucket_ownership_controls"))
    assert {values["rule"][0]["object_ownership"] for values in owners.values()} == {"BucketOwnerEnforced"}


def test_nothing_is_versioned(deployment) -> None:
    """An old version would keep what was archived or deleted."""
    assert not deployment.planned("aws_s3_bucket_versioning")


def test_plain_text_is_denied(deployment) -> None:
    for kind in ("aws_s3_bucket_policy", "aws_sqs_queue_policy"):
        for address, values in deployment.planned(kind).items():
            denied = [said for said in statements(values["policy"]) if said["Effect"] == "Deny"]
            assert [said["Condition"] for said in denied] == [{"Bool": {"aws:SecureTransport": "false"}}], address


def test_everything_is_encrypted(deployment) -> None:
    assert all(queue["sqs_managed_sse_enabled"] for queue in deployment.planned("aws_sqs_queue").values())
    assert all(table["server_side_encryption"][0]["enabled"] for table in deployment.planned("aws_dynamodb_table").values())
    encrypted = by_key(deployment.planned("aws_s3_bucket_server_side_encryption_configuration"))
    assert set(encrypted) == set(by_key(deployment.planned("aws_s3_bucket")))
    for template in deployment.planned("aws_launch_template").values():
        assert [device["ebs"][0]["encrypted"] for device in template["block_device_mappings"]] == ["true"]
    for topic in deployment.planned("aws_sns_topic").values():
        name = topic["name"].partition("_")[2]
        # AWS services may not use the default key: with it, what they publish would be lost
        assert topic["kms_master_key_id"] == (None if name in SERVICE_TOPICS else "alias/aws/sns")
    listeners = deployment.planned("aws_lb_listener").values()
    assert {(listener["protocol"], listener["default_action"][0]["type"]) for listener in listeners} == {
        ("HTTPS", "forward"),
        ("HTTP", "redirect"),
    }
    assert all("TLS13" in listener["ssl_policy"] for listener in listeners if listener["protocol"] == "HTTPS")


def test_metadata_needs_a_token(deployment) -> None:
    templates = deployment.planned("aws_launch_template")
    assert len(templates) == 3
    for template in templates.values():
        (options,) = template["metadata_options"]
        assert (options["http_tokens"], options["http_put_response_hop_limit"]) == ("required", 1)


def test_only_the_load_balancer_is_open_to_the_world(deployment) -> None:
    for address, rule in deployment.planned("aws_vpc_security_group_ingress_rule").items():
        if rule.get("cidr_ipv4") == "0.0.0.0/0":
            assert ".module.web." in address and rule["from_port"] in (80, 443)
    assert all(not group.get("ingress") for group in deployment.planned("aws_default_security_group").values())


def test_security_groups_say_what_they_are_for(deployment) -> None:
    """In the characters that EC2 takes, which no schema knows."""
    kinds = ("aws_security_group", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
    for kind in kinds:
        for address, values in deployment.planned(kind).items():
            assert re.fullmatch(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}", values["description"]), address


def test_everything_is_tagged(deployment) -> None:
    """Also what the groups launch, which the provider's default tags do not reach."""
    expected = TAGS | {"Environment": deployment.environment, "Deployment": f"gas-{deployment.environment}"}
    for address, values in deployment.planned("").items():
        if "tags_all" in values and not address.startswith("data."):
            assert values["tags_all"].items() >= expected.items(), address
    for template in deployment.planned("aws_launch_template").values():
        specified = {item["resource_type"]: item["tags"] for item in template["tag_specifications"]}
        assert set(specified) == {"instance", "volume", "network-interface"}
        assert all(tags.items() >= expected.items() for tags in specified.values())


def test_every_alarm_reaches_somebody(deployment) -> None:
    alarms = deployment.applied("aws_cloudwatch_metric_alarm")
    topic = f"arn:aws:sns:us-east-1:123456789012:gas-{deployment.environment}"
    topics = {"urgent": f"{topic}_alarms", "warning": f"{topic}_warnings"}
    severities = set()
    assert len(alarms) >= 15
    for address, alarm in alarms.items():
        assert alarm["alarm_description"] and alarm["alarm_actions"], address
        if not address.endswith(".wake[0]"):
            severities.add(severity := alarm["tags"]["Severity"])
            assert alarm["alarm_actions"] == [topics[severity]], address
    assert severities == set(topics)
    heard = {values["topic_arn"] for values in deployment.applied("aws_sns_topic_subscription").values()}
    assert set(topics.values()) <= heard


def test_no_alarm_looks_at_what_another_deployment_reports(deployment) -> None:
    """Metrics of daemons and of hosts carry the deployment; those of AWS have its name in what they are about."""
    name = f"gas-{deployment.environment}"
    for address, alarm in deployment.applied("aws_cloudwatch_metric_alarm").items():
        asked = [alarm, *(query["metric"][0] for query in alarm.get("metric_query", []) if query["metric"])]
        for one in (one for one in asked if one.get("dimensions")):
            if one["namespace"] in ("GAS", "CWAgent"):
                assert name in (one["dimensions"].get("deployment"), one["dimensions"].get("Deployment")), address
            elif one["namespace"] != "AWS/SES":  # an account has one reputation
                assert all(name in value for value in one["dimensions"].values()), address


def test_alarms_name_metrics_that_daemons_report(deployment) -> None:
    from app.process.metrics import NAMESPACE, Metric

    alarms = deployment.planned("aws_cloudwatch_metric_alarm").values()
    queries = [query["metric"][0] for alarm in alarms for query in alarm.get("metric_query", []) if query["metric"]]
    alarmed = {said["metric_name"] for said in (*alarms, *queries) if said["namespace"] == NAMESPACE}
    of_renewal = {Metric.RENEWAL_FAILURES, Metric.CLINVAR_AGE} if deployment.renewing else set()
    assert alarmed == {Metric.VIOLATIONS, Metric.REPAIRS} | of_renewal
    (dashboard,) = deployment.applied("aws_cloudwatch_dashboard").values()
    shown = [
        metric for widget in json.loads(dashboard["dashboard_body"])["widgets"] for metric in widget["properties"]["metrics"]
    ]
    assert {metric[1] for metric in shown if metric[0] == NAMESPACE} <= set(Metric)


def test_logs_are_not_kept_for_ever(deployment) -> None:
    groups = deployment.planned("aws_cloudwatch_log_group")
    assert groups and all(group["retention_in_days"] for group in groups.values())


def test_no_secret_has_a_value(deployment) -> None:
    assert deployment.planned("aws_secretsmanager_secret")
    assert not deployment.planned("aws_secretsmanager_secret_version")
    names = json.dumps(
        [deployment.output("settings"), [t["user_data"] for t in deployment.applied("aws_launch_template").values()]]
    )
    assert "GAS_STRIPE_SECRET_KEY" not in names


def test_protection_follows_the_environment(deployment) -> None:
    protected = deployment.environment == "prod"
    assert {table["deletion_protection_enabled"] for table in deployment.planned("aws_dynamodb_table").values()} == {protected}
    assert {bucket["force_destroy"] for bucket in deployment.planned("aws_s3_bucket").values()} == {not protected}
    (balancer,) = deployment.planned("aws_lb").values()
    assert balancer["enable_deletion_protection"] is protected
    assert balancer["drop_invalid_header_fields"] and balancer["access_logs"][0]["enabled"]


def test_tables_can_be_restored(deployment) -> None:
    assert all(table["point_in_time_recovery"][0]["enabled"] for table in deployment.planned("aws_dynamodb_table").values())


def test_vault_only_where_it_is_the_archive(deployment) -> None:
    assert len(deployment.planned("aws_glacier_vault")) == (deployment.backend == "glacier")


def test_groups_drain_and_replace(deployment) -> None:
    groups = {values["name"]: values for values in deployment.planned("aws_autoscaling_group").values()}
    assert len(groups) == 3
    (unit,) = re.findall(r"^TimeoutStopSec={{ daemon_drain_seconds \| int \+ (\d+) }}$", UNIT.read_text(), re.MULTILINE)
    stopping_seconds = int(deployment.output("settings")["GAS_DRAIN_SECONDS"]) + int(unit)
    hooks = deployment.planned("aws_autoscaling_lifecycle_hook").values()
    for group in groups.values():
        own = {h["lifecycle_transition"].rpartition("_")[2]: h for h in hooks if h["autoscaling_group_name"] == group["name"]}
        assert own["LAUNCHING"]["default_result"] == "ABANDON"
        assert own["TERMINATING"]["default_result"] == "CONTINUE"
        # gas-drain waits for systemd, and systemd for the daemons
        assert own["TERMINATING"]["heartbeat_timeout"] > stopping_seconds
        assert group["instance_refresh"][0]["preferences"][0]["min_healthy_percentage"] == 100
    web = groups[f"gas-{deployment.environment}-web"]
    assert web["health_check_type"] == "ELB"


def test_annotators_follow_their_backlog(deployment) -> None:
    (policy,) = (values for address, values in deployment.planned("aws_autoscaling_policy").items() if ".backlog[" in address)
    (tracking,) = policy["target_tracking_configuration"]
    metrics = {metric["id"]: metric for metric in tracking["customized_metric_specification"][0]["metrics"]}
    (result,) = (metric for metric in metrics.values() if metric["return_data"])
    assert result["expression"] == "IF(n>0, v/n, v)"
    queue = metrics["waiting"]["metric_stat"][0]["metric"][0]["dimensions"][0]["value"]
    assert queue == f"gas-{deployment.environment}_job_requests"
    assert bool([address for address in deployment.planned("aws_autoscaling_policy") if ".wake[" in address]) == (
        deployment.environment == "dev"
    )


@pytest.mark.parametrize(
    "kind", ["aws_iam_policy", "aws_iam_role", "aws_s3_bucket_policy", "aws_sqs_queue_policy", "aws_sns_topic_policy"]
)
def test_policies_can_be_read_in_the_plan(deployment, kind: str) -> None:
    """A reviewer sees who may do what before it is so, but for the ARN of a secret, which AWS makes up."""
    for address, values in deployment.planned(kind).items():
        if not address.endswith('aws_iam_policy.this["web"]'):
            assert values.get("policy") or values.get("assume_role_policy"), address


def test_user_data_is_what_the_plan_says(deployment) -> None:
    for template in deployment.applied("aws_launch_template").values():
        assert base64.b64decode(template["user_data"]).startswith(b"#!/bin/bash\n")
