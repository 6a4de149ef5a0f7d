# Refused connections only: they show a wrong rule or a curious stranger, at a fraction of the price of all traffic.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  partition = data.aws_partition.current.partition
  here      = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
}

resource "aws_cloudwatch_log_group" "flow" {
  count = local.flowing

  name              = "/gas/${var.name}/network"
  retention_in_days = var.flow_log_days
}

resource "aws_iam_role" "flow" {
  count = local.flowing

  name = "${var.name}-flow-log"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "flow" {
  count = local.flowing

  name = "write"
  role = aws_iam_role.flow[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html, for this one group
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = [for end in ["", ":*"] : "arn:${local.partition}:logs:${local.here}:log-group:/gas/${var.name}/network${end}"]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"]
        Resource = "arn:${local.partition}:logs:${local.here}:log-group:*"
      },
    ]
  })
}

resource "aws_flow_log" "this" {
  count = local.flowing

  vpc_id          = aws_vpc.this.id
  traffic_type    = "REJECT"
  log_destination = aws_cloudwatch_log_group.flow[0].arn
  iam_role_arn    = aws_iam_role.flow[0].arn

  tags = { Name = var.name }
}
