# The tiers. A release reaches the daemons' first, and the portal's when no instance of theirs runs another one: so what a portal
# writes is understood by every daemon.

locals {
  # what both calls of the module say in the same way
  placed = {
    for tier, fleet in local.fleets : tier => {
      vpc_id           = module.network.vpc_id
      subnet_ids       = module.network.subnet_ids[fleet.public_addresses ? "public" : "private"]
      public_addresses = fleet.public_addresses
    }
  }
  instances = {
    for tier, fleet in local.fleets : tier => {
      types          = fleet.instance_types
      architecture   = fleet.architecture
      image_id       = fleet.image_id
      volume_gb      = fleet.volume_gb
      on_demand_base = fleet.on_demand_base
      spot           = fleet.spot
    }
  }
}

module "fleet" {
  source   = "../fleet"
  for_each = { for tier, fleet in local.fleets : tier => fleet if tier != "web" }

  name                 = local.name
  tier                 = each.key
  daemons              = each.value.daemons
  capacity             = { min = each.value.min, max = each.value.max }
  scaling              = each.value.scaling
  backlog_queue        = module.messaging.queue_names["job_requests"]
  instance_profile_arn = module.identity.instance_profile_arns[each.key]
  release              = var.release
  settings             = local.settings
  drain_seconds        = local.timing.drain
  network              = local.placed[each.key]
  instances            = local.instances[each.key]
}

# The provider starts an instance refresh and does not wait for its end: https://github.com/hashicorp/terraform-provider-aws/issues/42355
# Where this fails, the next apply waits again, for Terraform takes it for not made.
resource "terraform_data" "replaced" {
  triggers_replace = { release = var.release.version, settings = sha256(jsonencode(local.settings)) }

  provisioner "local-exec" {
    command = "sh '${path.module}/replaced.sh' ${join(" ", [for fleet in module.fleet : "'${fleet.group_arn}=${fleet.template_version}'"])}"
  }
}

module "portal" {
  source = "../fleet"

  name                 = local.name
  tier                 = "web"
  daemons              = local.fleets.web.daemons
  capacity             = { min = local.fleets.web.min, max = local.fleets.web.max }
  scaling              = local.fleets.web.scaling
  instance_profile_arn = module.identity.instance_profile_arns["web"]
  release              = var.release
  settings             = local.settings
  secret_arn           = module.secrets.secret_arns["web"]
  drain_seconds        = local.timing.drain
  network              = local.placed.web
  instances            = local.instances.web
  after                = terraform_data.replaced
  front = {
    target_group_arn  = module.web.target_group_arn
    resource_label    = "${module.web.metric_dimensions.LoadBalancer}/${module.web.metric_dimensions.TargetGroup}"
    security_group_id = module.web.security_group_id
    port              = tonumber(module.web.settings.GAS_WEB_PORT)
  }
}
