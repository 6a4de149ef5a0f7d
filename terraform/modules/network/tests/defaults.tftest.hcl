mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "us-east-1" }
  }
}

variables {
  name  = "gas-test"
  zones = ["us-east-1a", "us-east-1b"]
}

run "one_nat_serves_all_zones" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 2
    error_message = "A single NAT must serve both zones."
  }

  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_subnet.private) == 2
    error_message = "Each zone needs a public and a private subnet."
  }

  assert {
    condition     = length(distinct([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.cidr_block])) == 4
    error_message = "Subnets must not share addresses."
  }
}

run "nat_per_zone" {
  command = plan

  variables {
    nat = "per_zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2
    error_message = "Each zone must have its own NAT."
  }
}

run "without_nat_only_endpoints_lead_out" {
  command = plan

  variables {
    nat                 = "none"
    interface_endpoints = ["sqs", "sns"]
    flow_log_days       = 0
  }

  assert {
    condition     = length(aws_route.nat) == 0 && length(aws_vpc_endpoint.interface) == 2 && length(aws_vpc_endpoint.gateway) == 2
    error_message = "There must be two interface endpoints, two gateway endpoints and no route to a NAT."
  }

  assert {
    condition     = length(aws_flow_log.this) == 0
    error_message = "No days means no flow log."
  }
}

run "every_service_that_is_called_has_an_endpoint" {
  command = plan

  variables {
    nat                 = "none"
    interface_endpoints = ["email", "monitoring", "sqs"]
    called              = { utility = ["cloudwatch", "dynamodb", "s3", "ses", "sqs"] }
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 3
    error_message = "SES is reached by `email`, CloudWatch by `monitoring`."
  }
}
