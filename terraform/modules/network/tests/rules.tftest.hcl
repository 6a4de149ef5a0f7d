# Each rule of variables.tf, broken once.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "us-east-1" }
  }
}

variables {
  name  = "gas-test"
  zones = ["us-east-1a", "us-east-1b"]
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "cidr_that_is_none" {
  command = plan

  variables {
    cidr = "10.20.0.0"
  }

  expect_failures = [var.cidr]
}

run "cidr_too_small" {
  command = plan

  variables {
    cidr = "10.20.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "one_zone" {
  command = plan

  variables {
    zones = ["us-east-1a"]
  }

  expect_failures = [var.zones]
}

run "same_zone_twice" {
  command = plan

  variables {
    zones = ["us-east-1a", "us-east-1a"]
  }

  expect_failures = [var.zones]
}

run "unknown_nat" {
  command = plan

  variables {
    nat = "double"
  }

  expect_failures = [var.nat]
}

run "endpoint_that_nobody_calls" {
  command = plan

  variables {
    interface_endpoints = ["rds"]
  }

  expect_failures = [var.interface_endpoints]
}

run "days_that_cloudwatch_lacks" {
  command = plan

  variables {
    flow_log_days = 10
  }

  expect_failures = [var.flow_log_days]
}

run "zone_of_another_region" {
  command = plan

  variables {
    zones = ["eu-central-1a", "eu-central-1b"]
  }

  expect_failures = [var.zones]
}

run "vault_without_a_way" {
  command = plan

  variables {
    nat    = "none"
    called = { utility = ["s3", "glacier"] }
  }

  expect_failures = [var.called]
}

run "service_without_an_endpoint" {
  command = plan

  variables {
    nat                 = "none"
    interface_endpoints = ["sqs"]
    called              = { utility = ["s3", "dynamodb", "sqs", "ses"] }
  }

  expect_failures = [var.called]
}
