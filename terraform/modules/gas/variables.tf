variable "environment" {
  description = "Which deployment this is: `dev` or `prod`. Every name starts with it: `gas-dev`."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "The environment must be dev or prod, the two that GAS knows besides local."
  }
}

variable "domain_name" {
  description = "Host name of the portal, and domain of its mail, such as `gas.example.org`."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "The domain name must be a host name in lower case, such as gas.example.org."
  }
}

variable "zone_id" {
  description = "Route 53 zone of the domain name; null if its records are written elsewhere (then see the output `dns_records`)."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null ? true : can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "A zone's id starts with Z, such as Z0123456789EXAMPLE."
  }
}

variable "certificate_arn" {
  description = "Certificate for the domain name; null to have one made, which needs the zone."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn != null || var.zone_id != null
    error_message = "Give a certificate, or the zone in which one can be proven."
  }
}

variable "contact" {
  description = "Mail address that users write to for help: `GAS_CONTACT`."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+$", var.contact))
    error_message = "The contact must be a mail address."
  }
}

variable "alarm_emails" {
  description = "Mail addresses that hear of urgent alarms."
  type        = set(string)
}

variable "warning_emails" {
  description = "Mail addresses that hear of what can wait until the morning, and of the budget; null: those of `alarm_emails`."
  type        = set(string)
  default     = null
}

variable "monthly_budget_usd" {
  description = "Dollars a month above which, or on the way to which, mail is sent."
  type        = number
}

variable "sandbox_recipients" {
  description = "Mail addresses or domains, verified in SES, that mail may go to while the account is in SES's sandbox: there SES wants a grant for the recipient as well."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for recipient in var.sandbox_recipients : can(regex("^([^@\\s]+@)?[a-z0-9-]+(\\.[a-z0-9-]+)+$", recipient))])
    error_message = "A recipient is a mail address or a domain, as it was verified in SES."
  }
}

variable "release" {
  description = "The release that instances run: bucket and version, stored as `releases/VERSION.tar.gz`."
  type = object({
    bucket  = string
    version = string
  })
}

variable "globus_client_id" {
  description = "Client id of the portal at Globus Auth: `GAS_GLOBUS_CLIENT_ID`. Its secret is put into Secrets Manager by hand."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.globus_client_id))
    error_message = "A Globus client id is a UUID."
  }
}

variable "stripe_price_id" {
  description = "Price of the premium subscription at Stripe: `GAS_STRIPE_PRICE_ID`."
  type        = string

  validation {
    condition     = startswith(var.stripe_price_id, "price_")
    error_message = "A price's id at Stripe starts with price_."
  }
}

variable "archive_backend" {
  description = "Where free users' results are archived: `s3` or `glacier` (only for accounts that had vaults before December 2025)."
  type        = string
  default     = "s3"
}

