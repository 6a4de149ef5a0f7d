variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "buckets" {
  description = "The buckets, by name: after how many days objects expire (null: never), whether pages of the portal upload to it, whether pages of others (such as IGV) read it by a link, whether it reports restored objects."
  type = map(object({
    expire_days     = optional(number)
    browser_uploads = bool
    browser_reads   = optional(bool, false)
    restore_notices = bool
  }))

  validation {
    condition     = alltrue([for bucket in var.buckets : bucket.expire_days == null ? true : bucket.expire_days > var.longest_wait_days])
    error_message = "Objects must outlive every message that may still ask for them (longest_wait_days)."
  }

  validation {
    condition     = !contains(keys(var.buckets), "logs")
    error_message = "The bucket `logs` is made by this module, for access logs."
  }

  validation {
    condition     = alltrue([for bucket in var.buckets : !(bucket.restore_notices && bucket.expire_days != null)])
    error_message = "A bucket with archived objects must not expire them."
  }
}

variable "longest_wait_days" {
  description = "Days that a message can wait, its dead-letter queue included."
  type        = number
  default     = 14

  validation {
    condition     = var.longest_wait_days >= 1 && var.longest_wait_days <= 14
    error_message = "SQS keeps messages for at most 14 days."
  }
}

variable "upload_origins" {
  description = "Origins whose pages may upload from the browser, such as `https://gas.example.org`."
  type        = list(string)

  validation {
    condition     = alltrue([for origin in var.upload_origins : can(regex("^https://[a-z0-9.-]+$", origin))])
    error_message = "An origin is https:// and a host name, without a path: uploads carry people's genomes."
  }
}

variable "restore_topic_arn" {
  description = "Topic that hears of restored objects."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:", var.restore_topic_arn))
    error_message = "Restores are reported to an SNS topic, by its ARN."
  }
}

variable "archive_prefix" {
  description = "Prefix of the archived objects, whose restores are reported."
  type        = string

  validation {
    condition     = endswith(var.archive_prefix, "/")
    error_message = "The prefix must end in a slash, or it matches other keys too."
  }
}

variable "access_log_days" {
  description = "Days that access logs of the buckets and the load balancer are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.access_log_days >= 1
    error_message = "Access logs must be kept for at least a day."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes buckets that have objects in them, with the objects."
  type        = bool
  default     = false
}
