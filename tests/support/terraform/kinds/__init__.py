"""The resource types that the stand-in of the AWS provider really makes, in an emulator, by boto3."""

from __future__ import annotations

from . import fleet, identity, messaging, network, storage, watching
from .kind import Kind

KINDS: dict[str, Kind] = {
    **messaging.KINDS,
    **storage.KINDS,
    **identity.KINDS,
    **watching.KINDS,
    **network.KINDS,
    **fleet.KINDS,
}

RECORDED = {
    "aws_acm_certificate_validation": "it waits for DNS, which the emulator does not have",
    "aws_route53_record": "its zone was there before, and the emulator chooses the ids of zones itself",
    "aws_s3_bucket_logging": "the emulator fails at a target whose policy denies something to everybody",
    "aws_s3_bucket_versioning": "only the bootstrap has it",
    "aws_sesv2_configuration_set_event_destination": "the emulator lacks it",
    "aws_sqs_queue_redrive_allow_policy": "the emulator forgets it, and the queue's policy with it",
    "aws_sesv2_email_identity_mail_from_attributes": "the emulator lacks it",
}
"""Types that are only written down, as the configuration says them, each with the reason."""
