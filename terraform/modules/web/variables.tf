variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "domain_name" {
  description = "Host name of the portal."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "The domain name must be a host name in lower case, such as gas.example.org."
  }
}

variable "zone_id" {
  description = "Route 53 zone of the domain name; null if somebody else writes its records."
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

variable "network" {
  description = "Where the load balancer stands: the VPC, its addresses, and public subnets in two or more zones."
  type = object({
    vpc_id     = string
    cidr       = string
    subnet_ids = list(string)
  })

  validation {
    condition     = length(var.network.subnet_ids) >= 2
    error_message = "A load balancer needs subnets in at least two zones."
  }
}

variable "allowed_cidrs" {
  description = "Addresses that may open the portal. Stripe's webhooks and all users must be among them."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Each allowed CIDR must be an address block, such as 192.0.2.0/24."
  }
}

variable "port" {
  description = "Port that the portal listens on: `GAS_WEB_PORT`."
  type        = number
  default     = 8080

  validation {
    condition     = var.port >= 1024 && var.port <= 65535
    error_message = "The portal does not run as root: its port must be 1024 to 65535."
  }
}

variable "health_path" {
  description = "Path that answers 200 while the process answers. Not one that asks other services: their failure must not replace instances."
  type        = string
  default     = "/healthz"

  validation {
    condition     = startswith(var.health_path, "/")
    error_message = "The health path must start with a slash."
  }
}

variable "idle_seconds" {
  description = "Seconds of silence after which the load balancer closes a connection. Live pages are pinged every 24 seconds."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_seconds >= 30 && var.idle_seconds <= 4000
    error_message = "The idle time must be 30 to 4000 seconds: twice the live pages' ping at least."
  }
}

variable "drain_seconds" {
  description = "Seconds that a leaving instance may finish its requests."
  type        = number
  default     = 30

  validation {
    condition     = var.drain_seconds >= 0 && var.drain_seconds <= 3600
    error_message = "A load balancer drains a target for 0 to 3600 seconds."
  }
}

variable "log_bucket" {
  description = "Bucket for access logs."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.log_bucket))
    error_message = "The bucket must be named as S3 names buckets: 3 to 63 lower-case letters, digits, dots and dashes."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  type        = bool
  default     = true
}
