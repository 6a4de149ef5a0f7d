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
  description = "Mail addresses that hear of alarms and of the budget."
  type        = set(string)
}

variable "monthly_budget_usd" {
  description = "Dollars a month above which, or on the way to which, mail is sent."
  type        = number
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
    The VPC: addresses, availability zones by name, NAT (`none`, `single`, `per_zone`), interface endpoints, days of flow logs.
    Without NAT, fleets have public addresses (`public_addresses` of the fleet) or endpoints to all that they call.
  EOT
  type = object({
    cidr                = optional(string, "10.20.0.0/16")
    zones               = list(string)
    nat                 = optional(string, "single")
    interface_endpoints = optional(set(string), [])
    flow_log_days       = optional(number, 14)
  })
}

variable "fleets" {
  description = <<-EOT
    The fleets, by tier: which daemons run on each instance, what instances there are and how many, and what their number follows.
    See `fleet` for each attribute.
  EOT
  type = map(object({
    daemons          = set(string)
    instance_types   = list(string)
    architecture     = optional(string, "amd64")
    image_id         = optional(string)
    volume_gb        = optional(number, 20)
    public_addresses = optional(bool, false)
    min              = number
    max              = number
    on_demand_base   = optional(number, 0)
    spot             = optional(bool, false)
    scaling = optional(object({
      requests_per_instance = optional(number)
      backlog_per_instance  = optional(number)
      cpu_percent           = optional(number)
    }), {})
  }))

  validation {
    condition = toset(flatten([for fleet in var.fleets : tolist(fleet.daemons)])) == toset([
      "web", "annotate", "archive", "restore", "thaw", "notify", "doctor",
    ])
    error_message = "Each of web, annotate, archive, restore, thaw, notify and doctor must run on some fleet, and nothing else."
  }

  validation {
    condition = try(length(var.fleets["web"].daemons) == 1, false) && alltrue([
      for tier, fleet in var.fleets : contains(fleet.daemons, "web") == (tier == "web")
    ])
    error_message = "The portal runs on the fleet `web`, alone: only its instances stand behind the load balancer and may read its secrets."
  }

  validation {
    condition     = alltrue([for tier, fleet in var.fleets : fleet.scaling.backlog_per_instance == null || contains(fleet.daemons, "annotate")])
    error_message = "Only annotators follow a backlog: the queue of job requests."
  }

  validation {
    condition     = var.network.nat != "none" || try(var.fleets["web"].public_addresses, true)
    error_message = "The portal must reach Globus and Stripe: give the network a NAT, or the fleet `web` public addresses."
  }

  validation {
    condition = var.network.nat != "none" || alltrue([
      for tier, fleet in var.fleets : fleet.public_addresses || tier == "web" || (
        fleet.image_id != null && length(setsubtract(["autoscaling", "logs", "monitoring", "sns", "sqs"], var.network.interface_endpoints)) == 0
        && (!contains(fleet.daemons, "notify") || contains(var.network.interface_endpoints, "email"))
      )
    ])
    error_message = "Without NAT and public addresses a fleet needs a baked image and the interface endpoints autoscaling, logs, monitoring, sns and sqs; for notify also email."
  }
}

variable "timing" {
  description = "Seconds: of a daemon's heartbeat, a claim on a job (`GAS_LEASE_SECONDS`), a stopping daemon's drain (`GAS_DRAIN_SECONDS`), between two runs of the doctor (`GAS_DOCTOR_SECONDS`)."
  type = object({
    heartbeat = optional(number, 20)
    lease     = optional(number, 60)
    drain     = optional(number, 90)
    doctor    = optional(number, 120)
  })
  default = {}

  validation {
    condition     = var.timing.lease >= 3 * var.timing.heartbeat
    error_message = "The lease must be at least three heartbeats: an annotator that misses two must still own its job."
  }
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
    condition     = alltrue([for name in keys(var.settings) : can(regex("^GAS_[A-Z_]+$", name))])
    error_message = "Settings have names such as GAS_CONCURRENCY."
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
