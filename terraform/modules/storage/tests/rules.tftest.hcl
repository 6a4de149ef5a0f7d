# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name              = "gas-test"
  upload_origins    = ["https://gas.example.org"]
  restore_topic_arn = "arn:aws:sns:us-east-1:123456789012:gas-test_retrievals"
  archive_prefix    = "archive/"
  buckets = {
    inputs  = { expire_days = 30, browser_uploads = true, restore_notices = false }
    results = { browser_uploads = false, restore_notices = true }
  }
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "input_gone_before_its_message" {
  command = plan

  variables {
    buckets = { inputs = { expire_days = 14, browser_uploads = true, restore_notices = false } }
  }

  expect_failures = [var.buckets]
}

run "bucket_called_logs" {
  command = plan

  variables {
    buckets = { logs = { browser_uploads = false, restore_notices = false } }
  }

  expect_failures = [var.buckets]
}

run "archive_that_expires" {
  command = plan

  variables {
    buckets = { results = { expire_days = 90, browser_uploads = false, restore_notices = true } }
  }

  expect_failures = [var.buckets]
}

run "wait_beyond_sqs" {
  command = plan

  variables {
    longest_wait_days = 15
  }

  expect_failures = [var.longest_wait_days]
}

run "upload_origin_without_tls" {
  command = plan

  variables {
    upload_origins = ["http://gas.example.org"]
  }

  expect_failures = [var.upload_origins]
}

run "prefix_without_slash" {
  command = plan

  variables {
    archive_prefix = "archive"
  }

  expect_failures = [var.archive_prefix]
}

run "no_access_logs" {
  command = plan

  variables {
    access_log_days = 0
  }

  expect_failures = [var.access_log_days]
}

run "restores_to_no_topic" {
  command = plan

  variables {
    restore_topic_arn = "retrievals"
  }

  expect_failures = [var.restore_topic_arn]
}
