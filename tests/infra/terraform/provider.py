"""A stand-in for the AWS provider: real Terraform core validates, plans and applies against its schema, offline.

    python provider.py schema.json.gz

It serves the schema over gRPC on loopback, prints what TF_REATTACH_PROVIDERS wants to hear, and ends with its standard
input. It checks no value (the schema does: names, types, blocks) and creates nothing. A plan leaves computed attributes
unknown, as the real one does; an apply makes up what AWS would reply, ARNs in their real form.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from concurrent import futures
from typing import Any

import grpc
import msgpack
import wire

UNKNOWN = msgpack.ExtType(0, b"\0")
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
ACCOUNT, REGION = "123456789012", "us-east-1"

# what AWS answers to a data source, by attribute; any other computed attribute is made up
FACTS: dict[str, dict[str, Any]] = {
    "aws_caller_identity": {"account_id": ACCOUNT, "id": ACCOUNT},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com", "id": "aws"},
    "aws_region": {"region": REGION, "name": REGION, "id": REGION},
}

# what an applied resource is called; {…} are its own attributes
ARNS = {
    "aws_sqs_queue": "arn:aws:sqs:{region}:{account}:{name}",
    "aws_sns_topic": "arn:aws:sns:{region}:{account}:{name}",
    "aws_dynamodb_table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "aws_s3_bucket": "arn:aws:s3:::{bucket}",
    "aws_glacier_vault": "arn:aws:glacier:{region}:{account}:vaults/{name}",
    "aws_iam_role": "arn:aws:iam::{account}:role/{name}",
    "aws_iam_policy": "arn:aws:iam::{account}:policy/{name}",
    "aws_iam_instance_profile": "arn:aws:iam::{account}:instance-profile/{name}",
    "aws_secretsmanager_secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "aws_cloudwatch_log_group": "arn:aws:logs:{region}:{account}:log-group:{name}",
    "aws_autoscaling_group": "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:0:autoScalingGroupName/{name}",
    "aws_lb": "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/0",
    "aws_lb_target_group": "arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/0",
}
IDS = {
    "aws_sqs_queue": "https://sqs.{region}.amazonaws.com/{account}/{name}",
    "aws_s3_bucket": "{bucket}",
    "aws_dynamodb_table": "{name}",
    "aws_iam_role": "{name}",
    "aws_autoscaling_group": "{name}",
}


class Provider:
    """Answers each call of the protocol by a method of its name."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.messages = wire.messages()
        self.resources = {name: schema["block"] for name, schema in schemas["resource_schemas"].items()}
        self.data = {name: schema["block"] for name, schema in schemas["data_source_schemas"].items()}
        self.provider = schemas["provider"]["block"]
        self.default_tags: dict[str, str] = {}
        for block in (self.provider, *self.resources.values(), *self.data.values()):
            _concrete_types(block)
        self.schema = self._schemas()

    def GetProviderSchema(self, request: Any) -> Any:
        return self.schema

    def ConfigureProvider(self, request: Any) -> Any:
        blocks = _decode(request.config).get("default_tags") or [{}]
        self.default_tags = blocks[0].get("tags") or {}
        return self.messages["Diagnostics"]()

    def UpgradeResourceState(self, request: Any) -> Any:
        return self.messages["UpgradeResponse"](upgraded_state=self._encode(json.loads(request.raw_state.json)))

    def ReadResource(self, request: Any) -> Any:
        return self.messages["ReadResponse"](new_state=request.current_state, private=request.private)

    def PlanResourceChange(self, request: Any) -> Any:
        block, planned = self.resources[request.type_name], _decode(request.proposed_new_state)
        if planned is not None and "tags_all" in block["attributes"] and not _unknown(planned.get("tags")):
            planned["tags_all"] = {**self.default_tags, **(planned.get("tags") or {})}
        if planned is not None and _decode(request.prior_state) is None:
            _each_absent(block, planned, lambda name, attribute: UNKNOWN)
        return self.messages["PlanResponse"](planned_state=self._encode(planned))

    def ApplyResourceChange(self, request: Any) -> Any:
        block, state, kind = self.resources[request.type_name], _decode(request.planned_state), request.type_name
        if state is not None:
            _each_absent(block, state, lambda name, attribute: _made_up(kind, name, attribute, state))
        return self.messages["ApplyResponse"](new_state=self._encode(state))

    def ReadDataSource(self, request: Any) -> Any:
        block, state, kind = self.data[request.type_name], _decode(request.config), request.type_name
        facts = {"tags": self.default_tags} if kind == "aws_default_tags" else FACTS.get(kind, {})
        _each_absent(block, state, lambda name, attribute: facts.get(name, _made_up(kind, name, attribute, state)))
        return self.messages["DataResponse"](state=self._encode(state))

    def answer(self, call: str) -> Any:
        request, response = (self.messages[name] for name in wire.CALLS[call])
        method = getattr(self, call, lambda request: response())
        return grpc.unary_unary_rpc_method_handler(
            lambda received, context: method(received), request.FromString, response.SerializeToString
        )

    def _encode(self, value: Any) -> Any:
        return self.messages["DynamicValue"](msgpack=msgpack.packb(value, use_bin_type=True))

    def _schemas(self) -> Any:
        def entries(blocks: dict[str, Any]) -> list[Any]:
            return [self.messages["SchemaEntry"](key=name, value=self._schema(block)) for name, block in blocks.items()]

        return self.messages["GetProviderSchemaResponse"](
            provider=self._schema(self.provider),
            resource_schemas=entries(self.resources),
            data_source_schemas=entries(self.data),
            server_capabilities=self.messages["ServerCapabilities"](plan_destroy=True),
        )

    def _schema(self, block: dict[str, Any]) -> Any:
        return self.messages["Schema"](block=self._block(block))

    def _block(self, block: dict[str, Any]) -> Any:
        return self.messages["Block"](
            attributes=[self._attribute(name, attribute) for name, attribute in block["attributes"].items()],
            block_types=[
                self.messages["NestedBlock"](
                    type_name=name,
                    block=self._block(nested["block"]),
                    nesting=NESTING[nested["nesting_mode"]],
                    min_items=nested.get("min_items", 0),
                    max_items=nested.get("max_items", 0),
                )
                for name, nested in block.get("block_types", {}).items()
            ],
        )

    def _attribute(self, name: str, attribute: dict[str, Any]) -> Any:
        required, computed = attribute.get("required", False), attribute.get("computed", False)
        optional = attribute.get("optional", False) or not computed
        said = {"required": True} if required else {"optional": optional, "computed": computed}
        if nested := attribute.get("nested_type"):
            inner = [self._attribute(key, value) for key, value in nested["attributes"].items()]
            said["nested_type"] = self.messages["Object"](attributes=inner, nesting=NESTING[nested["nesting_mode"]])
        else:
            said["type"] = json.dumps(attribute["type"]).encode()
        return self.messages["Attribute"](name=name, **said)


