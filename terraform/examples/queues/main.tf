# The queues and topics alone, for a trial of the daemons on a developer's machine against real SQS and SNS.

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

locals {
  topology = jsondecode(file("${path.module}/../../topology.json"))
}

module "messaging" {
  source = "../../modules/messaging"

  name             = "gas-trial"
  queues           = local.topology.queues
  dead_letter      = local.topology.dead_letter
  topics           = local.topology.topics
  subscriptions    = local.topology.subscriptions
  notifying_bucket = "gas-trial-results"
}

output "environment" {
  description = "What to export before `gas run annotate`."
  value = {
    GAS_QUEUE_URLS = jsonencode(module.messaging.queue_urls)
    GAS_TOPIC_ARNS = jsonencode(module.messaging.topic_arns)
  }
}
