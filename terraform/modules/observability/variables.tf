variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "alarm_emails" {
  description = "Mail addresses that hear of urgent alarms; each must confirm once."
  type        = set(string)

  validation {
    condition     = length(var.alarm_emails) > 0 && alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "Somebody must hear of alarms: give at least one mail address."
  }
}

variable "warning_emails" {
  description = "Mail addresses that hear of what can wait until the morning, and of the budget; null: those of `alarm_emails`."
  type        = set(string)
  default     = null

  validation {
    condition     = var.warning_emails == null ? true : length(var.warning_emails) > 0 && alltrue([for address in var.warning_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "Somebody must hear of warnings: give at least one mail address, or none at all for those that hear of alarms."
  }
}

variable "tiers" {
  description = "Tiers whose instances write logs, each into a group of its own."
  type        = set(string)

  validation {
    condition     = length(var.tiers) > 0
    error_message = "There must be a tier, or nobody writes logs."
  }
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }
}

variable "front" {
  description = "Load balancer and target group as CloudWatch knows them."
  type = object({
    LoadBalancer = string
    TargetGroup  = string
  })

  validation {
    condition     = startswith(var.front.LoadBalancer, "app/") && startswith(var.front.TargetGroup, "targetgroup/")
    error_message = "CloudWatch knows them by the end of their ARN: app/… and targetgroup/…."
  }
}

variable "queue_names" {
  description = "Full name of each queue."
  type        = map(string)
}

variable "table_names" {
  description = "Full name of each table."
  type        = map(string)
}

variable "groups" {
  description = "Autoscaling group of each tier: its name, and how many instances it must have."
  type = map(object({
    name = string
    min  = number
  }))

  validation {
    condition     = alltrue([for group in var.groups : group.min >= 0])
    error_message = "A group has 0 instances or more."
  }
}

variable "doctor_always" {
  description = "Whether an instance that runs the doctor must always be there. Else its silence rings no alarm."
  type        = bool
  default     = true
}

variable "doctor_seconds" {
  description = "Seconds between two runs of the doctor: `GAS_DOCTOR_SECONDS`."
  type        = number
  default     = 120

  validation {
    condition     = var.doctor_seconds >= 10 && var.doctor_seconds <= 1800
    error_message = "The doctor runs every 10 to 1800 seconds: it is what mends lost messages."
  }
}

variable "renewal_days" {
  description = "Days after which ClinVar is renewed by schedule: `GAS_RENEWAL_DAYS`. Null: no reference is, and there are no alarms about it."
  type        = number
  default     = null

  validation {
    condition     = var.renewal_days == null ? true : var.renewal_days >= 1
    error_message = "ClinVar is renewed after a day or more."
  }
}

variable "monthly_budget_usd" {
  description = "Dollars a month above which, or on the way to which, mail is sent."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "The budget must be above zero."
  }
}
