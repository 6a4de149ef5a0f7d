variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "secrets" {
  description = "The secrets, by name: what each is, and the `GAS_*` settings that its JSON holds. Their values are put in by hand, never by Terraform."
  type = map(object({
    description = string
    settings    = set(string)
  }))

  validation {
    condition     = alltrue(flatten([for secret in var.secrets : [for setting in secret.settings : startswith(setting, "GAS_")]]))
    error_message = "A secret holds settings of GAS, whose names start with GAS_."
  }

  validation {
    condition     = alltrue([for secret in var.secrets : length(secret.settings) > 0])
    error_message = "A secret must hold at least one setting."
  }
}

variable "recovery_days" {
  description = "Days in which a deleted secret can be had back; 0 deletes at once, so that the name can be used again."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "Secrets Manager keeps a deleted secret for 7 to 30 days, or not at all (0)."
  }
}
