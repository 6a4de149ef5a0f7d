locals {
  environment = "dev"
}

module "gas" {
  source = "../../modules/gas"

  environment        = local.environment
  domain_name        = var.domain_name
  zone_id            = var.zone_id
  certificate_arn    = var.certificate_arn
  contact            = var.contact
  alarm_emails       = var.alarm_emails
  warning_emails     = var.warning_emails
  sandbox_recipients = var.sandbox_recipients
  monthly_budget_usd = var.monthly_budget_usd
  release            = { bucket = "gas-releases-${var.account_id}", version = var.release }
  globus_client_id   = var.globus_client_id
  stripe_price_id    = var.stripe_price_id
  archive_backend    = var.archive_backend
  network            = var.network
  fleets             = var.fleets
  references         = var.references
  restored_tables    = var.restored_tables
  settings           = var.settings
  timing             = var.timing
  protect            = var.protect
  log_days           = var.log_days
}
