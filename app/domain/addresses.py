"""Mail addresses, as people write them and as the wire has them."""

from __future__ import annotations

import idna


def on_the_wire(address: str) -> str:
    """The address with its domain in ASCII: Punycode, where it has other letters (RFC 5891, by way of UTS 46).

    What is no domain stays as it is: who is to take the mail says so.
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return local + at + idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return address


def deliverable(address: str) -> bool:
    """Whether SES takes it: the part before the @ has to be ASCII, the domain may be anything.

    Source: "SendEmail" in SES's API reference (v2): SES does not support SMTPUTF8.
    """
    return on_the_wire(address).isascii()


def same(one: str, other: str) -> bool:
    """Do both name one mailbox, in whatever case, and whichever way their domain is spelled?"""
    return on_the_wire(one).lower() == on_the_wire(other).lower()
