# What `network`, `fleets` and `timing` have, and what they are where nothing is said.

locals {
  network_defaults = { zones = [], cidr = "10.20.0.0/16", nat = "single", interface_endpoints = [], flow_log_days = 14 }
  network          = merge(local.network_defaults, var.network)

  timing_defaults = { heartbeat = 20, lease = 60, drain = 90, doctor = 120 }
  timing          = merge(local.timing_defaults, var.timing)

  scaling_defaults = { requests_per_instance = null, backlog_per_instance = null, cpu_percent = null }
  fleet_defaults = {
    daemons        = [], instance_types = [], min = 0, max = 0, architecture = "amd64", image_id = null, volume_gb = null, public_addresses = false,
    on_demand_base = 0, spot = false, scaling = {}
  }
  fleets = {
    for tier, fleet in var.fleets : tier => merge(local.fleet_defaults, fleet, {
      scaling   = merge(local.scaling_defaults, try(fleet.scaling, {}))
      volume_gb = try(fleet.volume_gb, length(local.renewed) > 0 && contains(fleet.daemons, "doctor") ? 60 : 20)
    })
  }

  # the references whose ClinVar gas-renew renews, beside the doctor: those that follow the latest version, and of which a release
  # has a recipe (app/services/renewal.py); a test compares
  renewal_days = try(tonumber(var.settings.GAS_RENEWAL_DAYS), 28)
  renewed = toset([
    for bundle in values(var.references) : dirname(bundle)
    if local.renewal_days > 0 && contains(["grch37/latest", "grch38/latest"], bundle)
  ])
}
