# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name           = "gas-test"
  tiers          = { web = ["web"] }
  release_bucket = "releases"
  topic_arns     = { for topic in ["job_requests", "job_results", "results_restored"] : topic => "arn:aws:sns:us-east-1:123456789012:gas-test_${topic}" }
  table_arns     = { for table in ["jobs", "accounts"] : table => "arn:aws:dynamodb:us-east-1:123456789012:table/gas-test_${table}" }
  bucket_arns    = { for bucket in ["inputs", "results"] : bucket => "arn:aws:s3:::gas-test-${bucket}" }
  archive        = { backend = "s3", prefix = "archive/" }
  mail = {
    identity_arn          = "arn:aws:ses:us-east-1:123456789012:identity/gas.example.org"
    configuration_set_arn = "arn:aws:ses:us-east-1:123456789012:configuration-set/gas-test"
  }
  queues = {
    for queue, consumer in {
      job_requests = "annotate", archive_requests = "archive", restore_requests = "restore", restore_pendings = "thaw", notifications = "notify"
      } : queue => {
      consumer        = consumer
      arn             = "arn:aws:sqs:us-east-1:123456789012:gas-test_${queue}"
      dead_letter_arn = "arn:aws:sqs:us-east-1:123456789012:gas-test_${queue}_dead"
    }
  }
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "daemon_that_is_none" {
  command = plan

  variables {
    tiers = { web = ["web", "cron"] }
  }

  expect_failures = [var.tiers]
}

run "unknown_backend" {
  command = plan

  variables {
    archive = { backend = "tape", prefix = "archive/" }
  }

  expect_failures = [var.archive]
}

run "glacier_without_vault" {
  command = plan

  variables {
    archive = { backend = "glacier", prefix = "archive/" }
  }

  expect_failures = [var.archive]
}

run "secret_of_a_daemon" {
  command = plan

  variables {
    secret_arns = { annotate = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gas-test/annotate-AbCdEf" }
  }

  expect_failures = [var.secret_arns]
}

run "policy_too_long" {
  command = plan

  variables {
    topic_arns = { for topic in ["job_requests", "job_results", "results_restored"] : topic => "arn:aws:sns:${join("", [for n in range(700) : "0123456789"])}" }
  }

  expect_failures = [aws_iam_policy.this]
}

run "queue_by_name" {
  command = plan

  variables {
    queues = { job_requests = { consumer = "annotate", arn = "job_requests", dead_letter_arn = "job_requests_dead" } }
  }

  expect_failures = [var.queues]
}

run "topic_by_name" {
  command = plan

  variables {
    topic_arns = { job_requests = "job_requests", job_results = "job_results", results_restored = "results_restored" }
  }

  expect_failures = [var.topic_arns]
}

run "table_by_name" {
  command = plan

  variables {
    table_arns = { jobs = "jobs", accounts = "accounts" }
  }

  expect_failures = [var.table_arns]
}

run "bucket_by_name" {
  command = plan

  variables {
    bucket_arns = { inputs = "inputs", results = "results" }
  }

  expect_failures = [var.bucket_arns]
}

run "identity_by_name" {
  command = plan

  variables {
    mail = { identity_arn = "gas.example.org", configuration_set_arn = "gas-test" }
  }

  expect_failures = [var.mail]
}

run "bucket_that_is_none" {
  command = plan

  variables {
    release_bucket = "Releases"
  }

  expect_failures = [var.release_bucket]
}

run "reference_by_its_version" {
  command = plan

  variables {
    renewed = ["grch38/latest"]
  }

  expect_failures = [var.renewed]
}
