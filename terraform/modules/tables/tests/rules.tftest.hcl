# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name            = "gas-test"
  attribute_types = { user_id = "S", job_id = "S", shard = "S", deadline = "N" }
  tables = {
    jobs = {
      partition_key = "user_id"
      sort_key      = "job_id"
      indexes       = { overdue = { partition_key = "shard", sort_key = "deadline", projection = "KEYS_ONLY" } }
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

run "projection_that_dynamodb_lacks" {
  command = plan

  variables {
    tables = {
      jobs = {
        partition_key = "user_id"
        sort_key      = "job_id"
        indexes       = { overdue = { partition_key = "shard", sort_key = "deadline", projection = "SOME" } }
      }
    }
  }

  expect_failures = [var.tables]
}

run "type_that_dynamodb_lacks" {
  command = plan

  variables {
    attribute_types = { user_id = "S", job_id = "S", shard = "S", deadline = "INT" }
  }

  expect_failures = [var.attribute_types]
}

run "key_without_type" {
  command = plan

  variables {
    attribute_types = { user_id = "S", job_id = "S", shard = "S" }
  }

  expect_failures = [var.attribute_types]
}

run "recovery_beyond_35_days" {
  command = plan

  variables {
    recovery_days = 36
  }

  expect_failures = [var.recovery_days]
}

run "restored_with_a_dash" {
  command = plan

  variables {
    restored = { jobs = "2026-11-29" }
  }

  expect_failures = [var.restored]
}

run "restored_that_is_no_table" {
  command = plan

  variables {
    restored = { queues = "20261129" }
  }

  expect_failures = [var.restored]
}
