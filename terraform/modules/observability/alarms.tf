# One row an alarm. Queues and mail have theirs in their own modules.

locals {
  balancer = { LoadBalancer = var.front.LoadBalancer }

  alarms = merge(
    {
      portal-errors = {
        severity  = "urgent"
        says      = "The portal answers with errors of ours: read the tier web's log, by request id."
        namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = var.front
        statistic = "Sum", above = 5, period = 300, periods = 1, missing = "notBreaching"
      }
      balancer-errors = {
        severity  = "urgent"
        says      = "The load balancer finds no portal that answers: look at the group's instances and their boot logs."
        namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.balancer
        statistic = "Sum", above = 5, period = 300, periods = 1, missing = "notBreaching"
      }
      portal-unhealthy = {
        severity  = "warning"
        says      = "An instance of the portal fails its health check."
        namespace = "AWS/ApplicationELB", metric = "UnHealthyHostCount", dimensions = var.front
        statistic = "Maximum", above = 0, period = 60, periods = 10, missing = "notBreaching"
      }
      portal-slow = {
        severity  = "warning"
        says      = "The portal takes more than two seconds for an answer on average."
        namespace = "AWS/ApplicationELB", metric = "TargetResponseTime", dimensions = local.balancer
        statistic = "Average", above = 2, period = 300, periods = 3, missing = "notBreaching"
      }
    },
    {
      for table, name in var.table_names : "${table}-throttled" => {
        severity  = "warning"
        says      = "DynamoDB turns requests on the table ${table} away: one user's partition is too busy, or traffic rose too fast."
        namespace = "AWS/DynamoDB", metric = "ThrottledRequests", dimensions = { TableName = name }
        statistic = "Sum", above = 10, period = 300, periods = 2, missing = "notBreaching"
      }
    },
    # what CloudWatch's agent says of the fullest instance of a tier (ansible/roles/common)
    merge([for tier in var.tiers : {
      "${tier}-disk" = {
        severity  = "warning"
        says      = "The disk of an instance of the tier ${tier} is nearly full: what has grown in /var and /tmp?"
        namespace = "CWAgent", metric = "disk_used_percent", dimensions = { Deployment = var.name, Tier = tier }
        statistic = "Maximum", above = 85, period = 300, periods = 2, missing = "notBreaching"
      }
      "${tier}-memory" = {
        severity  = "warning"
        says      = "An instance of the tier ${tier} is short of memory: systemd restarts a daemon that takes more than its part."
        namespace = "CWAgent", metric = "mem_used_percent", dimensions = { Deployment = var.name, Tier = tier }
        statistic = "Maximum", above = 92, period = 300, periods = 3, missing = "notBreaching"
      }
    }]...),
    # gas-renew looks once a day; days are the longest that an alarm may count in
    { for name, alarm in {
      renewal-failed = {
        severity  = "warning"
        says      = "This month's ClinVar could not be built, checked or pushed; it is tried again each day: journalctl --unit gas-renew on the utility tier."
        namespace = "GAS", metric = "renewal_failures", dimensions = { deployment = var.name, verb = "renew" }
        statistic = "Sum", above = 0, period = local.day, periods = 1, missing = "notBreaching"
      }
      clinvar-old = {
        severity  = "warning"
        says      = "For two weeks ClinVar should have been renewed and was not, or gas-renew has not run for three days: systemctl status gas-renew.timer gas-renew on the utility tier."
        namespace = "GAS", metric = "clinvar_age", dimensions = { deployment = var.name, verb = "renew" }
        statistic = "Maximum", above = (coalesce(var.renewal_days, 0) + 14) * local.day, period = local.day, periods = 3
        missing   = var.doctor_always ? "breaching" : "notBreaching"
      }
    } : name => alarm if var.renewal_days != null },
  )

  day = 24 * 3600

  # urgent: people are turned away, or work stands still; a warning can wait until the morning
  hears = { urgent = [aws_sns_topic.alarms.arn], warning = [aws_sns_topic.warnings.arn] }

  # three runs of the doctor, in the whole minutes that CloudWatch counts in
  doctor_period = max(60, ceil(var.doctor_seconds * 3 / 60) * 60)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = local.hears[each.value.severity]
  ok_actions          = local.hears[each.value.severity]

  tags = { Severity = each.value.severity }
}

resource "aws_cloudwatch_metric_alarm" "doctor_unrepaired" {
  alarm_name          = "${var.name}-doctor-unrepaired"
  alarm_description   = "Something stays wrong that the doctor could not mend: run `gas doctor` and read what it says."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.hears["warning"]
  ok_actions          = local.hears["warning"]

  metric_query {
    id          = "unrepaired"
    label       = "found and not mended"
    expression  = "FILL(violations, 0) - FILL(repairs, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = toset(["violations", "repairs"])

    content {
      id = metric_query.value

      metric {
        namespace   = "GAS"
        metric_name = metric_query.value
        dimensions  = { deployment = var.name, verb = "doctor" }
        period      = local.doctor_period
        stat        = "Sum"
      }
    }
  }

  tags = { Severity = "warning" }
}

# A doctor that has died reports nothing at all; nor does one whose fleet may be empty.
resource "aws_cloudwatch_metric_alarm" "doctor_silent" {
  count = var.doctor_always ? 1 : 0

  alarm_name          = "${var.name}-doctor-silent"
  alarm_description   = "The doctor has not reported for three periods: is gas-doctor running on the utility tier?"
  namespace           = "GAS"
  metric_name         = "violations"
  dimensions          = { deployment = var.name, verb = "doctor" }
  statistic           = "SampleCount"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = local.doctor_period
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = local.hears["urgent"]
  ok_actions          = local.hears["urgent"]

  tags = { Severity = "urgent" }
}

resource "aws_cloudwatch_metric_alarm" "short" {
  for_each = { for tier, group in var.groups : tier => group if group.min > 0 }

  alarm_name          = "${each.value.name}-short"
  alarm_description   = "The tier ${each.key} has too few instances: look at the group's activity, and at the boot log of the last one that was given up."
  namespace           = "AWS/AutoScaling"
  metric_name         = "GroupInServiceInstances"
  dimensions          = { AutoScalingGroupName = each.value.name }
  statistic           = "Maximum"
  comparison_operator = "LessThanThreshold"
  threshold           = each.value.min
  period              = 60
  evaluation_periods  = 20 # longer than a boot
  treat_missing_data  = "breaching"
  alarm_actions       = local.hears["urgent"]
  ok_actions          = local.hears["urgent"]

  tags = { Severity = "urgent" }
}
