# The whole service: what topology.json declares, and all that it runs on.

locals {
  name     = "gas-${var.environment}"
  topology = jsondecode(file("${path.module}/../../topology.json"))
  tiers    = { for tier, fleet in local.fleets : tier => fleet.daemons }
  alarms   = [module.observability.alarm_topic_arn]
  day      = 24 * 3600
}

module "network" {
  source = "../network"

  name                = local.name
  cidr                = local.network.cidr
  zones               = local.network.zones
  nat                 = local.network.nat
  interface_endpoints = local.network.interface_endpoints
  flow_log_days       = local.network.flow_log_days
  called              = { for tier, fleet in local.fleets : tier => module.identity.services[tier] if !fleet.public_addresses }
}

module "messaging" {
  source = "../messaging"

  name              = local.name
  queues            = local.topology.queues
  dead_letter       = local.topology.dead_letter
  topics            = local.topology.topics
  subscriptions     = local.topology.subscriptions
  heartbeat_seconds = local.timing.heartbeat
  notifying_bucket  = module.storage.planned_names[local.topology.archive.s3.bucket]
  alarm_topic_arns  = local.alarms
}

module "tables" {
  source = "../tables"

  name                = local.name
  tables              = local.topology.tables
  attribute_types     = local.topology.attribute_types
  deletion_protection = var.protect
  restored            = var.restored_tables
}

module "storage" {
  source = "../storage"

  name              = local.name
  buckets           = local.topology.buckets
  longest_wait_days = ceil(local.topology.dead_letter.retention_seconds / local.day)
  upload_origins    = [module.web.settings.GAS_PUBLIC_URL]
  restore_topic_arn = module.messaging.topic_arns["retrievals"]
  archive_prefix    = local.topology.archive.s3.prefix
  force_destroy     = !var.protect
}

module "archive" {
  source = "../archive"

  name    = local.name
  backend = var.archive_backend
  s3      = local.topology.archive.s3
  glacier = local.topology.archive.glacier
}

module "secrets" {
  source = "../secrets"

  name          = local.name
  recovery_days = var.protect ? 30 : 0
  secrets = {
    web = {
      description = "What the portal needs to speak to Globus and Stripe."
      settings    = ["GAS_GLOBUS_CLIENT_SECRET", "GAS_STRIPE_SECRET_KEY", "GAS_STRIPE_WEBHOOK_SECRET"]
    }
  }
}

module "mail" {
  source = "../mail"

  name              = local.name
  domain            = var.domain_name
  zone_id           = var.zone_id
  bounces_topic_arn = module.messaging.topic_arns["bounces"]
  alarm_topic_arns  = local.alarms
}

module "identity" {
  source = "../identity"

  name  = local.name
  tiers = local.tiers
  queues = {
    for queue, declared in local.topology.queues : queue => {
      consumer        = declared.consumer
      arn             = module.messaging.queue_arns[queue]
      dead_letter_arn = module.messaging.dead_letter_queue_arns[queue]
    }
  }
  topic_arns  = module.messaging.topic_arns
  table_arns  = module.tables.table_arns
  bucket_arns = module.storage.bucket_arns
  archive = {
    backend   = var.archive_backend
    prefix    = local.topology.archive.s3.prefix
    vault_arn = module.archive.vault_arn
  }
  mail = {
    identity_arn          = module.mail.identity_arn
    configuration_set_arn = module.mail.configuration_set_arn
    # beside the sender's: arn:…:identity/ADDRESS
    recipient_arns = [for recipient in var.sandbox_recipients : "${dirname(module.mail.identity_arn)}/${recipient}"]
  }
  secret_arns    = module.secrets.secret_arns
  release_bucket = var.release.bucket
  renewed        = local.renewed
}

module "web" {
  source = "../web"

  name                = local.name
  domain_name         = var.domain_name
  zone_id             = var.zone_id
  certificate_arn     = var.certificate_arn
  log_bucket          = module.storage.log_bucket
  deletion_protection = var.protect
  network = {
    vpc_id     = module.network.vpc_id
    cidr       = module.network.cidr
    subnet_ids = module.network.subnet_ids.public
  }
}

module "observability" {
  source = "../observability"

  name               = local.name
  alarm_emails       = var.alarm_emails
  warning_emails     = var.warning_emails
  tiers              = keys(local.fleets)
  log_days           = var.log_days
  front              = module.web.metric_dimensions
  queue_names        = module.messaging.queue_names
  table_names        = module.tables.table_names
  groups             = { for tier, fleet in local.fleets : tier => { name = "${local.name}-${tier}", min = fleet.min } }
  doctor_always      = anytrue([for fleet in local.fleets : contains(fleet.daemons, "doctor") && fleet.min > 0])
  doctor_seconds     = local.timing.doctor
  renewal_days       = length(local.renewed) > 0 ? local.renewal_days : null
  monthly_budget_usd = var.monthly_budget_usd
}
