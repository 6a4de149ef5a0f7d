variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "tiers" {
  description = "Which daemons run on which tier's instances; a tier's role may do what its daemons do, and no more."
  type        = map(set(string))

  validation {
    condition = length(setsubtract(flatten([for daemons in values(var.tiers) : tolist(daemons)]), [
      "web", "annotate", "archive", "restore", "thaw", "notify", "doctor",
    ])) == 0
    error_message = "The daemons are web, annotate, archive, restore, thaw, notify and doctor."
  }
}

variable "queues" {
  description = "The queues, by name: who consumes them, their ARN, and that of their dead-letter queue."
  type = map(object({
    consumer        = string
    arn             = string
    dead_letter_arn = string
  }))

  validation {
    condition = alltrue(flatten([
      for queue in var.queues : [for arn in [queue.arn, queue.dead_letter_arn] : can(regex("^arn:[a-z-]+:sqs:", arn))]
    ]))
    error_message = "Queues are given by their ARN."
  }
}

variable "topic_arns" {
  description = "ARN of each topic."
  type        = map(string)

  validation {
    condition     = alltrue([for arn in values(var.topic_arns) : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "Topics are given by their ARN."
  }
}

variable "table_arns" {
  description = "ARN of each table."
  type        = map(string)

  validation {
    condition     = alltrue([for arn in values(var.table_arns) : can(regex("^arn:[a-z-]+:dynamodb:", arn))])
    error_message = "Tables are given by their ARN."
  }
}

variable "bucket_arns" {
  description = "ARN of each bucket."
  type        = map(string)

  validation {
    condition     = alltrue([for arn in values(var.bucket_arns) : can(regex("^arn:[a-z-]+:s3:", arn))])
    error_message = "Buckets are given by their ARN."
  }
}

variable "archive" {
  description = "Where results are archived: the backend, the prefix of archived objects (s3), the vault's ARN (glacier)."
  type = object({
    backend   = string
    prefix    = string
    vault_arn = optional(string)
  })

  validation {
    condition     = contains(["s3", "glacier"], var.archive.backend)
    error_message = "The archive backend must be s3 or glacier."
  }

  validation {
    condition     = var.archive.backend != "glacier" || var.archive.vault_arn != null
    error_message = "The glacier backend needs the vault's ARN."
  }
}

variable "mail" {
  description = "ARNs of the SES identity that mail is sent from, of its configuration set, and of the recipients' identities in SES's sandbox, where SES authorises these as well."
  type = object({
    identity_arn          = string
    configuration_set_arn = string
    recipient_arns        = optional(list(string), [])
  })

  validation {
    condition     = alltrue([for arn in concat([var.mail.identity_arn, var.mail.configuration_set_arn], var.mail.recipient_arns) : can(regex("^arn:[a-z-]+:ses:", arn))])
    error_message = "Identity and configuration set are given by their ARN."
  }
}

variable "secret_arns" {
  description = "ARN of the secret of each daemon that has one."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.secret_arns), ["web"])) == 0
    error_message = "Only the portal (web) has secrets: no daemon talks to Globus or Stripe."
  }
}

variable "release_bucket" {
  description = "Bucket with releases and reference bundles."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.release_bucket))
    error_message = "The bucket must be named as S3 names buckets: 3 to 63 lower-case letters, digits, dots and dashes."
  }
}

variable "renewed" {
  description = "Ids of the reference bundles whose ClinVar is renewed by schedule, on the tiers with the doctor: only these may be written."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for bundle in var.renewed : can(regex("^[a-z0-9_.-]+$", bundle))])
    error_message = "A bundle's id has lower-case letters, digits, dots, dashes and underscores."
  }
}
