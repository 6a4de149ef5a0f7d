"""A stand-in for the AWS provider: real Terraform core validates, plans and applies against its schema, offline.

    python provider.py schema.json.gz

It serves the schema over gRPC on loopback, prints what TF_REATTACH_PROVIDERS wants to hear, and ends with its standard
input. The schema checks names, types and blocks; `limits` has what AWS refuses beyond that. A plan leaves computed
attributes unknown, as the real one does, and `changes` says what a change replaces. With an emulator at AWS_ENDPOINT_URL an
apply makes, changes and unmakes what `kinds` has, and a refresh reads it; everything else, and all of it without an
emulator, is written down, with made-up answers of AWS, ARNs in their real form.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent import futures
from functools import cache
from typing import Any

import grpc
import msgpack
import wire
from kinds import KINDS, changes, limits
from kinds.kind import Missing
from kinds.shape import UNKNOWN, agrees, declared, known

NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
ACCOUNT = "123456789012"
PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
"""By how a region begins, where it is not `aws`. Source: "Amazon Resource Names", AWS General Reference."""

ERROR = 1

# what an applied resource is called; {…} are its own attributes
ARNS = {
    "aws_sqs_queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "aws_sns_topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "aws_dynamodb_table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "aws_s3_bucket": "arn:{partition}:s3:::{bucket}",
    "aws_glacier_vault": "arn:{partition}:glacier:{region}:{account}:vaults/{name}",
    "aws_iam_role": "arn:{partition}:iam::{account}:role/{name}",
    "aws_iam_policy": "arn:{partition}:iam::{account}:policy/{name}",
    "aws_iam_instance_profile": "arn:{partition}:iam::{account}:instance-profile/{name}",
    "aws_secretsmanager_secret": "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "aws_cloudwatch_log_group": "arn:{partition}:logs:{region}:{account}:log-group:{name}",
    "aws_autoscaling_group": "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:0:autoScalingGroupName/{name}",
    "aws_lb": "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/0",
    "aws_lb_target_group": "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{name}/0",
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
        self.region = "us-east-1"
        # the emulator serves from threads and locks nothing
        self.one_at_a_time = threading.Lock()
        for block in (self.provider, *self.resources.values(), *self.data.values()):
            _concrete_types(block)
        self.schema = self._schemas()

    def aws(self, service: str) -> Any:
        return _client(service, self.region)

    def made(self, kind: str) -> bool:
        """Whether things of this type are really made."""
        return kind in KINDS and bool(os.environ.get("AWS_ENDPOINT_URL"))

    def GetProviderSchema(self, request: Any) -> Any:
        return self.schema

    def ConfigureProvider(self, request: Any) -> Any:
        config = _decode(request.config)
        blocks = config.get("default_tags") or [{}]
        self.default_tags = blocks[0].get("tags") or {}
        self.region = config.get("region") or "us-east-1"
        return self.messages["Diagnostics"]()

    def UpgradeResourceState(self, request: Any) -> Any:
        return self.messages["UpgradeResponse"](upgraded_state=self._encode(json.loads(request.raw_state.json)))

    def ReadResource(self, request: Any) -> Any:
        kind, state = request.type_name, _decode(request.current_state)
        if self.made(kind):
            try:
                with self.one_at_a_time:
                    found = KINDS[kind].attributes(self.aws, state)
            except Missing:
                state = None
            else:
                _overlay(self.resources[kind], kind, state, found)
        return self.messages["ReadResponse"](new_state=self._encode(state), private=request.private)

    def ImportResourceState(self, request: Any) -> Any:
        """A thing that is really there, by its id, which is its name."""
        named: dict[str, Any] = {"id": request.id, "name": request.id}
        named["arn"] = self._made_up(request.type_name, named)("arn", {})
        with self.one_at_a_time:
            found = KINDS[request.type_name].attributes(self.aws, named)
        (state,) = _whole(self.resources[request.type_name], [named | found])
        _each_absent(self.resources[request.type_name], state, self._made_up(request.type_name, state))
        imported = self.messages["ImportedResource"](type_name=request.type_name, state=self._encode(state))
        return self.messages["ImportResponse"](imported_resources=[imported])

    def PlanResourceChange(self, request: Any) -> Any:
        kind, block, planned = request.type_name, self.resources[request.type_name], _decode(request.proposed_new_state)
        prior = _decode(request.prior_state)
        if planned is None:
            return self.messages["PlanResponse"](planned_state=self._encode(None))
        if "tags_all" in block["attributes"] and known(planned.get("tags")):
            planned["tags_all"] = {**self.default_tags, **(planned.get("tags") or {})}
        replacing: list[str] = []
        if prior is None:
            _each_absent(block, planned, lambda name, attribute: UNKNOWN)
        else:
            replacing = changes.replaced_by(kind, prior, planned)
            # a computed attribute of a configuration's block is absent in what is proposed, and stays what it was
            _each_kept(block, planned, prior)
            if planned != prior:
                planned |= dict.fromkeys(changes.unknown_after(kind), UNKNOWN)
        return self.messages["PlanResponse"](
            planned_state=self._encode(planned),
            requires_replace=[self._path(name) for name in replacing],
            diagnostics=[self._error(kind, said, name) for name, said in limits.refusals(kind, planned)],
        )

    def ApplyResourceChange(self, request: Any) -> Any:
        kind, prior, state = request.type_name, _decode(request.prior_state), _decode(request.planned_state)
        try:
            if state is not None and (refused := [said for _, said in limits.refusals(kind, state)]):
                raise ValueError("; ".join(refused))
            if self.made(kind):
                with self.one_at_a_time:
                    facts = self._make(kind, prior, state)
                if state is not None:
                    names = self.resources[kind]["attributes"]
                    state |= {name: value for name, value in facts.items() if name in names and value is not None}
        except Exception as error:  # whatever AWS or boto3 says against it, Terraform is to print it
            return self.messages["ApplyResponse"](new_state=request.prior_state, diagnostics=[self._error(kind, str(error))])
        if state is not None:
            made_up = self._made_up(kind, state)
            _each_absent(self.resources[kind], state, made_up)
        return self.messages["ApplyResponse"](new_state=self._encode(state))

    def _make(self, kind: str, prior: Any, state: Any) -> dict[str, Any]:
        if state is None:
            KINDS[kind].delete(self.aws, prior)
            return {}
        if refused := list(limits.absent(kind, self.aws, state)):
            raise ValueError("; ".join(refused))
        return KINDS[kind].made(self.aws, state) if prior is None else KINDS[kind].changed(self.aws, prior, state)

    def ReadDataSource(self, request: Any) -> Any:
        block, state, kind = self.data[request.type_name], _decode(request.config), request.type_name
        facts, made_up = self._facts(kind), self._made_up(kind, state)
        _each_absent(block, state, lambda name, attribute: facts[name] if name in facts else made_up(name, attribute))
        return self.messages["DataResponse"](state=self._encode(state))

    def _facts(self, kind: str) -> dict[str, Any]:
        """What AWS replies to a data source, by attribute; any other computed attribute is made up."""
        partition = _partition(self.region)
        return {
            "aws_default_tags": {"tags": self.default_tags},
            "aws_caller_identity": {"account_id": ACCOUNT, "id": ACCOUNT},
            "aws_partition": {"partition": partition, "dns_suffix": "amazonaws.com", "id": partition},
            "aws_region": {"region": self.region, "name": self.region, "id": self.region},
        }.get(kind, {})

    def _made_up(self, kind: str, state: dict[str, Any]) -> Callable[[str, dict[str, Any]], Any]:
        return lambda name, attribute: _made_up(kind, name, attribute, state, self.region)

    def _path(self, name: str) -> Any:
        return self.messages["AttributePath"](steps=[self.messages["Step"](attribute_name=name)])

    def _error(self, kind: str, said: str, attribute: str = "") -> Any:
        path = {"attribute": self._path(attribute)} if attribute else {}
        return self.messages["Diagnostic"](severity=ERROR, summary=f"{kind}: {said.partition(': see')[0]}", detail=said, **path)

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


@cache
def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    # what the emulator does not know is an error at once
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, region_name=region, aws_access_key_id="test", aws_secret_access_key="test", config=config)


def _overlay(block: dict[str, Any], kind: str, state: dict[str, Any], found: dict[str, Any]) -> None:
    """Writes into the state what AWS has otherwise; what it spells otherwise stays."""
    shape, names = {**KINDS[kind].shape, **KINDS[kind].facts}, block["attributes"].keys() | block.get("block_types", {}).keys()
    before = {**declared(shape, state), "tags_all": state.get("tags_all")}
    for name in found.keys() & names:
        if not agrees(before[name], found[name]):
            nested = block.get("block_types", {}).get(name)
            state[name] = _whole(nested["block"], found[name]) if nested else found[name]
    if "tags_all" in found and state.get("tags"):
        state["tags"] = {name: state["tags_all"][name] for name in state["tags"] if name in state["tags_all"]}


def _whole(block: dict[str, Any], items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nested blocks with every attribute that the schema has."""
    return [
        {name: item.get(name) for name in block["attributes"]}
        | {
            name: None if nested["nesting_mode"] == "single" else _whole(nested["block"], item.get(name) or [])
            for name, nested in block.get("block_types", {}).items()
        }
        for item in items
    ]


