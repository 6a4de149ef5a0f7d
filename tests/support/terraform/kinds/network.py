"""The VPC and what is in it."""

from __future__ import annotations

from typing import Any

from .kind import Act, Kind, Tags, nothing, only
from .shape import Field, Shape, Values, known, to_aws


class Ec2Tags(Tags):
    """EC2 names a thing by `Resources` when it writes tags and by a filter when it reads them."""

    def get(self, aws: Any, values: Values) -> dict[str, str]:
        found = aws("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [values["id"]]}])["Tags"]
        return {item["Key"]: item["Value"] for item in found}


EC2_TAGS = Ec2Tags("ec2", "create_tags", "describe_tags", lambda values: {"Resources": [values["id"]]})


def thing(
    shape: Shape,
    name: str,
    answer: str,
    *,
    id_: str,
    describe: tuple[str, str, str],
    delete: str,
    facts: Shape | None = None,
    extra: dict[str, Any] | None = None,
    update: Act | None = None,
) -> Kind:
    """A thing of EC2 with an id: `create_NAME`, `describe_…s` by ids, `delete_NAME` by id."""
    operation, ids, key = describe

    def create(aws: Any, values: Values) -> Values:
        made = getattr(aws("ec2"), name)(**to_aws(shape, values), **(extra or {}))
        return {"id": (made[answer] if answer else made)[id_]}

    def read(aws: Any, values: Values) -> Any:
        return only(getattr(aws("ec2"), operation)(**{ids: [values["id"]]})[key])

    def remove(aws: Any, values: Values) -> None:
        getattr(aws("ec2"), delete)(**{id_: values["id"]})

    return Kind(shape, create, read, remove, update, facts or {}, EC2_TAGS)


VPC: Shape = {"cidr_block": Field("CidrBlock")}
DNS = {"enable_dns_hostnames": "EnableDnsHostnames", "enable_dns_support": "EnableDnsSupport"}


def make_vpc(aws: Any, values: Values) -> Values:
    found = {"id": aws("ec2").create_vpc(CidrBlock=values["cidr_block"])["Vpc"]["VpcId"]}
    change_vpc(aws, {**values, **found})
    groups = aws("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [found["id"]]}, {"Name": "group-name", "Values": ["default"]}]
    )
    return {**found, "default_security_group_id": groups["SecurityGroups"][0]["GroupId"]}


def change_vpc(aws: Any, values: Values) -> None:
    for name, parameter in DNS.items():
        if values[name] is not None and known(values[name]):  # else it is left to AWS
            aws("ec2").modify_vpc_attribute(VpcId=values["id"], **{parameter: {"Value": values[name]}})


def read_vpc(aws: Any, values: Values) -> Any:
    vpc = only(aws("ec2").describe_vpcs(VpcIds=[values["id"]])["Vpcs"])
    for name in DNS.values():
        attribute = name[0].lower() + name[1:]
        vpc[name] = aws("ec2").describe_vpc_attribute(VpcId=values["id"], Attribute=attribute)[name]["Value"]
    return vpc


def adopt_default_group(aws: Any, values: Values) -> Values:
    """Takes the VPC's own group over, and every rule out of it."""
    group = only(
        aws("ec2").describe_security_groups(
            Filters=[{"Name": "vpc-id", "Values": [values["vpc_id"]]}, {"Name": "group-name", "Values": ["default"]}]
        )["SecurityGroups"]
    )
    for direction, rules in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if group[rules]:
            getattr(aws("ec2"), f"revoke_security_group_{direction}")(GroupId=group["GroupId"], IpPermissions=group[rules])
    return {"id": group["GroupId"]}


def read_group(aws: Any, values: Values) -> Any:
    return only(aws("ec2").describe_security_groups(GroupIds=[values["id"]])["SecurityGroups"])


def attach_gateway(aws: Any, values: Values) -> Values:
    made = aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    aws("ec2").attach_internet_gateway(InternetGatewayId=made, VpcId=values["vpc_id"])
    return {"id": made}


def read_gateway(aws: Any, values: Values) -> Any:
    gateway = only(aws("ec2").describe_internet_gateways(InternetGatewayIds=[values["id"]])["InternetGateways"])
    return {**gateway, "VpcId": only(gateway["Attachments"])["VpcId"]}


def delete_gateway(aws: Any, values: Values) -> None:
    aws("ec2").detach_internet_gateway(InternetGatewayId=values["id"], VpcId=values["vpc_id"])
    aws("ec2").delete_internet_gateway(InternetGatewayId=values["id"])


ROUTE: Shape = {
    "route_table_id": Field("RouteTableId"),
    "destination_cidr_block": Field("DestinationCidrBlock"),
    "gateway_id": Field("GatewayId"),
    "nat_gateway_id": Field("NatGatewayId"),
}


def make_route(aws: Any, values: Values) -> Values:
    aws("ec2").create_route(**to_aws(ROUTE, values))
    return {"id": f"r-{values['route_table_id']}-{values['destination_cidr_block']}"}


def change_route(aws: Any, values: Values) -> None:
    aws("ec2").replace_route(**to_aws(ROUTE, values))


def read_route(aws: Any, values: Values) -> Any:
    table = only(aws("ec2").describe_route_tables(RouteTableIds=[values["route_table_id"]])["RouteTables"])
    routes = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == values["destination_cidr_block"]]
    return {**only(routes), "RouteTableId": table["RouteTableId"]}


