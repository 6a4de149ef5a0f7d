"""Load balancer, certificate, launch templates, groups and what scales them."""

from __future__ import annotations

from typing import Any

from .kind import Kind, Tags, only
from .network import EC2_TAGS
from .shape import Block, Field, Shape, Values, flag, text, to_aws

BALANCER: Shape = {
    "name": Field("LoadBalancerName"),
    "load_balancer_type": Field("Type"),
    "security_groups": Field("SecurityGroups"),
    "idle_timeout": text("Attributes.idle_timeout"),
    "drop_invalid_header_fields": flag("Attributes.routing_http_drop_invalid_header_fields_enabled"),
    "enable_deletion_protection": flag("Attributes.deletion_protection_enabled"),
    "access_logs": Block(
        "Attributes",
        {
            "bucket": Field("access_logs_s3_bucket"),
            "prefix": Field("access_logs_s3_prefix"),
            "enabled": flag("access_logs_s3_enabled"),
        },
    ),
}
TARGETS: Shape = {
    "name": Field("TargetGroupName"),
    "vpc_id": Field("VpcId"),
    "port": Field("Port"),
    "protocol": Field("Protocol"),
    "health_check": Block(
        "Health",
        {
            "path": Field("HealthCheckPath"),
            "matcher": Field("Matcher.HttpCode"),
            "interval": Field("HealthCheckIntervalSeconds"),
            "timeout": Field("HealthCheckTimeoutSeconds"),
            "healthy_threshold": Field("HealthyThresholdCount"),
            "unhealthy_threshold": Field("UnhealthyThresholdCount"),
        },
    ),
    "deregistration_delay": Field("Attributes.deregistration_delay_timeout_seconds", str, str),
    "load_balancing_algorithm_type": Field("Attributes.load_balancing_algorithm_type"),
}
LISTENER: Shape = {
    "load_balancer_arn": Field("LoadBalancerArn"),
    "port": Field("Port"),
    "protocol": Field("Protocol"),
    "ssl_policy": Field("SslPolicy"),
    "certificate_arn": Field(
        "Certificates", lambda arn: [{"CertificateArn": arn}], lambda found: found[0]["CertificateArn"] if found else None
    ),
    "default_action": Block(
        "DefaultActions",
        {
            "type": Field("Type"),
            "target_group_arn": Field("TargetGroupArn"),
            "redirect": Block(
                "RedirectConfig",
                {"port": Field("Port"), "protocol": Field("Protocol"), "status_code": Field("StatusCode")},
            ),
        },
        one=False,
    ),
}
DOTS = {
    "idle_timeout": "idle_timeout.timeout_seconds",
    "routing_http_drop_invalid_header_fields_enabled": "routing.http.drop_invalid_header_fields.enabled",
    "deletion_protection_enabled": "deletion_protection.enabled",
    "access_logs_s3_bucket": "access_logs.s3.bucket",
    "access_logs_s3_prefix": "access_logs.s3.prefix",
    "access_logs_s3_enabled": "access_logs.s3.enabled",
    "deregistration_delay_timeout_seconds": "deregistration_delay.timeout_seconds",
    "load_balancing_algorithm_type": "load_balancing.algorithm.type",
}
"""Names of attributes at the load balancer, whose dots are part of the name."""

ELB_TAGS = Tags("elbv2", "add_tags", "describe_tags", lambda v: {"ResourceArns": [v["arn"]]}, got="TagDescriptions.0.Tags")


def set_attributes(operation: str, parameter: str, shape: Shape, aws: Any, values: Values) -> None:
    said = to_aws(shape, values)["Attributes"]
    attributes = [{"Key": DOTS[name], "Value": value} for name, value in said.items()]
    getattr(aws("elbv2"), operation)(**{parameter: values["arn"]}, Attributes=attributes)


def attributes(found: list[dict[str, str]]) -> dict[str, str]:
    names = {dotted: name for name, dotted in DOTS.items()}
    return {names.get(item["Key"], item["Key"]): item["Value"] for item in found}