variable "network" {
  description = <<-EOT
    The VPC: `zones` (by name, all in the deployment's region), and if need be `cidr` (10.20.0.0/16), `nat` (`none`, `single` or `per_zone`; single),
    `interface_endpoints` (none), `flow_log_days` (14). Without NAT, fleets have public addresses (`public_addresses` of the fleet) or endpoints to all that
    they call.
  EOT
  type        = any

  # an object type would take no notice of an attribute that it does not know
  validation {
    condition     = length(setsubtract(keys(var.network), keys(local.network_defaults))) == 0
    error_message = "The network has no attribute ${join(", ", setsubtract(keys(var.network), keys(local.network_defaults)))}: there are ${join(", ", keys(local.network_defaults))}."
  }

  validation {
    condition     = can(var.network.zones)
    error_message = "The network needs `zones`: two or more availability zones."
  }
}

variable "fleets" {
  description = <<-EOT
    The fleets, by tier. Of each: `daemons`, `instance_types`, `min` and `max`, and if need be `architecture` (amd64), `image_id` (Debian's own), `volume_gb` (20; 60 beside the doctor if a reference is renewed),
    `public_addresses` (false), `on_demand_base` (0), `spot` (false), `scaling` (what their number follows, one of `requests_per_instance`,
    `backlog_per_instance`, `cpu_percent`). See `fleet` for each.
  EOT
  type        = any

  validation {
    condition = alltrue([for fleet in var.fleets : length(setsubtract(keys(fleet), keys(local.fleet_defaults))) == 0])
    error_message = join(" ", [
      for tier, fleet in var.fleets : "The fleet `${tier}` has no attribute ${join(", ", setsubtract(keys(fleet), keys(local.fleet_defaults)))}: there are ${join(", ", keys(local.fleet_defaults))}."
      if length(setsubtract(keys(fleet), keys(local.fleet_defaults))) > 0
    ])
  }

  validation {
    condition     = alltrue([for fleet in var.fleets : length(setsubtract(keys(try(fleet.scaling, {})), keys(local.scaling_defaults))) == 0])
    error_message = "A fleet's `scaling` is one of ${join(", ", keys(local.scaling_defaults))}."
  }

  validation {
    condition     = alltrue([for fleet in var.fleets : length(setsubtract(["daemons", "instance_types", "max", "min"], keys(fleet))) == 0])
    error_message = "Each fleet needs `daemons`, `instance_types`, `min` and `max`."
  }

  validation {
    condition     = var.environment != "prod" || alltrue([for fleet in var.fleets : try(fleet.image_id, null) != null])
    error_message = "In prod each fleet needs an `image_id`: an image that is looked up at launch may be another one tomorrow, and AWS cannot roll back to it."
  }

  validation {
    condition = try(toset(flatten([for fleet in var.fleets : tolist(fleet.daemons)])) == toset([
      "web", "annotate", "archive", "restore", "thaw", "notify", "doctor",
    ]), false)
    error_message = "Each of web, annotate, archive, restore, thaw, notify and doctor must run on some fleet, and nothing else."
  }

  validation {
    condition = try(length(var.fleets["web"].daemons) == 1 && alltrue([
      for tier, fleet in var.fleets : contains(fleet.daemons, "web") == (tier == "web")
    ]), false)
    error_message = "The portal runs on the fleet `web`, alone: only its instances stand behind the load balancer and may read its secrets."
  }

  validation {
    condition     = alltrue([for tier, fleet in var.fleets : try(fleet.scaling.backlog_per_instance, null) == null || try(contains(fleet.daemons, "annotate"), true)])
    error_message = "Only annotators follow a backlog: the queue of job requests."
  }

  validation {
    condition     = try(var.network.nat, "single") != "none" || try(var.fleets["web"].public_addresses, false)
    error_message = "The portal must reach Globus and Stripe: give the network a NAT, or the fleet `web` public addresses."
  }

  validation {
    condition = try(var.network.nat, "single") != "none" || alltrue([
      for tier, fleet in var.fleets : try(fleet.public_addresses, false) || tier == "web" || try(fleet.image_id, null) != null
    ])
    error_message = "Without NAT and public addresses a fleet needs a baked image: it reaches no mirror of Debian."
  }
}

variable "timing" {
  description = "Seconds: `heartbeat` of a daemon (20), `lease`, a claim on a job (60; `GAS_LEASE_SECONDS`), `drain` of a stopping daemon (90; `GAS_DRAIN_SECONDS`), `doctor`, between two of its runs (120; `GAS_DOCTOR_SECONDS`)."
  type        = any
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.timing), keys(local.timing_defaults))) == 0
    error_message = "The timing has no attribute ${join(", ", setsubtract(keys(var.timing), keys(local.timing_defaults)))}: there are ${join(", ", keys(local.timing_defaults))}."
  }

  validation {
    condition     = try(var.timing.lease, local.timing_defaults.lease) >= 3 * try(var.timing.heartbeat, local.timing_defaults.heartbeat)
    error_message = "The lease must be at least three heartbeats: an annotator that misses two must still own its job."
  }
}

variable "restored_tables" {
  description = "By table, the end of the name of a copy that was restored and takes its place: see Restore a table in docs/operations.md."
  type        = map(string)
  default     = {}
}

variable "references" {
  description = "Assemblies that jobs may name, each with its reference bundle: `id` (part of the release) or `id/version` (in `bundles/` of the release bucket): `GAS_REFERENCES`."
  type        = map(string)
  default     = { rCRS = "rcrs" }

  validation {
    condition     = length(var.references) > 0 && alltrue([for bundle in values(var.references) : can(regex("^[a-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$", bundle))])
    error_message = "There is at least one reference, and each is a bundle's id such as rcrs, or id and version such as grch38/2."
  }
}

variable "settings" {
  description = "Further `GAS_*` settings of the daemons, such as `GAS_CONCURRENCY`."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), local.settable)) == 0
    error_message = "Not to be set here: ${join(", ", setsubtract(keys(var.settings), local.settable))}. What can be set is ${join(", ", local.settable)}; everything else follows from other variables, such as `timing`."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "GAS_GLOBUS_CLIENT_SECRET", "GAS_STRIPE_SECRET_KEY", "GAS_STRIPE_WEBHOOK_SECRET",
    ])) == 0
    error_message = "Secrets don't belong in settings: their values would be in the state and in the instances' user data. Put them into Secrets Manager."
  }
}

variable "protect" {
  description = "Whether data outlives mistakes: AWS refuses to delete tables and the load balancer, buckets must be empty to be destroyed, secrets can be had back."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
