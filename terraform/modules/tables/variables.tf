variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "tables" {
  description = "The tables, by name: their key, the attribute that says when an item expires, and their indexes."
  type = map(object({
    partition_key = string
    sort_key      = string
    ttl_attribute = optional(string)
    indexes = optional(map(object({
      partition_key = string
      sort_key      = string
      projection    = string
    })), {})
  }))

  validation {
    condition = alltrue(flatten([
      for table in var.tables : [for index in values(table.indexes) : contains(["ALL", "KEYS_ONLY"], index.projection)]
    ]))
    error_message = "An index projects ALL or KEYS_ONLY."
  }
}

variable "restored" {
  description = "By table, the end of the name of a copy that was restored and takes its place: `20261129` for `gas-dev_jobs_20261129`."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for end in values(var.restored) : can(regex("^[a-z0-9]+$", end))])
    error_message = "The name of a restored table ends in a word of small letters and digits."
  }

  validation {
    condition     = length(setsubtract(keys(var.restored), keys(var.tables))) == 0
    error_message = "Only a table can be restored: ${join(", ", keys(var.tables))}."
  }
}

variable "attribute_types" {
  description = "Type of each attribute that is part of a key: S for text, N for numbers, B for bytes."
  type        = map(string)

  validation {
    condition     = alltrue([for type in values(var.attribute_types) : contains(["S", "N", "B"], type)])
    error_message = "An attribute of a key is of type S, N or B."
  }

  validation {
    condition = length(setsubtract(flatten([
      for table in var.tables : [
        table.partition_key, table.sort_key, [for index in values(table.indexes) : [index.partition_key, index.sort_key]],
      ]
    ]), keys(var.attribute_types))) == 0
    error_message = "Each attribute of a table's or an index's key needs a type."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the tables."
  type        = bool
  default     = true
}

variable "recovery_days" {
  description = "Days back to which a table can be restored, second by second."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_days >= 1 && var.recovery_days <= 35
    error_message = "DynamoDB can restore a table to a second of the last 1 to 35 days."
  }
}