def balancer_attributes(aws: Any, values: Values) -> None:
    shape = dict(BALANCER)
    logs = shape.pop("access_logs")
    set_attributes("modify_load_balancer_attributes", "LoadBalancerArn", shape, aws, values)
    if values["access_logs"]:
        assert isinstance(logs, Block)
        said = to_aws(logs.shape, values["access_logs"][0])
        aws("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=values["arn"], Attributes=[{"Key": DOTS[name], "Value": value} for name, value in said.items()]
        )


def make_balancer(aws: Any, values: Values) -> Values:
    made = aws("elbv2").create_load_balancer(
        Name=values["name"], Subnets=values["subnets"], SecurityGroups=values["security_groups"], Type="application"
    )["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    balancer_attributes(aws, {**values, "arn": arn})
    return {"id": arn, "arn": arn, "arn_suffix": arn.partition("loadbalancer/")[2]}


def read_balancer(aws: Any, values: Values) -> Any:
    balancer = only(aws("elbv2").describe_load_balancers(LoadBalancerArns=[values["arn"]])["LoadBalancers"])
    found = aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=values["arn"])["Attributes"]
    return {**balancer, "Attributes": attributes(found)}


def delete_balancer(aws: Any, values: Values) -> None:
    protected = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    found = aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=values["arn"])["Attributes"]
    if protected[0] in found:
        raise PermissionError("OperationNotPermitted: the load balancer is protected from deletion")
    aws("elbv2").delete_load_balancer(LoadBalancerArn=values["arn"])


def make_targets(aws: Any, values: Values) -> Values:
    said = to_aws(TARGETS, values)
    arn = aws("elbv2").create_target_group(
        Name=values["name"], VpcId=values["vpc_id"], Port=values["port"], Protocol=values["protocol"], **said["Health"]
    )["TargetGroups"][0]["TargetGroupArn"]
    change_targets(aws, {**values, "arn": arn})
    return {"id": arn, "arn": arn, "arn_suffix": arn.rpartition(":")[2]}


def change_targets(aws: Any, values: Values) -> None:
    set_attributes("modify_target_group_attributes", "TargetGroupArn", TARGETS, aws, values)


def read_targets(aws: Any, values: Values) -> Any:
    group = only(aws("elbv2").describe_target_groups(TargetGroupArns=[values["arn"]])["TargetGroups"])
    found = aws("elbv2").describe_target_group_attributes(TargetGroupArn=values["arn"])["Attributes"]
    return {**group, "Health": group, "Attributes": attributes(found)}


def make_listener(aws: Any, values: Values) -> Values:
    arn = aws("elbv2").create_listener(**to_aws(LISTENER, values))["Listeners"][0]["ListenerArn"]
    return {"id": arn, "arn": arn}


def make_certificate(aws: Any, values: Values) -> Values:
    arn = aws("acm").request_certificate(DomainName=values["domain_name"], ValidationMethod="DNS")["CertificateArn"]
    return {"id": arn, "arn": arn}


