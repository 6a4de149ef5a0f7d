# Without a NAT gateway: daemons reach AWS by endpoints inside the VPC, from a baked image; only the portal has a way out, for
# Globus and Stripe. Archives stay in S3: a vault has no endpoint. DNS is somebody else's: the records leave as an output.

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
  region = "us-west-2"
}

module "gas" {
  source = "../../modules/gas"

  environment        = "prod"
  domain_name        = "gas.example.org"
  certificate_arn    = "arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-4000-8000-000000000000"
  contact            = "help@example.org"
  alarm_emails       = ["oncall@example.org"]
  monthly_budget_usd = 800
  release            = { bucket = "gas-releases-123456789012", version = "0.1.0" }
  globus_client_id   = "00000000-0000-4000-8000-000000000000"
  stripe_price_id    = "price_live"
  settings           = { GAS_CONCURRENCY = jsonencode({ annotate = 4 }) }

  network = {
    zones               = ["us-west-2a", "us-west-2b", "us-west-2c"]
    nat                 = "none"
    interface_endpoints = ["autoscaling", "email", "logs", "monitoring", "sns", "sqs", "ssm", "ssmmessages"]
  }

  fleets = {
    web = {
      daemons          = ["web"]
      instance_types   = ["m7g.large", "m6g.large"]
      architecture     = "arm64"
      image_id         = "ami-0123456789abcdef0"
      public_addresses = true
      min              = 2
      max              = 6
      scaling          = { requests_per_instance = 6000 }
    }
    annotate = {
      daemons        = ["annotate"]
      instance_types = ["c7g.xlarge", "c6g.xlarge", "m7g.xlarge"]
      architecture   = "arm64"
      image_id       = "ami-0123456789abcdef0"
      min            = 0
      max            = 20
      spot           = true
      scaling        = { backlog_per_instance = 20 }
    }
    utility = {
      daemons        = ["archive", "restore", "thaw", "notify", "doctor"]
      instance_types = ["m7g.medium"]
      architecture   = "arm64"
      image_id       = "ami-0123456789abcdef0"
      min            = 2
      max            = 4
    }
  }
}

output "dns_records" {
  description = "What to write into the zone."
  value       = module.gas.dns_records
}
