variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "domain" {
  description = "Domain that mail comes from, such as `gas.example.org`."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "The domain must be a host name in lower case, such as gas.example.org."
  }
}

variable "sender" {
  description = "Local part of the sender's address."
  type        = string
  default     = "no-reply"

  validation {
    condition     = can(regex("^[a-z0-9._-]+$", var.sender))
    error_message = "The sender must be the part of a mail address before the @, in lower case."
  }
}

variable "zone_id" {
  description = "Route 53 zone that gets the records which prove the domain; null if somebody else writes them (output `dns_records`)."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null ? true : can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "A zone's id starts with Z, such as Z0123456789EXAMPLE."
  }
}

variable "bounces_topic_arn" {
  description = "Topic that hears of bounces and complaints."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:", var.bounces_topic_arn))
    error_message = "Bounces are told to an SNS topic, by its ARN."
  }
}

variable "alarm_topic_arns" {
  description = "Topics that hear of alarms."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "Alarms are sent to SNS topics, by their ARN."
  }
}