TEMPLATE: Shape = {
    "image_id": Field("ImageId"),
    "instance_type": Field("InstanceType"),
    "user_data": Field("UserData"),
    "iam_instance_profile": Block("IamInstanceProfile", {"arn": Field("Arn")}),
    "network_interfaces": Block(
        "NetworkInterfaces",
        {
            "associate_public_ip_address": Field(
                "AssociatePublicIpAddress", lambda value: value == "true", lambda value: str(value).lower()
            ),
            "delete_on_termination": Field(
                "DeleteOnTermination", lambda value: value == "true", lambda value: str(value).lower()
            ),
            "security_groups": Field("Groups"),
        },
        one=False,
    ),
    "metadata_options": Block(
        "MetadataOptions",
        {
            "http_endpoint": Field("HttpEndpoint"),
            "http_tokens": Field("HttpTokens"),
            "http_put_response_hop_limit": Field("HttpPutResponseHopLimit"),
            "instance_metadata_tags": Field("InstanceMetadataTags"),
        },
    ),
    "block_device_mappings": Block(
        "BlockDeviceMappings",
        {
            "device_name": Field("DeviceName"),
            "ebs": Block(
                "Ebs",
                {
                    "volume_size": Field("VolumeSize"),
                    "volume_type": Field("VolumeType"),
                    "encrypted": Field("Encrypted", lambda value: value == "true", lambda value: str(value).lower()),
                    "delete_on_termination": Field(
                        "DeleteOnTermination", lambda value: value == "true", lambda value: str(value).lower()
                    ),
                },
            ),
        },
        one=False,
    ),
    "tag_specifications": Block(
        "TagSpecifications",
        {
            "resource_type": Field("ResourceType"),
            "tags": Field(
                "Tags",
                lambda tags: [{"Key": name, "Value": value} for name, value in tags.items()],
                lambda found: {item["Key"]: item["Value"] for item in found},
            ),
        },
        one=False,
    ),
}


def make_template(aws: Any, values: Values) -> Values:
    made = aws("ec2").create_launch_template(LaunchTemplateName=values["name"], LaunchTemplateData=to_aws(TEMPLATE, values))
    return {"id": made["LaunchTemplate"]["LaunchTemplateId"]}


def change_template(aws: Any, values: Values) -> None:
    """A new version, which becomes the default."""
    made = aws("ec2").create_launch_template_version(LaunchTemplateId=values["id"], LaunchTemplateData=to_aws(TEMPLATE, values))
    number_ = str(made["LaunchTemplateVersion"]["VersionNumber"])
    aws("ec2").modify_launch_template(LaunchTemplateId=values["id"], DefaultVersion=number_)


def read_template(aws: Any, values: Values) -> Any:
    template = only(aws("ec2").describe_launch_templates(LaunchTemplateIds=[values["id"]])["LaunchTemplates"])
    latest = aws("ec2").describe_launch_template_versions(LaunchTemplateId=values["id"], Versions=["$Latest"])
    return {**template, **only(latest["LaunchTemplateVersions"])["LaunchTemplateData"]}


HOOK: Shape = {
    "name": Field("LifecycleHookName"),
    "lifecycle_transition": Field("LifecycleTransition"),
    "default_result": Field("DefaultResult"),
    "heartbeat_timeout": Field("HeartbeatTimeout"),
}
GROUP: Shape = {
    "name": Field("AutoScalingGroupName"),
    "min_size": Field("MinSize", kept=False),
    "max_size": Field("MaxSize"),
    "health_check_type": Field("HealthCheckType"),
    "health_check_grace_period": Field("HealthCheckGracePeriod"),
    "max_instance_lifetime": Field("MaxInstanceLifetime", kept=False),
    "capacity_rebalance": Field("CapacityRebalance"),
    "target_group_arns": Field("TargetGroupARNs"),
    "vpc_zone_identifier": Field("VPCZoneIdentifier", ",".join, lambda found: found.split(",")),
    "mixed_instances_policy": Block(
        "MixedInstancesPolicy",
        {
            "instances_distribution": Block(
                "InstancesDistribution",
                {
                    "on_demand_base_capacity": Field("OnDemandBaseCapacity"),
                    "on_demand_percentage_above_base_capacity": Field("OnDemandPercentageAboveBaseCapacity"),
                    "on_demand_allocation_strategy": Field("OnDemandAllocationStrategy"),
                    "spot_allocation_strategy": Field("SpotAllocationStrategy"),
                },
            ),
            "launch_template": Block(
                "LaunchTemplate",
                {
                    "launch_template_specification": Block(
                        "LaunchTemplateSpecification",
                        {"launch_template_id": Field("LaunchTemplateId"), "version": Field("Version", str, str)},
                    ),
                    "override": Block("Overrides", {"instance_type": Field("InstanceType")}, one=False),
                },
            ),
        },
    ),
}
METRICS = ("GroupDesiredCapacity", "GroupInServiceInstances", "GroupTotalInstances")


