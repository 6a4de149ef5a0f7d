locals {
  log_writers = [
    {
      Sid       = "LetTheBucketsLog"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns["logs"]}/s3/*"
      Condition = {
        ArnLike      = { "aws:SourceArn" = [for bucket in keys(var.buckets) : local.arns[bucket]] }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    },
    {
      Sid       = "LetTheLoadBalancerLog"
      Effect    = "Allow"
      Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns["logs"]}/alb/AWSLogs/${local.account_id}/*"
      Condition = {
        ArnLike = { "aws:SourceArn" = "arn:${local.partition}:elasticloadbalancing:${data.aws_region.current.region}:${local.account_id}:loadbalancer/*" }
      }
    },
  ]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyPlainText"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arns[each.key], "${local.arns[each.key]}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for statement in local.log_writers : statement if each.key == "logs"],
    )
  })

  # AWS refuses a policy while it can't tell that it is not public
  depends_on = [aws_s3_bucket_public_access_block.this]
}
