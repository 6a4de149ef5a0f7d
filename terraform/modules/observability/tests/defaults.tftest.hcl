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

run "alarm_counts_in_whole_minutes" {
  command = plan

  variables {
    doctor_seconds = 50
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.doctor_silent.period == 180
    error_message = "Three runs of 50 seconds are three whole minutes."
  }
}

run "group_that_may_be_empty_has_no_alarm" {
  command = plan

  variables {
    groups = { web = { name = "gas-test-web", min = 2 }, annotate = { name = "gas-test-annotate", min = 0 } }
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.short) == ["web"] && aws_cloudwatch_metric_alarm.short["web"].threshold == 2
    error_message = "Only a group that must have instances is missed."
  }
}