def group_tags(values: Values) -> list[dict[str, Any]]:
    of = {"ResourceId": values["name"], "ResourceType": "auto-scaling-group"}
    return [{"Key": tag["key"], "Value": tag["value"], "PropagateAtLaunch": False, **of} for tag in values["tag"]]


def make_group(aws: Any, values: Values) -> Values:
    """The group without instances: the emulator would start them, and nothing runs on them."""
    said = to_aws(GROUP, values)
    aws("autoscaling").create_auto_scaling_group(
        **{**said, "MinSize": 0, "DesiredCapacity": 0},
        Tags=group_tags(values),
        NewInstancesProtectedFromScaleIn=False,
    )
    # with the creation alone, and the provider never looks at them again
    for hook in values["initial_lifecycle_hook"]:
        aws("autoscaling").put_lifecycle_hook(AutoScalingGroupName=values["name"], **to_aws(HOOK, hook))
    change_group(aws, values)
    return {"id": values["name"]}


def change_group(aws: Any, values: Values) -> None:
    said = to_aws(GROUP, values)
    dropped = ("TargetGroupARNs", "MinSize")
    aws("autoscaling").update_auto_scaling_group(**{name: value for name, value in said.items() if name not in dropped})
    aws("autoscaling").create_or_update_tags(Tags=group_tags(values))


def change_and_refresh(aws: Any, values: Values) -> None:
    """Where the policy changes, the provider starts a refresh and does not wait for it; one that goes on is cancelled
    (https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/autoscaling/group.go, resourceGroupUpdate)."""
    before = read_group(aws, values)["MixedInstancesPolicy"]
    change_group(aws, values)
    if values["instance_refresh"] and read_group(aws, values)["MixedInstancesPolicy"] != before:
        group = {"AutoScalingGroupName": values["name"]}
        try:
            aws("autoscaling").start_instance_refresh(**group)
        except aws("autoscaling").exceptions.InstanceRefreshInProgressFault:
            aws("autoscaling").cancel_instance_refresh(**group)
            aws("autoscaling").start_instance_refresh(**group)


def read_group(aws: Any, values: Values) -> Any:
    return only(aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[values["name"]])["AutoScalingGroups"])


