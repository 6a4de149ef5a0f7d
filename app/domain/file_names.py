"""What files are called that a user takes away: by the name of the upload, fit for every file system."""

from __future__ import annotations

import re
from urllib.parse import quote

LONGEST_STEM_BYTES = 150
"""Of a name without its suffix: file systems take 255 for all of it, and a link of S3 must stay short."""

_SUFFIX = re.compile(r"(\.(vcf|bcf))?(\.b?gz)?$", re.IGNORECASE)
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
"""Folders, and signs that no file system takes."""


def stem(file_name: str) -> str:
    """Returns the name without its suffix, folders and unfit signs, cut between characters; `annotation` if nothing is left."""
    bare = _UNFIT.sub("_", _SUFFIX.sub("", file_name)).strip(". ")
    return bare.encode()[:LONGEST_STEM_BYTES].decode(errors="ignore") or "annotation"


def suffix(file_name: str) -> str:
    """Returns the suffix of a VCF or BCF as it was written, such as `.vcf.gz`; empty for any other."""
    found = _SUFFIX.search(file_name)
    return found[0] if found else ""


def derived(file_name: str, what: str) -> str:
    """Returns the name of something made of an upload: `sample.vcf.gz` and `annot.vcf.gz` give `sample.annot.vcf.gz`."""
    return f"{stem(file_name)}.{what}"


def content_disposition(name: str) -> str:
    """Returns the header that makes a browser save under `name`, whatever characters it has (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%;' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
