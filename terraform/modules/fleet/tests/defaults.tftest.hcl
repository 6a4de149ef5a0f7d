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

run "fleet_of_one_kind" {
  command = plan

  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required"
    error_message = "Metadata needs a token."
  }

  assert {
    condition     = length(aws_autoscaling_policy.backlog) + length(aws_autoscaling_policy.cpu) + length(aws_autoscaling_policy.requests) + length(aws_autoscaling_policy.wake) == 0
    error_message = "Without a measure the fleet stays as large as it is."
  }

  assert {
    condition     = !aws_autoscaling_group.this.instance_refresh[0].preferences[0].auto_rollback
    error_message = "AWS can't roll back to an image that is looked up at launch."
  }
}

run "fleet_that_sleeps" {
  command = plan

  variables {
    capacity      = { min = 0, max = 4 }
    scaling       = { backlog_per_instance = 10 }
    backlog_queue = "gas-test_job_requests"
  }

  assert {
    condition     = length(aws_autoscaling_policy.backlog) == 1 && length(aws_cloudwatch_metric_alarm.wake) == 1
    error_message = "A fleet that can be empty must be woken."
  }
}

run "baked_image_boots_without_packages" {
  command = plan

  variables {
    instances = { types = ["c6a.large"], image_id = "ami-0123456789abcdef0" }
  }

  assert {
    condition     = !strcontains(base64decode(aws_launch_template.this.user_data), "apt-get") && aws_autoscaling_group.this.instance_refresh[0].preferences[0].auto_rollback
    error_message = "A baked image needs no package mirror, and a refresh that fails rolls back."
  }
}

run "fleet_behind_the_load_balancer" {
  command = plan

  variables {
    scaling = { requests_per_instance = 1000 }
    front = {
      target_group_arn  = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/gas-test/0"
      resource_label    = "app/gas-test/0/targetgroup/gas-test/0"
      security_group_id = "sg-1"
      port              = 8080
    }
  }

  assert {
    condition     = aws_autoscaling_group.this.health_check_type == "ELB" && aws_vpc_security_group_ingress_rule.front[0].referenced_security_group_id == "sg-1"
    error_message = "Only the load balancer gets in, and its health check counts."
  }
}
