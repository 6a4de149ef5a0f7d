# Every setting of the daemons that this deployment decides, by the name that they read it under.

locals {
  # what an operator may set beside them; a test compares with the daemons' own table
  settable = [
    "GAS_ARCHIVE_LEAST_BYTES", "GAS_BUNDLES", "GAS_BUNDLE_STORE", "GAS_CONCURRENCY", "GAS_DEADLINE_SECONDS", "GAS_DEFLATE_LEVEL",
    "GAS_DELETION_NOTICE_DAYS",
    "GAS_ENGINE_LIMITS", "GAS_EXPEDITED_LOOK_SECONDS", "GAS_FREE_UPLOAD_BYTES", "GAS_GIANT_BYTES", "GAS_GLOBUS_URL",
    "GAS_LOG_FORMAT", "GAS_MAIL_WINDOW_SECONDS", "GAS_OPERATOR_PAGES", "GAS_PAGE_JOBS", "GAS_POLL_SECONDS", "GAS_PREMIUM_PRICE",
    "GAS_PROGRESS_SECONDS", "GAS_RENEWAL_DAYS", "GAS_SESSION_DAYS", "GAS_STANDARD_LOOK_SECONDS", "GAS_STRIPE_URL",
    "GAS_VISIBILITY_SECONDS",
  ]

  settings = merge(
    {
      GAS_ENVIRONMENT      = var.environment
      GAS_CONTACT          = var.contact
      GAS_QUEUE_URLS       = jsonencode(module.messaging.queue_urls)
      GAS_TOPIC_ARNS       = jsonencode(module.messaging.topic_arns)
      GAS_TABLE_NAMES      = jsonencode(module.tables.table_names)
      GAS_BUCKET_NAMES     = jsonencode(module.storage.bucket_names)
      GAS_OVERDUE_SHARDS   = tostring(local.topology.overdue_shards)
      GAS_REFERENCES       = jsonencode(var.references)
      GAS_GLOBUS_CLIENT_ID = var.globus_client_id
      GAS_STRIPE_PRICE_ID  = var.stripe_price_id
      GAS_LEASE_SECONDS    = tostring(local.timing.lease)
      GAS_DRAIN_SECONDS    = tostring(local.timing.drain)
      GAS_DOCTOR_SECONDS   = tostring(local.timing.doctor)
      GAS_KEPT_DAYS = jsonencode({
        uploads = local.topology.buckets.inputs.expire_days
        backups = module.tables.recovery_days
        logs    = var.log_days
      })
    },
    module.archive.settings,
    module.mail.settings,
    module.web.settings,
    var.settings,
  )
}
