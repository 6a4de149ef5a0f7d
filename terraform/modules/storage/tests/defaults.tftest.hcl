mock_provider "aws" {}

variables {
  name              = "gas-test"
  upload_origins    = ["https://gas.example.org"]
  restore_topic_arn = "arn:aws:sns:us-east-1:123456789012:gas-test_retrievals"
  archive_prefix    = "archive/"
  buckets = {
    inputs  = { expire_days = 30, browser_uploads = true, restore_notices = false }
    results = { browser_uploads = false, browser_reads = true, restore_notices = true }
  }
}

run "only_what_is_declared_expires" {
  command = plan

  assert {
    condition = { for bucket, lifecycle in aws_s3_bucket_lifecycle_configuration.this : bucket => [for rule in lifecycle.rule : rule.id] } == {
      inputs  = ["abort-unfinished-uploads", "expire"]
      logs    = ["abort-unfinished-uploads", "expire"]
      results = ["abort-unfinished-uploads"]
    }
    error_message = "Inputs and logs expire, results never."
  }

  assert {
    condition     = keys(aws_s3_bucket_cors_configuration.this) == ["inputs", "results"] && keys(aws_s3_bucket_notification.this) == ["results"]
    error_message = "Browsers upload inputs; results report restores."
  }
}

run "pages_upload_to_one_bucket_and_read_the_other" {
  command = plan

  assert {
    condition = alltrue([
      one(aws_s3_bucket_cors_configuration.this["inputs"].cors_rule).allowed_methods == toset(["POST"]),
      one(aws_s3_bucket_cors_configuration.this["results"].cors_rule).allowed_methods == toset(["GET", "HEAD"]),
      contains(one(aws_s3_bucket_cors_configuration.this["results"].cors_rule).expose_headers, "Content-Range"),
    ])
    error_message = "Pages write to inputs only, and read ranges of results only."
  }
}
