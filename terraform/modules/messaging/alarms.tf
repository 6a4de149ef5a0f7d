resource "aws_cloudwatch_metric_alarm" "dead" {
  for_each = aws_sqs_queue.dead

  alarm_name          = "${each.value.name}-not-empty"
  alarm_description   = "Messages of ${each.key} failed for good: look at them with `gas dlq show ${each.key}`, mend the cause, then `gas dlq redrive ${each.key}`."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching" # SQS reports nothing of a queue that nobody has used for six hours
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = { Severity = "urgent" }
}

resource "aws_cloudwatch_metric_alarm" "age" {
  for_each = aws_sqs_queue.this

  alarm_name          = "${each.value.name}-old"
  alarm_description   = "Messages of ${each.key} wait too long: is gas-${var.queues[each.key].consumer} running, and is its fleet large enough?"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.max_age_seconds + each.value.delay_seconds
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  tags = { Severity = "urgent" }
}
