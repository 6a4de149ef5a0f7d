"""The emulator's transactions: as DynamoDB's they are whole or nothing, and cost nothing for the rest of the table."""

from __future__ import annotations

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.dynamo_type import Item

pytestmark = pytest.mark.skipif("GAS_SECOND_EMULATOR" in os.environ, reason="about the emulator of this process")


async def test_a_transaction_copies_what_it_writes_and_leaves_all_as_it_was_where_it_fails(
    aws: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = []
    copied = Item.__deepcopy__
    monkeypatch.setattr(Item, "__deepcopy__", lambda item, memo: copies.append(item) or copied(item, memo))
    dynamodb, table = aws["dynamodb"], "transactions"
    schema = [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}]
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in "ab"]
    await dynamodb.create_table(TableName=table, KeySchema=schema, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST")
    try:
        for n in range(40):
            await dynamodb.put_item(TableName=table, Item=key(n) | {"n": {"N": str(n)}})
        before = (await dynamodb.scan(TableName=table))["Items"]
        copies.clear()
        one_of_each = [
            {"Update": {"Key": key(1), "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}}},
            {"Update": {"Key": key(90), "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}}},
            {"Delete": {"Key": key(2)}},
            {"Put": {"Item": key(3) | {"n": {"N": "7"}}}},
            {"Put": {"Item": key(91)}},
        ]
        condition = {"ConditionExpression": "attribute_exists(a)"}
        for last in (key(99), key(1)):  # a condition that does not hold, and an item for the second time
            writes = [*one_of_each, {"ConditionCheck": {"Key": last, **condition}}]
            named = [{what: {"TableName": table, **asked} for what, asked in one.items()} for one in writes]
            with pytest.raises(ClientError):
                await dynamodb.transact_write_items(TransactItems=named)
        assert len(copies) < 20
        assert (await dynamodb.scan(TableName=table))["Items"] == before
        await dynamodb.transact_write_items(TransactItems=named[:-1])
        after = {item["b"]["S"]: item.get("n") for item in (await dynamodb.scan(TableName=table))["Items"]}
        assert (after["1"], after["90"], after["3"], after["91"], "2" in after) == (
            {"N": "7"},
            {"N": "7"},
            {"N": "7"},
            None,
            False,
        )
    finally:
        await dynamodb.delete_table(TableName=table)


def key(n: int) -> dict[str, Any]:
    return {"a": {"S": "a"}, "b": {"S": str(n)}}
