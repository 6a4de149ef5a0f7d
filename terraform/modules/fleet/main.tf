# One autoscaling group: instances that configure themselves at boot, drain before they go, and are replaced when anything changes.

data "aws_default_tags" "current" {}

data "aws_region" "current" {}

locals {
  group = "${var.name}-${var.tier}"
  hooks = { launch = "configured", terminate = "drained" }
  lifecycle_hooks = {
    # an instance that never became able to work is given up
    launch = { transition = "autoscaling:EC2_INSTANCE_LAUNCHING", result = "ABANDON", seconds = var.boot_seconds }
    # gas-drain completes it as soon as the daemons have stopped, for which systemd gives them the drain and half a minute
    terminate = { transition = "autoscaling:EC2_INSTANCE_TERMINATING", result = "CONTINUE", seconds = var.drain_seconds + 60 }
  }
  tags  = merge(data.aws_default_tags.current.tags, { Name = local.group, Tier = var.tier })
  stock = var.instances.image_id == null

  # what Ansible reads on the instance
  deployment = jsonencode({
    gas_tier           = var.tier
    gas_daemons        = sort(var.daemons)
    gas_release        = var.release.version
    gas_release_bucket = var.release.bucket
    gas_settings       = var.settings
    gas_secret         = var.secret_arn
    gas_group          = local.group
    gas_hooks          = local.hooks
    gas_log_group      = "/gas/${var.name}/${var.tier}"
    gas_region         = data.aws_region.current.region
  })

  user_data = templatefile("${path.module}/boot.sh.tftpl", {
    deployment = local.deployment
    group      = local.group
    hook       = local.hooks.launch
    region     = data.aws_region.current.region
    archive    = "s3://${var.release.bucket}/releases/${var.release.version}.tar.gz"
    stock      = local.stock
    boot_log = jsonencode({
      agent = { run_as_user = "root" }
      logs = { logs_collected = { files = { collect_list = [{
        file_path = "/var/log/cloud-init-output.log", log_group_name = "/gas/${var.name}/${var.tier}", log_stream_name = "{instance_id}/boot"
      }] } } }
    })
  })
}

resource "aws_security_group" "this" {
  name        = local.group
  description = "Instances of the tier ${var.tier}"
  vpc_id      = var.network.vpc_id

  tags = { Name = local.group }
}

resource "aws_vpc_security_group_ingress_rule" "front" {
  count = var.front == null ? 0 : 1

  security_group_id            = aws_security_group.this.id
  description                  = "The load balancer, and nobody else"
  referenced_security_group_id = var.front.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.front.port
  to_port                      = var.front.port
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = { "AWS, Globus and Stripe" = 443, "Mirrors of Debian, whose packages are signed" = 80 }

  security_group_id = aws_security_group.this.id
  description       = each.key
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_launch_template" "this" {
  name                   = local.group
  image_id               = local.stock ? "resolve:ssm:/aws/service/debian/release/13/latest/${var.instances.architecture}" : var.instances.image_id
  instance_type          = var.instances.types[0]
  user_data              = base64encode(local.user_data)
  update_default_version = true

  iam_instance_profile {
    arn = var.instance_profile_arn
  }

  network_interfaces {
    associate_public_ip_address = var.network.public_addresses
    delete_on_termination       = true
    security_groups             = [aws_security_group.this.id]
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = var.instances.volume_gb
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  # the provider's default tags don't reach what the group launches
  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }

  depends_on = [var.after]

  lifecycle {
    precondition {
      condition     = length(local.user_data) < 16384
      error_message = "The user data of ${local.group} is too long: EC2 takes 16384 bytes."
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                      = local.group
  min_size                  = var.capacity.min
  max_size                  = var.capacity.max
  desired_capacity          = var.capacity.min
  vpc_zone_identifier       = var.network.subnet_ids
  target_group_arns         = var.front == null ? [] : [var.front.target_group_arn]
  health_check_type         = var.front == null ? "EC2" : "ELB"
  health_check_grace_period = 60 # counts from when the launch hook has ended
  default_instance_warmup   = 60
  max_instance_lifetime     = 30 * 24 * 3600
  capacity_rebalance        = var.instances.spot
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupTotalInstances"]
  # an apply ends when AWS has taken the change; alarms tell whether instances became well
  wait_for_capacity_timeout = "0"

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.instances.on_demand_base
      on_demand_percentage_above_base_capacity = var.instances.spot ? 0 : 100
      on_demand_allocation_strategy            = "prioritized"
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.this.id
        version            = aws_launch_template.this.latest_version
      }

      dynamic "override" {
        for_each = var.instances.types

        content {
          instance_type = override.value
        }
      }
    }
  }

  # a new group has its hooks before its first instance; what they are from then on is for the resource below to say, for
  # these cannot change without a new group
  dynamic "initial_lifecycle_hook" {
    for_each = local.lifecycle_hooks

    content {
      name                 = local.hooks[initial_lifecycle_hook.key]
      lifecycle_transition = initial_lifecycle_hook.value.transition
      default_result       = initial_lifecycle_hook.value.result
      heartbeat_timeout    = initial_lifecycle_hook.value.seconds
    }
  }

  # a new one works before an old one goes, also where there is only one
  instance_maintenance_policy {
    min_healthy_percentage = 100
    max_healthy_percentage = 200
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      # AWS can't roll back to a template whose image is looked up at launch
      auto_rollback = !local.stock
    }
  }

  dynamic "tag" {
    for_each = local.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false # the launch template does
    }
  }

  lifecycle {
    ignore_changes = [
      desired_capacity, # the scaling policies' to set
      initial_lifecycle_hook,
    ]
  }
}

# Of the same names: AWS takes an existing hook's name for a change of it, so that this adopts the hooks of a new group
# (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html).
resource "aws_autoscaling_lifecycle_hook" "this" {
  for_each = local.lifecycle_hooks

  name                   = local.hooks[each.key]
  autoscaling_group_name = aws_autoscaling_group.this.name
  lifecycle_transition   = each.value.transition
  default_result         = each.value.result
  heartbeat_timeout      = each.value.seconds

  lifecycle {
    # a group that is replaced takes its hooks along
    replace_triggered_by = [aws_autoscaling_group.this.id]
  }
}
