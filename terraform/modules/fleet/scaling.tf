resource "aws_autoscaling_policy" "requests" {
  count = var.scaling.requests_per_instance == null ? 0 : 1

  name                   = "requests"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.scaling.requests_per_instance

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = var.front.resource_label
    }
  }

  lifecycle {
    # a group that is replaced takes its policies along
    replace_triggered_by = [aws_autoscaling_group.this.id]
  }
}

resource "aws_autoscaling_policy" "cpu" {
  count = var.scaling.cpu_percent == null ? 0 : 1

  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.scaling.cpu_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }

  lifecycle {
    # a group that is replaced takes its policies along
    replace_triggered_by = [aws_autoscaling_group.this.id]
  }
}

locals {
  # by id; messages in work count too, or a fleet would shrink under its own work, and delayed ones: giants that wait for a slot
  backlog_metrics = {
    waiting = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimension = "QueueName", value = var.backlog_queue }
    working = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesNotVisible", dimension = "QueueName", value = var.backlog_queue }
    delayed = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesDelayed", dimension = "QueueName", value = var.backlog_queue }
    serving = { namespace = "AWS/AutoScaling", metric = "GroupInServiceInstances", dimension = "AutoScalingGroupName", value = local.group }
  }
  # an instance that still boots is wanted and not yet serving: it must not be woken twice
  wake_metrics = {
    waiting = local.backlog_metrics.waiting
    wanted  = merge(local.backlog_metrics.serving, { metric = "GroupDesiredCapacity" })
  }
  backlog_expressions = {
    # what waits counts up to half of what is in work and a little: a fleet that is short of slots grows by about a half every
    # few minutes, and not at once by all that has piled up while the instances boot that it has asked for
    v = { expression = "FILL(working, 0) + IF(FILL(waiting, 0) + FILL(delayed, 0) > FILL(working, 0) / 2 + n + 1, FILL(working, 0) / 2 + n + 1, FILL(waiting, 0) + FILL(delayed, 0))", result = false }
    n = { expression = "FILL(serving, 0)", result = false }
    # without an instance the whole backlog counts, for nothing can be divided by none
    backlog = { expression = "IF(n>0, v/n, v)", result = true }
  }
}

resource "aws_autoscaling_policy" "backlog" {
  count = var.scaling.backlog_per_instance == null ? 0 : 1

  name                   = "backlog"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.scaling.backlog_per_instance

    customized_metric_specification {
      dynamic "metrics" {
        for_each = local.backlog_metrics

        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat = "Average"

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.metric

              dimensions {
                name  = metrics.value.dimension
                value = metrics.value.value
              }
            }
          }
        }
      }

      dynamic "metrics" {
        for_each = local.backlog_expressions

        content {
          id          = metrics.key
          expression  = metrics.value.expression
          return_data = metrics.value.result
        }
      }
    }
  }

  lifecycle {
    # a group that is replaced takes its policies along
    replace_triggered_by = [aws_autoscaling_group.this.id]
  }
}

# From zero instances, a backlog below the target must start one as well: one job alone would wait for ever.
resource "aws_autoscaling_policy" "wake" {
  count = var.capacity.min == 0 ? 1 : 0

  name                   = "wake"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"

  step_adjustment {
    scaling_adjustment          = 1
    metric_interval_lower_bound = 0
  }

  lifecycle {
    # a group that is replaced takes its policies along
    replace_triggered_by = [aws_autoscaling_group.this.id]
  }
}

resource "aws_cloudwatch_metric_alarm" "wake" {
  count = var.capacity.min == 0 ? 1 : 0

  alarm_name          = "${local.group}-wake"
  alarm_description   = "Work waits and no instance runs: one is started."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.wake[0].arn]

  dynamic "metric_query" {
    for_each = local.wake_metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = { (metric_query.value.dimension) = metric_query.value.value }
        period      = 60
        stat        = "Maximum"
      }
    }
  }

  metric_query {
    id          = "asleep"
    label       = "work without an instance"
    expression  = "IF(FILL(wanted, 0)<1, FILL(waiting, 0), 0)"
    return_data = true
  }
}
