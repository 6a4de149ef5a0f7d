output "settings" {
  description = "Mail as `GAS_*` settings."
  value = {
    GAS_MAIL_FROM              = "GAS <${var.sender}@${var.domain}>"
    GAS_MAIL_CONFIGURATION_SET = var.name
  }

  # mail that names a configuration set before it exists is refused
  depends_on = [aws_sesv2_configuration_set.this]
}

output "identity_arn" {
  description = "ARN of the domain that may send."
  value       = "arn:${local.partition}:ses:${local.here}:identity/${var.domain}"
}

output "configuration_set_arn" {
  description = "ARN of the configuration set."
  value       = "arn:${local.partition}:ses:${local.here}:configuration-set/${var.name}"
}

output "dns_records" {
  description = "Records that prove the domain, for a zone that Terraform does not write."
  value       = local.records
}
