"""The part of Terraform's plugin protocol 6 that the stand-in provider speaks, as protobuf messages made from one table.

Field numbers are the protocol's. Enumerations are written as int32 and maps as repeated entries: the bytes are the same.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tfplugin6"

# message → fields, each `name=number:type`; a type that ends in * is repeated
MESSAGES = {
    "DynamicValue": "msgpack=1:bytes json=2:bytes",
    "Step": "attribute_name=1:string",
    "AttributePath": "steps=1:Step*",
    "Diagnostic": "severity=1:int32 summary=2:string detail=3:string attribute=4:AttributePath",
    "RawState": "json=1:bytes",
    "Attribute": "name=1:string type=2:bytes required=4:bool optional=5:bool computed=6:bool nested_type=10:Object",
    "Object": "attributes=1:Attribute* nesting=3:int32",
    "NestedBlock": "type_name=1:string block=2:Block nesting=3:int32 min_items=4:int64 max_items=5:int64",
    "Block": "version=1:int64 attributes=2:Attribute* block_types=3:NestedBlock*",
    "Schema": "version=1:int64 block=2:Block",
    "SchemaEntry": "key=1:string value=2:Schema",
    "ServerCapabilities": "plan_destroy=1:bool",
    "Empty": "",
    "GetProviderSchemaResponse": (
        "provider=1:Schema resource_schemas=2:SchemaEntry* data_source_schemas=3:SchemaEntry* "
        "server_capabilities=6:ServerCapabilities"
    ),
    "ProviderConfig": "terraform_version=1:string config=2:DynamicValue",
    "TypedConfig": "type_name=1:string config=2:DynamicValue",
    "Diagnostics": "diagnostics=1:Diagnostic*",
    "UpgradeRequest": "type_name=1:string version=2:int64 raw_state=3:RawState",
    "UpgradeResponse": "upgraded_state=1:DynamicValue diagnostics=2:Diagnostic*",
    "ReadRequest": "type_name=1:string current_state=2:DynamicValue private=3:bytes",
    "ImportRequest": "type_name=1:string id=2:string",
    "ImportedResource": "type_name=1:string state=2:DynamicValue private=3:bytes",
    "ImportResponse": "imported_resources=1:ImportedResource* diagnostics=2:Diagnostic*",
    "ReadResponse": "new_state=1:DynamicValue diagnostics=2:Diagnostic* private=3:bytes",
    "PlanRequest": (
        "type_name=1:string prior_state=2:DynamicValue proposed_new_state=3:DynamicValue "
        "config=4:DynamicValue prior_private=5:bytes"
    ),
    "PlanResponse": (
        "planned_state=1:DynamicValue requires_replace=2:AttributePath* planned_private=3:bytes diagnostics=4:Diagnostic*"
    ),
    "ApplyRequest": (
        "type_name=1:string prior_state=2:DynamicValue planned_state=3:DynamicValue config=4:DynamicValue planned_private=5:bytes"
    ),
    "ApplyResponse": "new_state=1:DynamicValue private=2:bytes diagnostics=3:Diagnostic*",
    "DataResponse": "state=1:DynamicValue diagnostics=2:Diagnostic*",
}

# call → request and response
CALLS = {
    "GetProviderSchema": ("Empty", "GetProviderSchemaResponse"),
    "ValidateProviderConfig": ("Empty", "Empty"),
    "ValidateResourceConfig": ("TypedConfig", "Diagnostics"),
    "ValidateDataResourceConfig": ("TypedConfig", "Diagnostics"),
    "ConfigureProvider": ("ProviderConfig", "Diagnostics"),
    "UpgradeResourceState": ("UpgradeRequest", "UpgradeResponse"),
    "ReadResource": ("ReadRequest", "ReadResponse"),
    "ImportResourceState": ("ImportRequest", "ImportResponse"),
    "PlanResourceChange": ("PlanRequest", "PlanResponse"),
    "ApplyResourceChange": ("ApplyRequest", "ApplyResponse"),
    "ReadDataSource": ("TypedConfig", "DataResponse"),
    "StopProvider": ("Empty", "Empty"),
}


def messages() -> dict[str, Any]:
    """The message classes by name."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="tfplugin6.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for spec in fields.split():
            label, number_and_type = spec.split("=")
            number, kind = number_and_type.split(":")
            field = message.field.add(name=label, number=int(number), label=3 if kind.endswith("*") else 1)
            kind = kind.rstrip("*")
            if kind in MESSAGES:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                field.type = getattr(field_type, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}
