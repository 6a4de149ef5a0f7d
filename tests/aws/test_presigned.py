"""Presigned forms and links name the bucket's own host: no redirect, which a page may not follow, and no other region."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.aws.clients import clients
from app.aws.objects import Bucket
from app.settings import Settings
from app.web.middlewares.headers import headers, origin


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "il-central-1", "ap-southeast-5"])
async def test_forms_links_and_the_policy_of_pages_name_the_region(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y", "DEFAULT_REGION": region}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    settings = Settings().model_copy(update={"environment": "prod"})
    async with clients(settings, "s3") as aws:
        bucket = Bucket(aws["s3"], "gas-prod-inputs")
        form = await bucket.upload_form("uploads/u/j", most_bytes=10, fields={})
        link = await bucket.link("results/u/j", download_as="a.vcf.gz", media_type="application/gzip")
    host = f"https://gas-prod-inputs.s3.{region}.amazonaws.com"
    assert origin(form["url"]) == origin(link) == host
    assert urlsplit(link).path == "/results/u/j"
    assert f"/{region}/s3/aws4_request" in form["fields"]["x-amz-credential"]
    policy = headers(settings, origin(form["url"]))["Content-Security-Policy"]
    assert f"connect-src 'self' {host};" in policy and f"form-action 'self' {host} " in policy
