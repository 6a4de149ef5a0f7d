provider "aws" {
  region = var.region
  # an apply with another account's credentials ends here
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      Project     = "gas"
      Deployment  = "gas-${local.environment}"
      Environment = local.environment
      ManagedBy   = "terraform"
    }
  }
}
