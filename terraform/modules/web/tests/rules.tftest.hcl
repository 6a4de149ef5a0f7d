# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name        = "gas-test"
  domain_name = "gas.example.org"
  zone_id     = "Z0123456789EXAMPLE"
  log_bucket  = "gas-test-logs"
  network     = { vpc_id = "vpc-1", cidr = "10.20.0.0/16", subnet_ids = ["subnet-1", "subnet-2"] }
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "domain_that_is_none" {
  command = plan

  variables {
    domain_name = "gas"
  }

  expect_failures = [var.domain_name]
}

run "neither_zone_nor_certificate" {
  command = plan

  variables {
    zone_id = null
  }

  expect_failures = [var.certificate_arn]
}

run "one_subnet" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", cidr = "10.20.0.0/16", subnet_ids = ["subnet-1"] }
  }

  expect_failures = [var.network]
}

run "cidr_that_is_none" {
  command = plan

  variables {
    allowed_cidrs = ["everybody"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "port_of_root" {
  command = plan

  variables {
    port = 80
  }

  expect_failures = [var.port]
}

run "health_without_slash" {
  command = plan

  variables {
    health_path = "healthz"
  }

  expect_failures = [var.health_path]
}

run "idle_below_two_pings" {
  command = plan

  variables {
    idle_seconds = 20
  }

  expect_failures = [var.idle_seconds]
}

run "drain_beyond_an_hour" {
  command = plan

  variables {
    drain_seconds = 3601
  }

  expect_failures = [var.drain_seconds]
}

run "zone_by_name" {
  command = plan

  variables {
    zone_id = "example.org"
  }

  expect_failures = [var.zone_id]
}

run "bucket_that_is_none" {
  command = plan

  variables {
    log_bucket = "Logs"
  }

  expect_failures = [var.log_bucket]
}