def _decode(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False, ext_hook=msgpack.ExtType)


def _unknown(value: Any) -> bool:
    return isinstance(value, msgpack.ExtType)


def _concrete_types(block: dict[str, Any]) -> None:
    """Replaces the type `dynamic`, for which values would need their types beside them, by string."""
    for attribute in block["attributes"].values():
        if "type" in attribute:
            attribute["type"] = json.loads(json.dumps(attribute["type"]).replace('"dynamic"', '"string"'))
        else:
            _concrete_types(attribute["nested_type"])
    for nested in block.get("block_types", {}).values():
        _concrete_types(nested["block"])


def _each_absent(block: dict[str, Any], value: Any, fill: Any) -> None:
    """Fills what the configuration left to the provider, in nested blocks too."""
    if not isinstance(value, dict):
        return
    for name, attribute in block["attributes"].items():
        if _unknown(value.get(name)) or (value.get(name) is None and attribute.get("computed")):
            value[name] = fill(name, attribute)
    for name, nested in block.get("block_types", {}).items():
        inner = value.get(name)
        for item in inner if isinstance(inner, list) else [inner]:
            _each_absent(nested["block"], item, fill)


def _made_up(kind: str, name: str, attribute: dict[str, Any], state: dict[str, Any]) -> Any:
    known = {key: value for key, value in state.items() if isinstance(value, str)}
    forms = {"arn": ARNS.get(kind, "arn:aws:stand-in:{region}:{account}:" + kind), "id": IDS.get(kind, f"{kind}-id")}
    forms["url"] = IDS.get(kind, "https://{region}.amazonaws.com")
    forms["arn_suffix"] = forms["arn"].rpartition(":")[2].removeprefix("loadbalancer/")
    if name in forms:
        return re.sub(r"{(\w+)}", lambda part: {**known, "region": REGION, "account": ACCOUNT}.get(part[1], part[1]), forms[name])
    if "type" not in attribute:
        return None if attribute["nested_type"]["nesting_mode"] == "single" else []
    return _of_type(attribute["type"], f"{kind}-{name}".replace("_", "-"))


def _of_type(kind: Any, text: str) -> Any:
    match kind:
        case "string":
            return text
        case "number":
            return 0
        case "bool":
            return False
        case ["list" | "set", inner]:
            return [_of_type(inner, f"{text}-{n}") for n in range(3)] if inner == "string" else [_of_type(inner, text)]
        case ["map", _]:
            return {}
        case [_, attributes]:
            return {name: _of_type(inner, name) for name, inner in attributes.items()}
    raise ValueError(kind)


def main() -> None:
    with gzip.open(sys.argv[1]) as file:
        provider = Provider(json.load(file))
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", 64 << 20)])
    calls = {call: provider.answer(call) for call in wire.CALLS}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(f"{wire.PACKAGE}.Provider", calls)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    plugin = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
    print(json.dumps({"registry.terraform.io/hashicorp/aws": plugin}), flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main()
