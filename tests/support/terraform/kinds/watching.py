"""Logs, alarms, the dashboard, the budget, and mail."""

from __future__ import annotations

from typing import Any

from .kind import Kind, Tags, only
from .shape import Block, Field, Shape, Values, document, pairs, to_aws

METRIC: Shape = {
    "namespace": Field("Metric.Namespace"),
    "metric_name": Field("Metric.MetricName"),
    "dimensions": pairs("Metric.Dimensions"),
    "period": Field("Period"),
    "stat": Field("Stat"),
}
ALARM: Shape = {
    "alarm_name": Field("AlarmName"),
    "alarm_description": Field("AlarmDescription"),
    "comparison_operator": Field("ComparisonOperator"),
    "evaluation_periods": Field("EvaluationPeriods"),
    "treat_missing_data": Field("TreatMissingData"),
    "namespace": Field("Namespace"),
    "metric_name": Field("MetricName"),
    "statistic": Field("Statistic"),
    "period": Field("Period"),
    "threshold": Field("Threshold", float),
    "alarm_actions": Field("AlarmActions"),
    "ok_actions": Field("OKActions"),
    "dimensions": pairs("Dimensions"),
    "metric_query": Block(
        "Metrics",
        {
            "id": Field("Id"),
            "expression": Field("Expression"),
            "label": Field("Label"),
            "return_data": Field("ReturnData"),
            "metric": Block("MetricStat", METRIC),
        },
        one=False,
    ),
}


def named(values: Values, name: str = "name", aws: str = "logGroupName") -> dict[str, str]:
    return {aws: values[name]}


def make_log_group(aws: Any, values: Values) -> Values:
    aws("logs").create_log_group(**named(values))
    set_retention(aws, values)
    return {"id": values["name"]}


def set_retention(aws: Any, values: Values) -> None:
    aws("logs").put_retention_policy(**named(values), retentionInDays=values["retention_in_days"])


def read_log_group(aws: Any, values: Values) -> Any:
    found = aws("logs").describe_log_groups(logGroupNamePrefix=values["name"])["logGroups"]
    group = only([group for group in found if group["logGroupName"] == values["name"]])
    return {**group, "arn": group["arn"].removesuffix(":*")}


def put_alarm(aws: Any, values: Values) -> Values:
    said = to_aws(ALARM, values)
    for query in said.get("Metrics", []):
        query.setdefault("ReturnData", False)
    aws("cloudwatch").put_metric_alarm(**said)
    return {"id": values["alarm_name"]}


def put_dashboard(aws: Any, values: Values) -> Values:
    name = values["dashboard_name"]
    aws("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=values["dashboard_body"])
    return {"id": name, "dashboard_arn": f"arn:aws:cloudwatch::123456789012:dashboard/{name}"}


BUDGET: Shape = {
    "name": Field("BudgetName"),
    "budget_type": Field("BudgetType"),
    "time_unit": Field("TimeUnit"),
    "limit_amount": Field("BudgetLimit.Amount"),
    "limit_unit": Field("BudgetLimit.Unit"),
}


def make_budget(aws: Any, values: Values) -> Values:
    account = aws("sts").get_caller_identity()["Account"]
    aws("budgets").create_budget(AccountId=account, Budget=to_aws(BUDGET, values))
    return {"id": f"{account}:{values['name']}", "account_id": account}


def of_budget(values: Values) -> dict[str, str]:
    return {"AccountId": values["account_id"], "BudgetName": values["name"]}


SENDING: Shape = {
    "configuration_set_name": Field("ConfigurationSetName"),
    "delivery_options": Block("DeliveryOptions", {"tls_policy": Field("TlsPolicy")}),
    "reputation_options": Block("ReputationOptions", {"reputation_metrics_enabled": Field("ReputationMetricsEnabled")}),
    "suppression_options": Block("SuppressionOptions", {"suppressed_reasons": Field("SuppressedReasons")}),
}


def make_configuration_set(aws: Any, values: Values) -> Values:
    aws("sesv2").create_configuration_set(**to_aws(SENDING, values))
    return {"id": values["configuration_set_name"]}


def make_identity(aws: Any, values: Values) -> Values:
    aws("sesv2").create_email_identity(EmailIdentity=values["email_identity"])
    return {"id": values["email_identity"]}


def of_identity(values: Values) -> dict[str, str]:
    return named(values, "email_identity", "EmailIdentity")


KINDS = {
    "aws_cloudwatch_log_group": Kind(
        {"name": Field("logGroupName"), "retention_in_days": Field("retentionInDays")},
        make_log_group,
        read_log_group,
        lambda aws, values: aws("logs").delete_log_group(**named(values)),
        set_retention,
        facts={"arn": Field("arn")},
        tags=Tags(
            "logs", "tag_resource", "list_tags_for_resource", lambda v: {"resourceArn": v["arn"]}, "tags", "tags", pairs=None
        ),
    ),
    "aws_cloudwatch_metric_alarm": Kind(
        ALARM,
        put_alarm,
        lambda aws, values: only(aws("cloudwatch").describe_alarms(AlarmNames=[values["alarm_name"]])["MetricAlarms"]),
        lambda aws, values: aws("cloudwatch").delete_alarms(AlarmNames=[values["alarm_name"]]),
        put_alarm,
        facts={"arn": Field("AlarmArn")},
        tags=Tags("cloudwatch", "tag_resource", "list_tags_for_resource", lambda v: {"ResourceARN": v["arn"]}),
    ),
    "aws_cloudwatch_dashboard": Kind(
        {"dashboard_body": document("DashboardBody")},
        put_dashboard,
        lambda aws, values: aws("cloudwatch").get_dashboard(DashboardName=values["dashboard_name"]),
        lambda aws, values: aws("cloudwatch").delete_dashboards(DashboardNames=[values["dashboard_name"]]),
        put_dashboard,
    ),
    "aws_budgets_budget": Kind(
        BUDGET,
        make_budget,
        lambda aws, values: aws("budgets").describe_budget(**of_budget(values))["Budget"],
        lambda aws, values: aws("budgets").delete_budget(**of_budget(values)),
    ),
    "aws_sesv2_configuration_set": Kind(
        {"configuration_set_name": Field("ConfigurationSetName")},
        make_configuration_set,
        lambda aws, v: aws("sesv2").get_configuration_set(ConfigurationSetName=v["configuration_set_name"]),
        lambda aws, v: aws("sesv2").delete_configuration_set(ConfigurationSetName=v["configuration_set_name"]),
    ),
    "aws_sesv2_email_identity": Kind(
        {},
        make_identity,
        lambda aws, values: aws("sesv2").get_email_identity(**of_identity(values)),
        lambda aws, values: aws("sesv2").delete_email_identity(**of_identity(values)),
    ),
}