def delete_group(aws: Any, values: Values) -> None:
    aws("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=values["name"], ForceDelete=True)


def put_hook(aws: Any, values: Values) -> Values:
    """Also of a hook that is there: AWS changes the one of this name."""
    aws("autoscaling").put_lifecycle_hook(**of_hook(values), **{**to_aws(HOOK, values), "LifecycleHookName": values["name"]})
    return {"id": values["name"]}


def of_hook(values: Values) -> dict[str, Any]:
    return {"AutoScalingGroupName": values["autoscaling_group_name"]}


def read_hook(aws: Any, values: Values) -> Any:
    of = {**of_hook(values), "LifecycleHookNames": [values["name"]]}
    return only(aws("autoscaling").describe_lifecycle_hooks(**of)["LifecycleHooks"])


POLICY: Shape = {"name": Field("PolicyName"), "autoscaling_group_name": Field("AutoScalingGroupName")}
DIMENSION: Shape = {"name": Field("Name"), "value": Field("Value")}
SCALING: Shape = {
    **POLICY,
    "policy_type": Field("PolicyType"),
    "adjustment_type": Field("AdjustmentType"),
    "step_adjustment": Block(
        "StepAdjustments",
        {
            "scaling_adjustment": Field("ScalingAdjustment"),
            "metric_interval_lower_bound": Field("MetricIntervalLowerBound", float, lambda value: f"{value:g}"),
        },
        one=False,
    ),
    "target_tracking_configuration": Block(
        "TargetTrackingConfiguration",
        {
            "target_value": Field("TargetValue"),
            "predefined_metric_specification": Block(
                "PredefinedMetricSpecification",
                {"predefined_metric_type": Field("PredefinedMetricType"), "resource_label": Field("ResourceLabel")},
            ),
            "customized_metric_specification": Block(
                "CustomizedMetricSpecification",
                {
                    "metrics": Block(
                        "Metrics",
                        {
                            "id": Field("Id"),
                            "expression": Field("Expression"),
                            "return_data": Field("ReturnData"),
                            "metric_stat": Block(
                                "MetricStat",
                                {
                                    "stat": Field("Stat"),
                                    "metric": Block(
                                        "Metric",
                                        {
                                            "namespace": Field("Namespace"),
                                            "metric_name": Field("MetricName"),
                                            "dimensions": Block("Dimensions", DIMENSION, one=False),
                                        },
                                    ),
                                },
                            ),
                        },
                        one=False,
                    )
                },
            ),
        },
    ),
}


def put_policy(aws: Any, values: Values) -> Values:
    aws("autoscaling").put_scaling_policy(**to_aws(SCALING, values))
    return {"id": values["name"]}


def of_policy(values: Values) -> dict[str, Any]:
    return {"AutoScalingGroupName": values["autoscaling_group_name"], "PolicyNames": [values["name"]]}


KINDS = {
    "aws_lb": Kind(
        BALANCER,
        make_balancer,
        read_balancer,
        delete_balancer,
        balancer_attributes,
        facts={"dns_name": Field("DNSName"), "zone_id": Field("CanonicalHostedZoneId")},
        tags=ELB_TAGS,
    ),
    "aws_lb_target_group": Kind(
        TARGETS,
        make_targets,
        read_targets,
        lambda aws, values: aws("elbv2").delete_target_group(TargetGroupArn=values["arn"]),
        change_targets,
        tags=ELB_TAGS,
    ),
    "aws_lb_listener": Kind(
        LISTENER,
        make_listener,
        lambda aws, values: only(aws("elbv2").describe_listeners(ListenerArns=[values["arn"]])["Listeners"]),
        lambda aws, values: aws("elbv2").delete_listener(ListenerArn=values["arn"]),
        tags=ELB_TAGS,
    ),
    "aws_acm_certificate": Kind(
        {"domain_name": Field("DomainName")},
        make_certificate,
        lambda aws, values: aws("acm").describe_certificate(CertificateArn=values["arn"])["Certificate"],
        lambda aws, values: aws("acm").delete_certificate(CertificateArn=values["arn"]),
        tags=Tags("acm", "add_tags_to_certificate", "list_tags_for_certificate", lambda v: {"CertificateArn": v["arn"]}),
    ),
    "aws_launch_template": Kind(
        TEMPLATE,
        make_template,
        read_template,
        lambda aws, values: aws("ec2").delete_launch_template(LaunchTemplateId=values["id"]),
        change_template,
        facts={"latest_version": Field("LatestVersionNumber"), "default_version": Field("DefaultVersionNumber")},
        tags=EC2_TAGS,
    ),
    "aws_autoscaling_group": Kind(
        GROUP,
        make_group,
        read_group,
        delete_group,
        change_and_refresh,
        facts={"arn": Field("AutoScalingGroupARN")},
    ),
    "aws_autoscaling_lifecycle_hook": Kind(
        HOOK | {"autoscaling_group_name": Field("AutoScalingGroupName")},
        put_hook,
        read_hook,
        lambda aws, values: aws("autoscaling").delete_lifecycle_hook(**of_hook(values), LifecycleHookName=values["name"]),
        put_hook,
    ),
    "aws_autoscaling_policy": Kind(
        SCALING,
        put_policy,
        lambda aws, values: only(aws("autoscaling").describe_policies(**of_policy(values))["ScalingPolicies"]),
        lambda aws, v: aws("autoscaling").delete_policy(AutoScalingGroupName=v["autoscaling_group_name"], PolicyName=v["name"]),
        put_policy,
        facts={"arn": Field("PolicyARN")},
    ),
}
