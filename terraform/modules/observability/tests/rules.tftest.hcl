# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name               = "gas-test"
  alarm_emails       = ["oncall@example.org"]
  tiers              = ["web"]
  front              = { LoadBalancer = "app/gas-test/0", TargetGroup = "targetgroup/gas-test/0" }
  queue_names        = { job_requests = "gas-test_job_requests" }
  table_names        = { jobs = "gas-test_jobs" }
  groups             = { web = { name = "gas-test-web", min = 1 } }
  monthly_budget_usd = 100
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "nobody_hears" {
  command = plan

  variables {
    alarm_emails = []
  }

  expect_failures = [var.alarm_emails]
}

run "days_that_cloudwatch_lacks" {
  command = plan

  variables {
    log_days = 10
  }

  expect_failures = [var.log_days]
}

run "doctor_once_a_day" {
  command = plan

  variables {
    doctor_seconds = 86400
  }

  expect_failures = [var.doctor_seconds]
}

run "no_budget" {
  command = plan

  variables {
    monthly_budget_usd = 0
  }

  expect_failures = [var.monthly_budget_usd]
}

run "no_tier" {
  command = plan

  variables {
    tiers = []
  }

  expect_failures = [var.tiers]
}

run "front_by_name" {
  command = plan

  variables {
    front = { LoadBalancer = "gas-test", TargetGroup = "gas-test" }
  }

  expect_failures = [var.front]
}

run "group_of_less_than_none" {
  command = plan

  variables {
    groups = { web = { name = "gas-test-web", min = -1 } }
  }

  expect_failures = [var.groups]
}

run "nobody_hears_warnings" {
  command = plan

  variables {
    warning_emails = []
  }

  expect_failures = [var.warning_emails]
}

run "clinvar_is_renewed_never" {
  command = plan

  variables {
    renewal_days = 0
  }

  expect_failures = [var.renewal_days]
}
