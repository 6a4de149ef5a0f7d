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
    condition     = aws_cloudwatch_metric_alarm.doctor_silent[0].period == 180
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

run "urgent_alarms_and_warnings_are_two_topics" {
  command = plan

  variables {
    warning_emails = ["team@example.org"]
  }

  assert {
    condition     = keys(aws_sns_topic_subscription.mail) == ["oncall@example.org"] && keys(aws_sns_topic_subscription.warning) == ["team@example.org"]
    error_message = "Who is woken and who reads in the morning may be different people."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["portal-errors"].tags.Severity == "urgent" && aws_cloudwatch_metric_alarm.this["web-disk"].tags.Severity == "warning"
    error_message = "Errors of the portal are urgent, a disk that fills is not yet."
  }
}

run "deployments_keep_their_metrics_apart" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.doctor_silent[0].dimensions == tomap({ deployment = "gas-test", verb = "doctor" })
    error_message = "Another deployment's doctor must not keep this one's alarm quiet."
  }
}

run "a_doctor_that_may_be_away_is_not_missed" {
  command = plan

  variables {
    doctor_always = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.doctor_silent) == 0
    error_message = "Where no instance has to run the doctor, its silence is no alarm."
  }
}

run "clinvar_is_watched_where_it_is_renewed" {
  command = plan

  variables {
    renewal_days = 28
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["clinvar-old"].threshold == 42 * 86400 && aws_cloudwatch_metric_alarm.this["clinvar-old"].treat_missing_data == "breaching"
    error_message = "Two weeks late is late, and silence is no better."
  }

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: together at most a week
  assert {
    condition     = alltrue([for name in ["clinvar-old", "renewal-failed"] : aws_cloudwatch_metric_alarm.this[name].period * aws_cloudwatch_metric_alarm.this[name].evaluation_periods <= 7 * 86400])
    error_message = "CloudWatch refuses an alarm that counts longer than a week."
  }
}

run "clinvar_is_not_watched_where_it_is_not_renewed" {
  command = plan

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "clinvar-old") && !contains(keys(aws_cloudwatch_metric_alarm.this), "renewal-failed")
    error_message = "What nobody reports rings no alarm."
  }
}
