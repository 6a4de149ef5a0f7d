"""Tables, buckets, the vault and secrets."""

from __future__ import annotations

from typing import Any

from .kind import Kind, Tags, nothing
from .shape import Block, Field, Shape, Values, document, number, to_aws

KEY: Shape = {"hash_key": Field("HASH"), "range_key": Field("RANGE")}
TABLE: Shape = {
    "billing_mode": Field("BillingModeSummary.BillingMode"),
    **KEY,
    "attribute": Block("AttributeDefinitions", {"name": Field("AttributeName"), "type": Field("AttributeType")}, one=False),
    "global_secondary_index": Block(
        "GlobalSecondaryIndexes",
        {**KEY, "name": Field("IndexName"), "projection_type": Field("Projection.ProjectionType")},
        one=False,
    ),
    "deletion_protection_enabled": Field("DeletionProtectionEnabled"),
    "ttl": Block("Expiry", {"attribute_name": Field("AttributeName"), "enabled": Field("Enabled")}),
    "point_in_time_recovery": Block(
        "Recovery",
        {"enabled": Field("PointInTimeRecoveryEnabled"), "recovery_period_in_days": Field("RecoveryPeriodInDays")},
    ),
    "server_side_encryption": Block("SSE", {"enabled": Field("Enabled")}),
}


def key(keys: dict[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": keys[kind], "KeyType": kind} for kind in ("HASH", "RANGE") if kind in keys]


def make_table(aws: Any, values: Values) -> Values:
    said = to_aws(TABLE, values)
    if source := values.get("restore_source_name"):
        aws("dynamodb").restore_table_to_point_in_time(
            SourceTableName=source, TargetTableName=values["name"], UseLatestRestorableTime=True
        )
    else:
        indexes = [
            {"IndexName": index["IndexName"], "KeySchema": key(index), "Projection": index["Projection"]}
            for index in said.get("GlobalSecondaryIndexes", [])
        ]
        aws("dynamodb").create_table(
            TableName=values["name"],
            BillingMode=values["billing_mode"],
            KeySchema=key(said),
            AttributeDefinitions=said["AttributeDefinitions"],
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
            **({"SSESpecification": said["SSE"]} if "SSE" in said else {}),
        )
    change_table(aws, values)
    return {"id": values["name"]}


def change_table(aws: Any, values: Values) -> None:
    """What may change in place; a table is made without protection, and protected after the rest."""
    said, name = to_aws(TABLE, values), {"TableName": values["name"]}
    if "Expiry" in said:
        aws("dynamodb").update_time_to_live(**name, TimeToLiveSpecification=said["Expiry"])
    if "Recovery" in said:
        aws("dynamodb").update_continuous_backups(**name, PointInTimeRecoverySpecification=said["Recovery"])
    aws("dynamodb").update_table(**name, DeletionProtectionEnabled=bool(values["deletion_protection_enabled"]))


def read_table(aws: Any, values: Values) -> Any:
    name = {"TableName": values["name"]}
    table = aws("dynamodb").describe_table(**name)["Table"]
    for keyed in (table, *table.get("GlobalSecondaryIndexes", [])):
        keyed |= {item["KeyType"]: item["AttributeName"] for item in keyed["KeySchema"]}
    expiry = aws("dynamodb").describe_time_to_live(**name)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] == "ENABLED":
        table["Expiry"] = {**expiry, "Enabled": True}
    recovery = aws("dynamodb").describe_continuous_backups(**name)["ContinuousBackupsDescription"][
        "PointInTimeRecoveryDescription"
    ]
    table["Recovery"] = {**recovery, "PointInTimeRecoveryEnabled": recovery["PointInTimeRecoveryStatus"] == "ENABLED"}
    table["SSE"] = {"Enabled": table.get("SSEDescription", {}).get("Status") == "ENABLED"}
    return table


def make_bucket(aws: Any, values: Values) -> Values:
    region = aws("s3").meta.region_name
    # S3 does not take its first region as a constraint
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    aws("s3").create_bucket(Bucket=values["bucket"], **place)
    return {"id": values["bucket"], "arn": f"arn:aws:s3:::{values['bucket']}", "bucket_region": region, "region": region}


def delete_bucket(aws: Any, values: Values) -> None:
    if values["force_destroy"]:
        for item in aws("s3").list_objects_v2(Bucket=values["id"]).get("Contents", []):
            aws("s3").delete_object(Bucket=values["id"], Key=item["Key"])
    aws("s3").delete_bucket(Bucket=values["id"])


def of_bucket(shape: Shape, write: str, read: str, delete: str, given: str, got: str = "") -> Kind:
    """What Terraform has as a resource and S3 as a configuration of the bucket. `given` wraps what is written; `got` says
    where to find it in the answer."""

    def put(aws: Any, values: Values) -> Values:
        said = to_aws(shape, values)
        for step in reversed(given.split(".")):
            said = {step: said} if step else said
        getattr(aws("s3"), write)(Bucket=values["bucket"], **said)
        return {"id": values["bucket"]}

    def get(aws: Any, values: Values) -> Any:
        answer = getattr(aws("s3"), read)(Bucket=values["bucket"])
        return answer[got] if got else answer

    gone = (lambda aws, values: getattr(aws("s3"), delete)(Bucket=values["bucket"])) if delete else nothing
    return Kind(shape, put, get, gone, put)


FILTER: Shape = {"prefix": Field("Prefix")}
LIFECYCLE: Shape = {
    "rule": Block(
        "Rules",
        {
            "id": Field("ID"),
            "status": Field("Status"),
            "filter": Block("Filter", FILTER),
            "expiration": Block("Expiration", {"days": Field("Days")}),
            "abort_incomplete_multipart_upload": Block(
                "AbortIncompleteMultipartUpload", {"days_after_initiation": Field("DaysAfterInitiation")}
            ),
        },
        one=False,
    )
}
CORS: Shape = {
    "cors_rule": Block(
        "CORSRules",
        {
            "allowed_origins": Field("AllowedOrigins"),
            "allowed_methods": Field("AllowedMethods"),
            "allowed_headers": Field("AllowedHeaders"),
            "expose_headers": Field("ExposeHeaders"),
            "max_age_seconds": number("MaxAgeSeconds"),
        },
        one=False,
    )
}
ENCRYPTION: Shape = {
    "rule": Block(
        "Rules",
        {
            "apply_server_side_encryption_by_default": Block(
                "ApplyServerSideEncryptionByDefault", {"sse_algorithm": Field("SSEAlgorithm")}
            )
        },
        one=False,
    )
}
NOTICE: Shape = {
    "topic": Block(
        "TopicConfigurations",
        {
            "topic_arn": Field("TopicArn"),
            "events": Field("Events"),
            "filter_prefix": Field(
                "Filter.Key.FilterRules",
                lambda prefix: [{"Name": "prefix", "Value": prefix}],
                lambda rules: next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), None),
            ),
        },
        one=False,
    )
}
PRIVATE: Shape = {
    "block_public_acls": Field("BlockPublicAcls"),
    "block_public_policy": Field("BlockPublicPolicy"),
    "ignore_public_acls": Field("IgnorePublicAcls"),
    "restrict_public_buckets": Field("RestrictPublicBuckets"),
}
OWNERSHIP: Shape = {"rule": Block("Rules", {"object_ownership": Field("ObjectOwnership")}, one=False)}
SECRET: Shape = {"name": Field("Name"), "description": Field("Description")}


