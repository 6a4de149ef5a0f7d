output "settings" {
  description = "The `GAS_*` settings of this deployment, from which Ansible renders the daemons' environment."
  value       = local.settings
}

output "secret_arns" {
  description = "Secrets whose values must be put in by hand, by tier."
  value       = module.secrets.secret_arns
}

output "deployments" {
  description = "What each tier's instances are told at boot (JSON), for a deploy that is pushed."
  value       = { for tier, fleet in merge(module.fleet, { web = module.portal }) : tier => fleet.deployment }
}

output "group_names" {
  description = "Autoscaling group of each tier."
  value       = { for tier, fleet in merge(module.fleet, { web = module.portal }) : tier => fleet.group_name }
}

output "dns_records" {
  description = "Records to write where Terraform does not: of mail, and the portal's name, which points to the load balancer."
  value       = merge(module.mail.dns_records, { portal = { name = var.domain_name, type = "CNAME", records = [module.web.dns_name] } })
}

output "wildcard_reasons" {
  description = "Why a statement of a role has `*` for its resource."
  value       = module.identity.wildcard_reasons
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = module.observability.dashboard
}
