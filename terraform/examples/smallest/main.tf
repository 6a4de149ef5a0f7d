# The least that makes a GAS: what has no default. Fleets as in environments/dev.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

module "gas" {
  source = "../../modules/gas"

  environment        = "dev"
  domain_name        = "gas.example.org"
  zone_id            = "Z0123456789EXAMPLE"
  contact            = "help@example.org"
  alarm_emails       = ["oncall@example.org"]
  monthly_budget_usd = 200
  release            = { bucket = "gas-releases-123456789012", version = "0.1.0" }
  globus_client_id   = "00000000-0000-4000-8000-000000000000"
  stripe_price_id    = "price_test"
  network            = { zones = ["us-east-1a", "us-east-1b"] }

  fleets = {
    web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2 }
    annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 1, max = 4, scaling = { backlog_per_instance = 10 } }
    utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
  }
}

output "settings" {
  description = "The `GAS_*` settings of this deployment."
  value       = module.gas.settings
}