def associate(aws: Any, values: Values) -> Values:
    made = aws("ec2").associate_route_table(RouteTableId=values["route_table_id"], SubnetId=values["subnet_id"])
    return {"id": made["AssociationId"]}


def read_association(aws: Any, values: Values) -> Any:
    by_id = [{"Name": "association.route-table-association-id", "Values": [values["id"]]}]
    table = only(aws("ec2").describe_route_tables(Filters=by_id)["RouteTables"])
    return only([item for item in table["Associations"] if item["RouteTableAssociationId"] == values["id"]])


RULE: Shape = {
    "security_group_id": Field("GroupId"),
    "description": Field("Description"),
    "ip_protocol": Field("IpProtocol"),
    "from_port": Field("FromPort"),
    "to_port": Field("ToPort"),
    "cidr_ipv4": Field("CidrIpv4"),
    "referenced_security_group_id": Field("ReferencedGroupInfo.GroupId"),
}


def rule(direction: str) -> Kind:
    def make(aws: Any, values: Values) -> Values:
        permission: dict[str, Any] = {
            "IpProtocol": values["ip_protocol"],
            "FromPort": values["from_port"],
            "ToPort": values["to_port"],
        }
        if values["cidr_ipv4"]:
            permission["IpRanges"] = [{"CidrIp": values["cidr_ipv4"], "Description": values["description"]}]
        else:
            other = {"GroupId": values["referenced_security_group_id"], "Description": values["description"]}
            permission["UserIdGroupPairs"] = [other]
        authorize = getattr(aws("ec2"), f"authorize_security_group_{direction}")
        made = authorize(GroupId=values["security_group_id"], IpPermissions=[permission])
        found = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return {"id": found, "security_group_rule_id": found}

    def remove(aws: Any, values: Values) -> None:
        revoke = getattr(aws("ec2"), f"revoke_security_group_{direction}")
        revoke(GroupId=values["security_group_id"], SecurityGroupRuleIds=[values["id"]])

    def read(aws: Any, values: Values) -> Any:
        by_group = [{"Name": "group-id", "Values": [values["security_group_id"]]}]
        rules = aws("ec2").describe_security_group_rules(Filters=by_group)["SecurityGroupRules"]
        found = only([found for found in rules if found["SecurityGroupRuleId"] == values["id"]])
        if "ReferencedGroupInfo" in found:  # of such a rule the emulator forgets the description
            found.setdefault("Description", values["description"])
        return found

    return Kind(RULE, make, read, remove)


ENDPOINT: Shape = {
    "vpc_id": Field("VpcId"),
    "service_name": Field("ServiceName"),
    "vpc_endpoint_type": Field("VpcEndpointType"),
    "route_table_ids": Field("RouteTableIds"),
    "subnet_ids": Field("SubnetIds"),
    "private_dns_enabled": Field("PrivateDnsEnabled"),
}


def make_endpoint(aws: Any, values: Values) -> Values:
    groups = {"SecurityGroupIds": values["security_group_ids"]} if values["vpc_endpoint_type"] == "Interface" else {}
    made = aws("ec2").create_vpc_endpoint(**to_aws(ENDPOINT, values), **groups)["VpcEndpoint"]
    return {"id": made["VpcEndpointId"]}


FLOW: Shape = {
    "traffic_type": Field("TrafficType"),
    "log_destination": Field("LogDestination"),
    "iam_role_arn": Field("DeliverLogsPermissionArn"),
}


def make_flow_log(aws: Any, values: Values) -> Values:
    made = aws("ec2").create_flow_logs(
        **to_aws(FLOW, values), ResourceIds=[values["vpc_id"]], ResourceType="VPC", LogDestinationType="cloud-watch-logs"
    )
    return {"id": only(made["FlowLogIds"])}


