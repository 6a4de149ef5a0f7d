locals {
  # what an AWS service needs in the topic's policy to publish there
  services = {
    s3 = [{
      Sid       = "LetTheBucketNotify"
      Principal = { Service = "s3.amazonaws.com" }
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:${local.partition}:s3:::${var.notifying_bucket}" }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
    ses = [{
      Sid       = "LetSesReport"
      Principal = { Service = "ses.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
    # a vault publishes for the account that owns it and the topic
    glacier = [
      {
        Sid       = "LetTheAccountPublish"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Condition = {}
      },
      {
        Sid       = "LetTheVaultNotify"
        Principal = { Service = "glacier.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
    ]
  }
  publishing_services = {
    for topic, declared in var.topics : topic => [
      for publisher in declared.published_by : publisher if contains(keys(local.services), publisher)
    ]
  }
}

resource "aws_sns_topic" "this" {
  for_each = var.topics

  name = "${var.name}_${each.key}"
  # AWS services may not use the account's default key, so the topic that they publish to has none
  kms_master_key_id = length(local.publishing_services[each.key]) == 0 ? "alias/aws/sns" : null
}

resource "aws_sns_topic_policy" "this" {
  for_each = var.topics

  arn = aws_sns_topic.this[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyPlainText"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arns[each.key]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for statement in flatten([for service in local.publishing_services[each.key] : local.services[service]]) : merge(
        { for key, value in statement : key => value if value != {} },
        { Effect = "Allow", Action = "sns:Publish", Resource = local.topic_arns[each.key] },
      )],
    )
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = local.subscriptions

  topic_arn            = aws_sns_topic.this[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this[each.value.queue].arn
  raw_message_delivery = each.value.raw_delivery
  filter_policy        = each.value.filter == null ? null : jsonencode(each.value.filter)

  # before the queue lets the topic in, what is published is lost
  depends_on = [aws_sqs_queue_policy.this]
}
