# Each rule of variables.tf, broken once.

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

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "delay_above_fifteen_minutes" {
  command = plan

  variables {
    queues = { jobs = { consumer = "annotate", delay_seconds = 901, visibility_seconds = 60, max_receives = 10, retention_seconds = 86400 } }
  }

  expect_failures = [var.queues]
}

run "visibility_above_twelve_hours" {
  command = plan

  variables {
    queues = { jobs = { consumer = "annotate", delay_seconds = 0, visibility_seconds = 43201, max_receives = 10, retention_seconds = 604800 } }
  }

  expect_failures = [var.queues]
}

run "visibility_below_three_heartbeats" {
  command = plan

  variables {
    queues = { jobs = { consumer = "annotate", delay_seconds = 0, visibility_seconds = 59, max_receives = 10, retention_seconds = 86400 } }
  }

  expect_failures = [var.queues]
}

run "dead_after_the_first_restart" {
  command = plan

  variables {
    queues = { jobs = { consumer = "annotate", delay_seconds = 0, visibility_seconds = 60, max_receives = 2, retention_seconds = 86400 } }
  }

  expect_failures = [var.queues]
}

run "kept_longer_than_sqs_keeps" {
  command = plan

  variables {
    queues = { jobs = { consumer = "annotate", delay_seconds = 0, visibility_seconds = 60, max_receives = 10, retention_seconds = 1209601 } }
  }

  expect_failures = [var.queues]
}

run "forgotten_before_it_is_dead" {
  command = plan

  variables {
    queues = { jobs = { consumer = "annotate", delay_seconds = 0, visibility_seconds = 60, max_receives = 10, retention_seconds = 600 } }
  }

  expect_failures = [var.queues]
}

run "dead_letters_shorter_than_the_queue" {
  command = plan

  variables {
    dead_letter = { suffix = "_dead", retention_seconds = 86400 }
  }

  expect_failures = [var.dead_letter]
}

run "dead_letters_longer_than_sqs_keeps" {
  command = plan

  variables {
    dead_letter = { suffix = "_dead", retention_seconds = 1209601 }
  }

  expect_failures = [var.dead_letter]
}

run "topic_without_publisher" {
  command = plan

  variables {
    topics = { jobs = { published_by = [] } }
  }

  expect_failures = [var.topics]
}

run "subscription_to_no_topic" {
  command = plan

  variables {
    subscriptions = [{ topic = "results", queue = "jobs", raw_delivery = true }]
  }

  expect_failures = [var.subscriptions]
}

run "subscription_of_no_queue" {
  command = plan

  variables {
    subscriptions = [{ topic = "jobs", queue = "results", raw_delivery = true }]
  }

  expect_failures = [var.subscriptions]
}

run "no_heartbeat" {
  command = plan

  variables {
    heartbeat_seconds = 0
  }

  expect_failures = [var.heartbeat_seconds]
}

run "age_below_a_minute" {
  command = plan

  variables {
    max_age_seconds = 30
  }

  expect_failures = [var.max_age_seconds]
}

run "bucket_that_is_none" {
  command = plan

  variables {
    notifying_bucket = "Results"
  }

  expect_failures = [var.notifying_bucket]
}

run "alarm_to_no_topic" {
  command = plan

  variables {
    alarm_topic_arns = ["oncall@example.org"]
  }

  expect_failures = [var.alarm_topic_arns]
}
