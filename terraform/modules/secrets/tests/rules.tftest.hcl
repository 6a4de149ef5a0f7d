# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name    = "gas-test"
  secrets = { web = { description = "What the portal needs.", settings = ["GAS_STRIPE_SECRET_KEY"] } }
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "setting_that_is_none" {
  command = plan

  variables {
    secrets = { web = { description = "A password.", settings = ["PASSWORD"] } }
  }

  expect_failures = [var.secrets]
}

run "empty_secret" {
  command = plan

  variables {
    secrets = { web = { description = "Nothing.", settings = [] } }
  }

  expect_failures = [var.secrets]
}

run "recovery_that_aws_lacks" {
  command = plan

  variables {
    recovery_days = 3
  }

  expect_failures = [var.recovery_days]
}
