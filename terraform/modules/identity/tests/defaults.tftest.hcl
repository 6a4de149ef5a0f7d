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

run "tier_may_do_what_its_daemons_do" {
  command = plan

  variables {
    tiers = { utility = ["archive", "thaw"] }
  }

  assert {
    condition     = keys(aws_iam_policy.this) == ["archive", "host-utility", "thaw"] && length(aws_iam_role_policy_attachment.this) == 3
    error_message = "The role has the policies of its daemons and of its host."
  }

  assert {
    condition     = keys(output.wildcard_reasons["host-utility"]) == ["OpenSessions", "ShipMetrics"]
    error_message = "Every statement on all resources says why."
  }
}

run "recipients_of_the_sandbox_are_granted" {
  command = plan

  variables {
    tiers = { utility = ["notify"] }
    mail = {
      identity_arn          = "arn:aws:ses:us-east-1:123456789012:identity/gas.example.org"
      configuration_set_arn = "arn:aws:ses:us-east-1:123456789012:configuration-set/gas-test"
      recipient_arns        = ["arn:aws:ses:us-east-1:123456789012:identity/me@example.org"]
    }
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_policy.this["notify"].policy).Statement :
      statement.Sid == "SendMail" && contains(statement.Resource, "arn:aws:ses:us-east-1:123456789012:identity/me@example.org")
    ])
    error_message = "In the sandbox SES authorises the recipient's identity as well."
  }
}

run "reference_is_written_where_the_doctor_is" {
  command = plan

  variables {
    tiers   = { utility = ["doctor"], annotate = ["annotate"] }
    renewed = ["grch38"]
  }

  assert {
    condition     = keys(aws_iam_role_policy_attachment.this) == ["annotate.annotate", "annotate.host-annotate", "utility.doctor", "utility.host-utility", "utility.renew"]
    error_message = "Beside the doctor runs gas-renew, and nowhere else."
  }

  assert {
    condition     = [for arn in jsondecode(aws_iam_policy.this["renew"].policy).Statement[0].Resource : split(":::", arn)[1]] == ["releases/bundles/grch38/*"]
    error_message = "It writes that reference, and nothing else."
  }
}
