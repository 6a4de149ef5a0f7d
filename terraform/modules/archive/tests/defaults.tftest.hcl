mock_provider "aws" {}

variables {
  name    = "gas-test"
  s3      = { storage_class = "GLACIER", restored_days = 2 }
  glacier = { vault = "archives" }
}

run "s3_needs_no_vault" {
  command = plan

  assert {
    condition     = length(aws_glacier_vault.this) == 0 && output.vault_arn == null && !contains(keys(output.settings), "GAS_VAULT")
    error_message = "The s3 backend has no vault."
  }
}

run "glacier_has_a_vault" {
  command = plan

  variables {
    backend = "glacier"
  }

  assert {
    condition     = aws_glacier_vault.this[0].name == "gas-test_archives" && output.settings.GAS_VAULT == "gas-test_archives"
    error_message = "The daemons must be told the vault that is made."
  }
}
