"""Queues, topics and subscriptions."""

from __future__ import annotations

from functools import partial
from typing import Any

from .kind import Kind, Tags, nothing
from .shape import Field, Shape, Values, document, flag, text, to_aws

QUEUE: Shape = {
    "delay_seconds": text("DelaySeconds"),
    "visibility_timeout_seconds": text("VisibilityTimeout"),
    "message_retention_seconds": text("MessageRetentionPeriod"),
    "receive_wait_time_seconds": text("ReceiveMessageWaitTimeSeconds"),
    "sqs_managed_sse_enabled": flag("SqsManagedSseEnabled"),
    "redrive_policy": document("RedrivePolicy"),
}
TOPIC: Shape = {"kms_master_key_id": Field("KmsMasterKeyId")}
SUBSCRIPTION: Shape = {
    "raw_message_delivery": flag("RawMessageDelivery"),
    "filter_policy": document("FilterPolicy"),
    "topic_arn": Field("TopicArn"),
    "protocol": Field("Protocol"),
    "endpoint": Field("Endpoint"),
}
OF_SUBSCRIPTION = ("RawMessageDelivery", "FilterPolicy")


def make_queue(aws: Any, values: Values) -> Values:
    url = aws("sqs").create_queue(QueueName=values["name"], Attributes=to_aws(QUEUE, values))["QueueUrl"]
    return {"id": url, "url": url}


def set_queue(shape: Shape, url: str, aws: Any, values: Values) -> Values:
    aws("sqs").set_queue_attributes(QueueUrl=values[url], Attributes=to_aws(shape, values))
    return {"id": values[url]}


def read_queue(url: str, aws: Any, values: Values) -> Any:
    return aws("sqs").get_queue_attributes(QueueUrl=values[url], AttributeNames=["All"])["Attributes"]


def unset_queue(attribute: str, aws: Any, values: Values) -> None:
    aws("sqs").set_queue_attributes(QueueUrl=values["queue_url"], Attributes={attribute: ""})


def of_queue(attribute: str, aws_name: str) -> Kind:
    """What Terraform has as a resource and SQS as an attribute of the queue."""
    shape = {attribute: document(aws_name)}
    write = partial(set_queue, shape, "queue_url")
    return Kind(shape, write, partial(read_queue, "queue_url"), partial(unset_queue, aws_name), write)


def make_topic(aws: Any, values: Values) -> Values:
    arn = aws("sns").create_topic(Name=values["name"], Attributes=to_aws(TOPIC, values))["TopicArn"]
    return {"id": arn, "arn": arn}


def read_topic(aws: Any, values: Values) -> Any:
    return aws("sns").get_topic_attributes(TopicArn=values["arn"])["Attributes"]


def set_topic(name: str, attribute: str, aws: Any, values: Values) -> Values:
    aws("sns").set_topic_attributes(TopicArn=values["arn"], AttributeName=attribute, AttributeValue=values[name] or "")
    return {"id": values["arn"]}


def subscribe(aws: Any, values: Values) -> Values:
    said = to_aws(SUBSCRIPTION, values)
    attributes = {name: said[name] for name in OF_SUBSCRIPTION if name in said}
    arn = aws("sns").subscribe(
        TopicArn=values["topic_arn"],
        Protocol=values["protocol"],
        Endpoint=values["endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return {"id": arn, "arn": arn}


def change_subscription(aws: Any, values: Values) -> None:
    said = to_aws(SUBSCRIPTION, values)
    for name in OF_SUBSCRIPTION:
        aws("sns").set_subscription_attributes(
            SubscriptionArn=values["arn"], AttributeName=name, AttributeValue=said.get(name, "{}")
        )


KINDS = {
    "aws_sqs_queue": Kind(
        QUEUE,
        make_queue,
        partial(read_queue, "id"),
        lambda aws, values: aws("sqs").delete_queue(QueueUrl=values["id"]),
        partial(set_queue, QUEUE, "id"),
        facts={"arn": Field("QueueArn")},
        tags=Tags("sqs", "tag_queue", "list_queue_tags", lambda v: {"QueueUrl": v["id"]}, pairs=None),
    ),
    "aws_sqs_queue_policy": of_queue("policy", "Policy"),
    "aws_sns_topic": Kind(
        TOPIC,
        make_topic,
        read_topic,
        lambda aws, values: aws("sns").delete_topic(TopicArn=values["arn"]),
        partial(set_topic, "kms_master_key_id", "KmsMasterKeyId"),
        facts={"owner": Field("Owner")},
        tags=Tags("sns", "tag_resource", "list_tags_for_resource", lambda v: {"ResourceArn": v["arn"]}),
    ),
    "aws_sns_topic_policy": Kind(
        {"policy": document("Policy")},
        partial(set_topic, "policy", "Policy"),
        read_topic,
        nothing,
        partial(set_topic, "policy", "Policy"),
    ),
    "aws_sns_topic_subscription": Kind(
        SUBSCRIPTION,
        subscribe,
        lambda aws, v: aws("sns").get_subscription_attributes(SubscriptionArn=v["arn"])["Attributes"],
        lambda aws, v: aws("sns").unsubscribe(SubscriptionArn=v["arn"]),
        change_subscription,
    ),
}