def _each_kept(block: dict[str, Any], planned: Any, prior: Any) -> None:
    """Gives computed attributes that the configuration leaves open the value that they had, in nested blocks too."""
    for name, attribute in block["attributes"].items():
        if planned.get(name) is None and attribute.get("computed") and not attribute.get("required"):
            planned[name] = prior.get(name)
    for name, nested in block.get("block_types", {}).items():
        before, after = prior.get(name), planned.get(name)
        if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for one, other in zip(after, before, strict=True):
                _each_kept(nested["block"], one, other)


def _unknown(value: Any) -> bool:
    return not known(value)


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


def _partition(region: str) -> str:
    return next((name for start, name in PARTITIONS.items() if region.startswith(start)), "aws")


def _made_up(kind: str, name: str, attribute: dict[str, Any], state: dict[str, Any], region: str) -> Any:
    said = {key: value for key, value in state.items() if isinstance(value, str)}
    forms = {"arn": ARNS.get(kind, "arn:{partition}:stand-in:{region}:{account}:" + kind), "id": IDS.get(kind, f"{kind}-id")}
    forms["url"] = IDS.get(kind, "https://{region}.amazonaws.com")
    forms["arn_suffix"] = forms["arn"].rpartition(":")[2].removeprefix("loadbalancer/")
    if name in forms:
        said |= {"region": region, "account": ACCOUNT, "partition": _partition(region)}
        return re.sub(r"{(\w+)}", lambda part: said.get(part[1], part[1]), forms[name])
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
