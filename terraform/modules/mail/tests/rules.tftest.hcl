# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name              = "gas-test"
  domain            = "gas.example.org"
  bounces_topic_arn = "arn:aws:sns:us-east-1:123456789012:gas-test_bounces"
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "domain_that_is_none" {
  command = plan

  variables {
    domain = "gas"
  }

  expect_failures = [var.domain]
}

run "sender_with_domain" {
  command = plan

  variables {
    sender = "gas@example.org"
  }

  expect_failures = [var.sender]
}

run "alarm_to_no_topic" {
  command = plan

  variables {
    alarm_topic_arns = ["oncall@example.org"]
  }

  expect_failures = [var.alarm_topic_arns]
}

run "zone_by_name" {
  command = plan

  variables {
    zone_id = "example.org"
  }

  expect_failures = [var.zone_id]
}

run "bounces_to_no_topic" {
  command = plan

  variables {
    bounces_topic_arn = "postmaster@example.org"
  }

  expect_failures = [var.bounces_topic_arn]
}
