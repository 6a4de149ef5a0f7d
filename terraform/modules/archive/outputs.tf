output "settings" {
  description = "The archive as `GAS_*` settings."
  value = merge(
    {
      GAS_ARCHIVE_BACKEND       = var.backend
      GAS_ARCHIVE_STORAGE_CLASS = var.s3.storage_class
      GAS_ARCHIVE_RESTORED_DAYS = tostring(var.s3.restored_days)
    },
    var.backend == "glacier" ? { GAS_VAULT = aws_glacier_vault.this[0].name } : {},
  )
}

output "vault_arn" {
  description = "ARN of the vault; null without one."
  value       = var.backend == "glacier" ? "arn:${local.partition}:glacier:${local.here}:vaults/${local.vault}" : null
}
