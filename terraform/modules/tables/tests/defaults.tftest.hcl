mock_provider "aws" {}

variables {
  name            = "gas-test"
  attribute_types = { user_id = "S", job_id = "S", shard = "S", deadline = "N" }
  tables = {
    jobs = {
      partition_key = "user_id"
      sort_key      = "job_id"
      indexes       = { overdue = { partition_key = "shard", sort_key = "deadline", projection = "KEYS_ONLY" } }
    }
  }
}

run "table_is_protected_and_restorable" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this["jobs"].deletion_protection_enabled && aws_dynamodb_table.this["jobs"].point_in_time_recovery[0].enabled
    error_message = "By default a table is protected and can be restored."
  }

  assert {
    condition     = length(aws_dynamodb_table.this["jobs"].attribute) == 4 && length(aws_dynamodb_table.this["jobs"].ttl) == 0
    error_message = "Only attributes of keys are declared, and nothing expires unless told."
  }
}
