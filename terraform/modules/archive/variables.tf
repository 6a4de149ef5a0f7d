variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "backend" {
  description = "Where free users' results are archived: `s3` (S3's Glacier storage classes) or `glacier` (a classic vault, which takes no new AWS customers since December 2025)."
  type        = string
  default     = "s3"

  validation {
    condition     = contains(["s3", "glacier"], var.backend)
    error_message = "The archive backend must be s3 or glacier."
  }
}

variable "s3" {
  description = "The archive in S3: the storage class of archived results and how many days the copy that a restore makes is kept."
  type = object({
    storage_class = string
    restored_days = number
  })

  validation {
    condition     = contains(["GLACIER", "DEEP_ARCHIVE"], var.s3.storage_class)
    error_message = "The storage class must be GLACIER or DEEP_ARCHIVE (which has no Expedited retrievals): other classes need no restore."
  }

  validation {
    condition     = var.s3.restored_days >= 1
    error_message = "A restored copy must stay for at least a day, so that it can be copied back."
  }
}

variable "glacier" {
  description = "The archive in a vault: what the vault is called, after the prefix."
  type = object({
    vault = string
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+$", var.glacier.vault))
    error_message = "A vault is called by letters, digits, underscores, dots and dashes."
  }
}
