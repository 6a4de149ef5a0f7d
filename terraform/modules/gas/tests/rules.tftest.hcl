# Each rule of variables.tf, broken once. The parts are left out: they have tests of their own.

mock_provider "aws" {}

override_module {
  target = module.archive
}

override_module {
  target = module.fleet
}

override_module {
  target = module.identity
}

override_module {
  target = module.mail
}

override_module {
  target = module.messaging
}

override_module {
  target = module.network

  outputs = {
    vpc_id     = "vpc-0"
    subnet_ids = { public = ["subnet-0"], private = ["subnet-1"] }
  }
}

override_module {
  target = module.observability
}

override_module {
  target = module.portal
}

override_module {
  target = module.secrets
}

override_module {
  target = module.storage
}

override_module {
  target = module.tables
}

override_module {
  target = module.web
}

variables {
  environment        = "dev"
  domain_name        = "gas.example.org"
  zone_id            = "Z0123456789EXAMPLE"
  contact            = "help@example.org"
  alarm_emails       = ["oncall@example.org"]
  monthly_budget_usd = 100
  release            = { bucket = "releases", version = "1.0" }
  globus_client_id   = "00000000-0000-4000-8000-000000000000"
  stripe_price_id    = "price_test"
  network            = { zones = ["us-east-1a", "us-east-1b"] }
  fleets = {
    web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2 }
    annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
    utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
  }
}

run "unknown_environment" {
  command = plan

  variables {
    environment = "local"
  }

  expect_failures = [var.environment]
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

run "contact_that_is_none" {
  command = plan

  variables {
    contact = "help"
  }

  expect_failures = [var.contact]
}

run "client_id_that_is_none" {
  command = plan

  variables {
    globus_client_id = "gas"
  }

  expect_failures = [var.globus_client_id]
}

run "price_that_is_none" {
  command = plan

  variables {
    stripe_price_id = "prod_test"
  }

  expect_failures = [var.stripe_price_id]
}

run "daemon_that_nobody_runs" {
  command = plan

  variables {
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2 }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "portal_beside_a_daemon" {
  command = plan

  variables {
    fleets = {
      web      = { daemons = ["web", "notify"], instance_types = ["t3a.small"], min = 1, max = 2 }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "backlog_of_the_portal" {
  command = plan

  variables {
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2, scaling = { backlog_per_instance = 10 } }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "portal_without_a_way_to_globus" {
  command = plan

  variables {
    network = { zones = ["us-east-1a", "us-east-1b"], nat = "none" }
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2 }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], public_addresses = true, min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], public_addresses = true, min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "daemons_without_a_way_to_aws" {
  command = plan

  variables {
    network = { zones = ["us-east-1a", "us-east-1b"], nat = "none" }
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], public_addresses = true, min = 1, max = 2 }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "lease_below_three_heartbeats" {
  command = plan

  variables {
    timing = { lease = 59 }
  }

  expect_failures = [var.timing]
}

run "bundle_by_address" {
  command = plan

  variables {
    references = { GRCh38 = "s3://elsewhere/grch38" }
  }

  expect_failures = [var.references]
}

run "setting_that_is_none" {
  command = plan

  variables {
    settings = { PATH = "/bin" }
  }

  expect_failures = [var.settings]
}

run "secret_in_settings" {
  command = plan

  variables {
    settings = { GAS_STRIPE_SECRET_KEY = "sk_test" }
  }

  expect_failures = [var.settings]
}

run "zone_by_name" {
  command = plan

  variables {
    zone_id = "example.org"
  }

  expect_failures = [var.zone_id]
}

# an object type would take no notice of it, and the annotators would be on demand
run "attribute_of_a_fleet_that_is_misspelt" {
  command = plan

  variables {
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2 }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], spott = true, min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "measure_that_is_misspelt" {
  command = plan

  variables {
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1, max = 2, scaling = { request_per_instance = 10 } }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "fleet_without_a_size" {
  command = plan

  variables {
    fleets = {
      web      = { daemons = ["web"], instance_types = ["t3a.small"], min = 1 }
      annotate = { daemons = ["annotate"], instance_types = ["c6a.large"], min = 0, max = 2, scaling = { backlog_per_instance = 10 } }
      utility  = { daemons = ["archive", "restore", "thaw", "notify", "doctor"], instance_types = ["t3a.small"], min = 1, max = 2 }
    }
  }

  expect_failures = [var.fleets]
}

run "attribute_of_the_network_that_is_misspelt" {
  command = plan

  variables {
    network = { zones = ["us-east-1a", "us-east-1b"], natt = "none" }
  }

  expect_failures = [var.network]
}

run "network_without_zones" {
  command = plan

  variables {
    network = { nat = "single" }
  }

  expect_failures = [var.network]
}

run "timing_that_is_misspelt" {
  command = plan

  variables {
    timing = { drains = 30 }
  }

  expect_failures = [var.timing]
}

run "recipient_that_is_none" {
  command = plan

  variables {
    sandbox_recipients = ["somebody"]
  }

  expect_failures = [var.sandbox_recipients]
}

run "image_that_is_looked_up_in_prod" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.fleets]
}
