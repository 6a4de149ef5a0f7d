# Each rule of variables.tf, broken once.

mock_provider "aws" {}

variables {
  name                 = "gas-test"
  tier                 = "annotate"
  daemons              = ["annotate"]
  network              = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
  instances            = { types = ["c6a.large"] }
  capacity             = { min = 1, max = 4 }
  instance_profile_arn = "arn:aws:iam::123456789012:instance-profile/gas-test-annotate"
  release              = { bucket = "releases", version = "1.0" }
  settings             = { GAS_ENVIRONMENT = "dev" }
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Gas"
  }

  expect_failures = [var.name]
}

run "tier_of_two_words" {
  command = plan

  variables {
    tier = "annotate-all"
  }

  expect_failures = [var.tier]
}

run "no_daemon" {
  command = plan

  variables {
    daemons = []
  }

  expect_failures = [var.daemons]
}

run "no_instance_type" {
  command = plan

  variables {
    instances = { types = [] }
  }

  expect_failures = [var.instances]
}

run "spot_with_one_type" {
  command = plan

  variables {
    instances = { types = ["c6a.large"], spot = true }
  }

  expect_failures = [var.instances]
}

run "architecture_without_image" {
  command = plan

  variables {
    instances = { types = ["c6a.large"], architecture = "riscv64" }
  }

  expect_failures = [var.instances]
}

run "image_by_name" {
  command = plan

  variables {
    instances = { types = ["c6a.large"], image_id = "debian" }
  }

  expect_failures = [var.instances]
}

run "volume_too_small" {
  command = plan

  variables {
    instances = { types = ["c6a.large"], volume_gb = 4 }
  }

  expect_failures = [var.instances]
}

run "more_least_than_most" {
  command = plan

  variables {
    capacity = { min = 5, max = 4 }
  }

  expect_failures = [var.capacity]
}

run "more_on_demand_than_most" {
  command = plan

  variables {
    instances = { types = ["c6a.large"], on_demand_base = 5 }
  }

  expect_failures = [var.capacity]
}

run "two_measures" {
  command = plan

  variables {
    scaling       = { backlog_per_instance = 10, cpu_percent = 60 }
    backlog_queue = "gas-test_job_requests"
  }

  expect_failures = [var.scaling]
}

run "target_of_zero" {
  command = plan

  variables {
    scaling = { cpu_percent = 0 }
  }

  expect_failures = [var.scaling]
}

run "requests_without_front" {
  command = plan

  variables {
    scaling = { requests_per_instance = 1000 }
  }

  expect_failures = [var.scaling]
}

run "backlog_without_queue" {
  command = plan

  variables {
    scaling = { backlog_per_instance = 10 }
  }

  expect_failures = [var.scaling]
}

run "asleep_for_ever" {
  command = plan

  variables {
    capacity = { min = 0, max = 4 }
  }

  expect_failures = [var.scaling]
}

run "version_with_a_path" {
  command = plan

  variables {
    release = { bucket = "releases", version = "../1.0" }
  }

  expect_failures = [var.release]
}

run "setting_that_is_none" {
  command = plan

  variables {
    settings = { PATH = "/bin" }
  }

  expect_failures = [var.settings]
}

run "boot_in_no_time" {
  command = plan

  variables {
    boot_seconds = 10
  }

  expect_failures = [var.boot_seconds]
}

run "drain_beyond_the_hook" {
  command = plan

  variables {
    drain_seconds = 7001
  }

  expect_failures = [var.drain_seconds]
}

run "drain_beyond_the_spot_notice" {
  command = plan

  variables {
    instances     = { types = ["c6a.large", "c6i.large", "c5a.large"], spot = true }
    drain_seconds = 110
  }

  expect_failures = [var.drain_seconds]
}

run "user_data_too_long" {
  command = plan

  variables {
    settings = { GAS_CONTACT = join("", [for n in range(1000) : "01234567890123456789"]) }
  }

  expect_failures = [aws_launch_template.this]
}

run "no_subnet" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = [] }
  }

  expect_failures = [var.network]
}

run "profile_by_name" {
  command = plan

  variables {
    instance_profile_arn = "gas-test-annotate"
  }

  expect_failures = [var.instance_profile_arn]
}

run "secret_by_value" {
  command = plan

  variables {
    secret_arn = "sk_live_0123"
  }

  expect_failures = [var.secret_arn]
}

run "front_with_a_port_of_root" {
  command = plan

  variables {
    front = { target_group_arn = "arn", resource_label = "label", security_group_id = "sg-1", port = 80 }
  }

  expect_failures = [var.front]
}

run "types_of_another_architecture" {
  command = plan

  variables {
    instances = { types = ["t4g.small", "t3.small"], architecture = "amd64" }
  }

  expect_failures = [var.instances]
}
