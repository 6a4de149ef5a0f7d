# What people look at and what wakes them: logs, alarms, a dashboard, a budget.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region
  account_id = data.aws_caller_identity.current.account_id
  topics     = "arn:${local.partition}:sns:${local.region}:${local.account_id}:${var.name}"
}

resource "aws_cloudwatch_log_group" "tier" {
  for_each = var.tiers

  name              = "/gas/${var.name}/${each.key}"
  retention_in_days = var.log_days
}

# CloudWatch and Budgets may not use the account's default key; what they say is no secret
resource "aws_sns_topic" "alarms" {
  name = "${var.name}_alarms"
}

resource "aws_sns_topic" "warnings" {
  name = "${var.name}_warnings"
}

resource "aws_sns_topic_policy" "warnings" {
  arn = aws_sns_topic.warnings.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LetAlarmsAndTheBudgetSpeak"
      Effect    = "Allow"
      Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = "${local.topics}_warnings"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LetAlarmsSpeak"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = "${local.topics}_alarms"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "warning" {
  for_each = coalesce(var.warning_emails, var.alarm_emails)

  topic_arn = aws_sns_topic.warnings.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # what this deployment is tagged with; the tag must be activated for billing once
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Deployment$%s", var.name)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 100, FORECASTED = 110 }

    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.warnings.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.warnings]
}
