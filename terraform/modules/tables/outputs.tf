output "table_names" {
  description = "Name of each table: `GAS_TABLE_NAMES`."
  value       = { for table in keys(var.tables) : table => "${var.name}_${table}" }
}

output "table_arns" {
  description = "ARN of each table."
  value = {
    for table in keys(var.tables) : table =>
    "arn:${data.aws_partition.current.partition}:dynamodb:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:table/${var.name}_${table}"
  }
}
