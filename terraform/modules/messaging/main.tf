# Queues, each with a dead-letter queue, and the topics that feed them.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  here       = "${data.aws_region.current.region}:${local.account_id}"

  # made from names and not read from the resources, so that every policy is readable in the plan
  queue_arns = { for queue in keys(var.queues) : queue => "arn:${local.partition}:sqs:${local.here}:${var.name}_${queue}" }
  topic_arns = { for topic in keys(var.topics) : topic => "arn:${local.partition}:sns:${local.here}:${var.name}_${topic}" }

  subscriptions = { for subscription in var.subscriptions : "${subscription.topic}.${subscription.queue}" => subscription }
  feeding = {
    for queue in keys(var.queues) : queue => [
      for subscription in var.subscriptions : local.topic_arns[subscription.topic] if subscription.queue == queue
    ]
  }
}

resource "aws_sqs_queue" "this" {
  for_each = var.queues

  name                       = "${var.name}_${each.key}"
  delay_seconds              = each.value.delay_seconds
  visibility_timeout_seconds = each.value.visibility_seconds
  message_retention_seconds  = each.value.retention_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })

  tags = { Consumer = each.value.consumer }
}

resource "aws_sqs_queue" "dead" {
  for_each = var.queues

  name                      = "${var.name}_${each.key}${var.dead_letter.suffix}"
  message_retention_seconds = var.dead_letter.retention_seconds
  sqs_managed_sse_enabled   = true

  tags = { Consumer = each.value.consumer }
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  for_each = var.queues

  queue_url = aws_sqs_queue.dead[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

resource "aws_sqs_queue_policy" "this" {
  for_each = var.queues

  queue_url = aws_sqs_queue.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.deny_plain_text[each.key]],
      length(local.feeding[each.key]) == 0 ? [] : [{
        Sid       = "LetItsTopicsSend"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.queue_arns[each.key]
        Condition = { ArnEquals = { "aws:SourceArn" = local.feeding[each.key] } }
      }],
    )
  })
}

resource "aws_sqs_queue_policy" "dead" {
  for_each = var.queues

  queue_url = aws_sqs_queue.dead[each.key].id
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.deny_plain_text["${each.key}${var.dead_letter.suffix}"]] })
}

locals {
  deny_plain_text = {
    for queue in concat(keys(var.queues), [for queue in keys(var.queues) : "${queue}${var.dead_letter.suffix}"]) : queue => {
      Sid       = "DenyPlainText"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "arn:${local.partition}:sqs:${local.here}:${var.name}_${queue}"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}
