# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name    = "gas-test"
  s3      = { storage_class = "GLACIER", restored_days = 2 }
  glacier = { vault = "archives" }
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "unknown_backend" {
  command = plan

  variables {
    backend = "tape"
  }

  expect_failures = [var.backend]
}

run "class_that_needs_no_restore" {
  command = plan

  variables {
    s3 = { storage_class = "STANDARD_IA", restored_days = 2 }
  }

  expect_failures = [var.s3]
}

run "copy_that_is_never_there" {
  command = plan

  variables {
    s3 = { storage_class = "GLACIER", restored_days = 0 }
  }

  expect_failures = [var.s3]
}

run "vault_with_a_space" {
  command = plan

  variables {
    glacier = { vault = "old archives" }
  }

  expect_failures = [var.glacier]
}