def delete_secret(aws: Any, values: Values) -> None:
    days = values["recovery_window_in_days"]
    how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    aws("secretsmanager").delete_secret(SecretId=values["arn"], **how)


def make_secret(aws: Any, values: Values) -> Values:
    arn = aws("secretsmanager").create_secret(**to_aws(SECRET, values))["ARN"]
    return {"id": arn, "arn": arn}


def make_vault(aws: Any, values: Values) -> Values:
    aws("glacier").create_vault(vaultName=values["name"])
    return {"id": values["name"]}


KINDS = {
    "aws_dynamodb_table": Kind(
        TABLE,
        make_table,
        read_table,
        lambda aws, values: aws("dynamodb").delete_table(TableName=values["name"]),
        change_table,
        facts={"arn": Field("TableArn")},
        tags=Tags("dynamodb", "tag_resource", "list_tags_of_resource", lambda v: {"ResourceArn": v["arn"]}),
    ),
    "aws_s3_bucket": Kind(
        {},
        make_bucket,
        lambda aws, values: aws("s3").head_bucket(Bucket=values["bucket"]),
        delete_bucket,
        nothing,  # force_destroy is of Terraform alone
        tags=Tags(
            "s3",
            "put_bucket_tagging",
            "get_bucket_tagging",
            lambda v: {"Bucket": v["bucket"]},
            given="Tagging",
            got="TagSet",
            put=lambda tags: {"TagSet": tags},
        ),
    ),
    "aws_s3_bucket_policy": of_bucket(
        {"policy": document("Policy")}, "put_bucket_policy", "get_bucket_policy", "delete_bucket_policy", ""
    ),
    "aws_s3_bucket_lifecycle_configuration": of_bucket(
        LIFECYCLE,
        "put_bucket_lifecycle_configuration",
        "get_bucket_lifecycle_configuration",
        "delete_bucket_lifecycle",
        "LifecycleConfiguration",
    ),
    "aws_s3_bucket_cors_configuration": of_bucket(
        CORS, "put_bucket_cors", "get_bucket_cors", "delete_bucket_cors", "CORSConfiguration"
    ),
    "aws_s3_bucket_notification": of_bucket(
        NOTICE,
        "put_bucket_notification_configuration",
        "get_bucket_notification_configuration",
        "",
        "NotificationConfiguration",
    ),
    "aws_s3_bucket_public_access_block": of_bucket(
        PRIVATE,
        "put_public_access_block",
        "get_public_access_block",
        "delete_public_access_block",
        "PublicAccessBlockConfiguration",
        "PublicAccessBlockConfiguration",
    ),
    "aws_s3_bucket_ownership_controls": of_bucket(
        OWNERSHIP,
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        "delete_bucket_ownership_controls",
        "OwnershipControls",
        "OwnershipControls",
    ),
    "aws_s3_bucket_server_side_encryption_configuration": of_bucket(
        ENCRYPTION,
        "put_bucket_encryption",
        "get_bucket_encryption",
        "delete_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfiguration",
    ),
    "aws_glacier_vault": Kind(
        {"name": Field("VaultName")},
        make_vault,
        lambda aws, values: aws("glacier").describe_vault(vaultName=values["name"]),
        lambda aws, values: aws("glacier").delete_vault(vaultName=values["name"]),
        facts={"arn": Field("VaultARN")},
    ),
    "aws_secretsmanager_secret": Kind(
        SECRET,
        make_secret,
        lambda aws, values: aws("secretsmanager").describe_secret(SecretId=values["arn"]),
        delete_secret,
        lambda aws, v: aws("secretsmanager").update_secret(SecretId=v["arn"], Description=v["description"]) and None,
        tags=Tags("secretsmanager", "tag_resource", "describe_secret", lambda v: {"SecretId": v["arn"]}),
    ),
}
