mock_provider "aws" {}

variables {
  name             = "gas-test"
  notifying_bucket = "gas-test-results"
  queues = {
    jobs = { consumer = "annotate", delay_seconds = 0, visibility_seconds = 60, max_receives = 10, retention_seconds = 86400 }
  }
  dead_letter   = { suffix = "_dead", retention_seconds = 1209600 }
  topics        = { jobs = { published_by = ["web"] } }
  subscriptions = [{ topic = "jobs", queue = "jobs", raw_delivery = true }]
}

run "queue_lets_in_its_topic_and_nobody_else" {
  command = plan

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this["jobs"].policy).Statement : statement.Sid] == ["DenyPlainText", "LetItsTopicsSend"]
    error_message = "The policy must deny plain text and let the topic send."
  }

  assert {
    condition     = endswith(jsondecode(aws_sqs_queue_policy.this["jobs"].policy).Statement[1].Condition.ArnEquals["aws:SourceArn"][0], ":gas-test_jobs")
    error_message = "Only the subscribed topic may send."
  }

  assert {
    condition     = aws_sns_topic.this["jobs"].kms_master_key_id == "alias/aws/sns"
    error_message = "A topic that only roles publish to is encrypted with the account's key."
  }
}

run "queue_without_topic_lets_no_topic_in" {
  command = plan

  variables {
    subscriptions = []
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this["jobs"].policy).Statement : statement.Effect] == ["Deny"]
    error_message = "Without a subscription nobody may send through the policy."
  }
}

run "topic_that_a_bucket_notifies_has_no_key" {
  command = plan

  variables {
    topics = { jobs = { published_by = ["s3"] } }
  }

  assert {
    condition     = aws_sns_topic.this["jobs"].kms_master_key_id == null
    error_message = "S3 can't publish to a topic with the account's default key."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_policy.this["jobs"].policy).Statement[1].Condition.ArnEquals["aws:SourceArn"] == "arn:${data.aws_partition.current.partition}:s3:::gas-test-results"
    error_message = "Only our bucket may publish."
  }
}
