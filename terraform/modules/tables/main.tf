# DynamoDB tables, paid by the request, with their sparse indexes.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  here      = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"

  # a table that was restored has a name of its own, for the one before it stays until all is well
  names = { for table in keys(var.tables) : table => join("_", compact([var.name, table, lookup(var.restored, table, "")])) }

  key_attributes = {
    for name, table in var.tables : name => toset(flatten([
      table.partition_key, table.sort_key, [for index in values(table.indexes) : [index.partition_key, index.sort_key]],
    ]))
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = var.tables

  name                        = local.names[each.key]
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.partition_key
  range_key                   = each.value.sort_key
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.key_attributes[each.key]

    content {
      name = attribute.value
      type = var.attribute_types[attribute.value]
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.indexes

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.partition_key
      range_key       = global_secondary_index.value.sort_key
      projection_type = global_secondary_index.value.projection
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl_attribute[*]

    content {
      enabled        = true
      attribute_name = ttl.value
    }
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.recovery_days
  }

  server_side_encryption {
    enabled = true
  }
}
