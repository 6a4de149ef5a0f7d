output "instance_profile_arns" {
  description = "ARN of each tier's instance profile."
  value       = { for tier in keys(var.tiers) : tier => aws_iam_instance_profile.tier[tier].arn }

  # an instance that starts before its role may do anything fails at once
  depends_on = [aws_iam_role_policy_attachment.this]
}

output "services" {
  description = "AWS services that each tier's instances call, by the prefix of their IAM actions."
  value = {
    for tier, daemons in local.tiers : tier => toset(flatten([
      for policy in concat(tolist(daemons), ["host-${tier}"]) : [
        for statement in local.policies[policy] : [for action in statement.actions : split(":", action)[0]]
      ]
    ]))
  }
}

output "role_arns" {
  description = "ARN of each tier's role."
  value       = { for tier, role in aws_iam_role.tier : tier => role.arn }
}

output "wildcard_reasons" {
  description = "Why a statement has `*` for its resource, by policy and Sid."
  value = {
    for policy, statements in local.policies : policy => { for sid, statement in statements : sid => statement.reason if can(statement.reason) }
  }
}
