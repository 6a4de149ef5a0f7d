# One role a tier, made of what each of its daemons calls (grants.tf) and what every instance does (host.tf).

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  here       = "${data.aws_region.current.region}:${local.account_id}"

  # what runs on each tier: its daemons, and beside the doctor gas-renew
  tiers = {
    for tier, daemons in var.tiers : tier => setunion(daemons, length(var.renewed) > 0 && contains(daemons, "doctor") ? ["renew"] : [])
  }
  daemons = setunion(values(local.tiers)...)

  # policy name → its statements, by their Sid
  policies = merge(
    { for daemon in local.daemons : daemon => local.grants[daemon] },
    { for tier in keys(var.tiers) : "host-${tier}" => local.host[tier] },
  )
  attachments = merge([
    for tier, daemons in local.tiers : {
      for policy in concat(tolist(daemons), ["host-${tier}"]) : "${tier}.${policy}" => { tier = tier, policy = policy }
    }
  ]...)
}

resource "aws_iam_role" "tier" {
  for_each = var.tiers

  name        = "${var.name}-${each.key}"
  description = "Instances that run ${join(", ", each.value)}."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "tier" {
  for_each = var.tiers

  name = "${var.name}-${each.key}"
  role = aws_iam_role.tier[each.key].name
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${var.name}-${each.key}"
  description = startswith(each.key, "host-") ? "What every instance of the tier does." : "What ${each.key} calls."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, statement in each.value : merge(
        { Sid = sid, Effect = "Allow", Action = sort(statement.actions), Resource = statement.resources },
        try({ Condition = statement.condition }, {}),
      )
    ]
  })

  lifecycle {
    precondition {
      condition     = length(jsonencode(each.value)) < 6144
      error_message = "The policy of ${each.key} is too long: AWS takes 6144 characters."
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.attachments

  role       = aws_iam_role.tier[each.value.tier].name
  policy_arn = aws_iam_policy.this[each.value.policy].arn
}
