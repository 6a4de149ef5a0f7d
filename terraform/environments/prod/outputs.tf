output "settings" {
  description = "The `GAS_*` settings of this deployment, from which Ansible renders the daemons' environment."
  value       = module.gas.settings
}

output "secret_arns" {
  description = "Secrets whose values must be put in by hand, by tier."
  value       = module.gas.secret_arns
}

output "deployments" {
  description = "What each tier's instances are told at boot (JSON), for a deploy that is pushed."
  value       = module.gas.deployments
}

output "group_names" {
  description = "Autoscaling group of each tier."
  value       = module.gas.group_names
}

output "dns_records" {
  description = "Records to write where Terraform does not."
  value       = module.gas.dns_records
}

output "wildcard_reasons" {
  description = "Why a statement of a role has `*` for its resource."
  value       = module.gas.wildcard_reasons
}
