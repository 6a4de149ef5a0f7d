output "table_names" {
  description = "Name of each table: `GAS_TABLE_NAMES`."
  value       = { for table in keys(var.tables) : table => "${var.name}_${table}" }
}

output "table_arns" {
  description = "ARN of each table."
  value = {
    for table in keys(var.tables) : table =>
    "arn:${local.partition}:dynamodb:${local.here}:table/${var.name}_${table}"
  }
}

output "recovery_days" {
  description = "Days back to which a table can be restored."
  value       = var.recovery_days
}
