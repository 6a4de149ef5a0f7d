output "table_names" {
  description = "Name of each table: `GAS_TABLE_NAMES`."
  value       = local.names
}

output "table_arns" {
  description = "ARN of each table."
  value = {
    for table in keys(var.tables) : table =>
    "arn:${local.partition}:dynamodb:${local.here}:table/${local.names[table]}"
  }
}

output "recovery_days" {
  description = "Days back to which a table can be restored."
  value       = var.recovery_days
}