def alive(found: list[Any]) -> list[Any]:
    """EC2 still describes for a while what was deleted."""
    return [one for one in found if one["State"].lower() not in ("deleted", "deleting")]


def delete_nat(aws: Any, values: Values) -> None:
    aws("ec2").delete_nat_gateway(NatGatewayId=values["id"])


KINDS = {
    "aws_vpc": Kind(
        {**VPC, **{name: Field(parameter) for name, parameter in DNS.items()}},
        make_vpc,
        read_vpc,
        lambda aws, values: aws("ec2").delete_vpc(VpcId=values["id"]),
        change_vpc,
        tags=EC2_TAGS,
    ),
    "aws_default_security_group": Kind(
        {"vpc_id": Field("VpcId")}, adopt_default_group, read_group, nothing, adopt_default_group, tags=EC2_TAGS
    ),
    "aws_security_group": thing(
        {"name": Field("GroupName"), "description": Field("Description"), "vpc_id": Field("VpcId")},
        "create_security_group",
        "",
        id_="GroupId",
        describe=("describe_security_groups", "GroupIds", "SecurityGroups"),
        delete="delete_security_group",
        update=nothing,
    ),
    "aws_vpc_security_group_ingress_rule": rule("ingress"),
    "aws_vpc_security_group_egress_rule": rule("egress"),
    "aws_internet_gateway": Kind({"vpc_id": Field("VpcId")}, attach_gateway, read_gateway, delete_gateway, tags=EC2_TAGS),
    "aws_subnet": thing(
        {"vpc_id": Field("VpcId"), "cidr_block": Field("CidrBlock"), "availability_zone": Field("AvailabilityZone")},
        "create_subnet",
        "Subnet",
        id_="SubnetId",
        describe=("describe_subnets", "SubnetIds", "Subnets"),
        delete="delete_subnet",
    ),
    "aws_route_table": thing(
        {"vpc_id": Field("VpcId")},
        "create_route_table",
        "RouteTable",
        id_="RouteTableId",
        describe=("describe_route_tables", "RouteTableIds", "RouteTables"),
        delete="delete_route_table",
    ),
    "aws_route": Kind(
        ROUTE,
        make_route,
        read_route,
        lambda aws, v: aws("ec2").delete_route(
            RouteTableId=v["route_table_id"], DestinationCidrBlock=v["destination_cidr_block"]
        ),
        change_route,
    ),
    "aws_route_table_association": Kind(
        {"route_table_id": Field("RouteTableId"), "subnet_id": Field("SubnetId")},
        associate,
        read_association,
        lambda aws, values: aws("ec2").disassociate_route_table(AssociationId=values["id"]),
    ),
    "aws_eip": Kind(
        {"domain": Field("Domain")},
        lambda aws, values: {"id": aws("ec2").allocate_address(Domain=values["domain"])["AllocationId"]},
        lambda aws, values: only(aws("ec2").describe_addresses(AllocationIds=[values["id"]])["Addresses"]),
        lambda aws, values: aws("ec2").release_address(AllocationId=values["id"]),
        facts={"allocation_id": Field("AllocationId"), "public_ip": Field("PublicIp")},
        tags=EC2_TAGS,
    ),
    "aws_nat_gateway": Kind(
        {"subnet_id": Field("SubnetId")},
        lambda aws, v: {
            "id": aws("ec2").create_nat_gateway(AllocationId=v["allocation_id"], SubnetId=v["subnet_id"])["NatGateway"][
                "NatGatewayId"
            ]
        },
        lambda aws, values: only(alive(aws("ec2").describe_nat_gateways(NatGatewayIds=[values["id"]])["NatGateways"])),
        delete_nat,
        tags=EC2_TAGS,
    ),
    "aws_vpc_endpoint": Kind(
        ENDPOINT,
        make_endpoint,
        lambda aws, values: only(alive(aws("ec2").describe_vpc_endpoints(VpcEndpointIds=[values["id"]])["VpcEndpoints"])),
        lambda aws, values: aws("ec2").delete_vpc_endpoints(VpcEndpointIds=[values["id"]]),
        tags=EC2_TAGS,
    ),
    "aws_flow_log": Kind(
        FLOW,
        make_flow_log,
        lambda aws, values: only(aws("ec2").describe_flow_logs(FlowLogIds=[values["id"]])["FlowLogs"]),
        lambda aws, values: aws("ec2").delete_flow_logs(FlowLogIds=[values["id"]]),
        tags=EC2_TAGS,
    ),
}
