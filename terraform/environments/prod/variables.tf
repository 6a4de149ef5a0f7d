# What terraform.tfvars says. modules/gas types and validates it; nothing is decided here.

variable "account_id" {
  description = "AWS account of this deployment; applying with another one's credentials is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id has twelve digits."
  }
}

variable "region" {
  description = "AWS region of this deployment."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region is named as AWS names it, such as eu-central-1."
  }
}

variable "domain_name" {
  description = "Host name of the portal, and domain of its mail."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone of the domain name; null if its records are written elsewhere."
  type        = string
  default     = null
}

variable "certificate_arn" {
  description = "Certificate for the domain name; null to have one made, which needs the zone."
  type        = string
  default     = null
}

variable "contact" {
  description = "Mail address that users write to for help."
  type        = string
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
}

variable "release" {
  description = "Version of the release that instances run."
  type        = string
}

variable "globus_client_id" {
  description = "Client id of the portal at Globus Auth."
  type        = string
}

variable "stripe_price_id" {
  description = "Price of the premium subscription at Stripe."
  type        = string
}

variable "archive_backend" {
  description = "Where free users' results are archived: `s3` or `glacier`."
  type        = string
  default     = "s3"
}

variable "network" {
  description = "The VPC, as `network` of modules/gas."
  type        = any
}

variable "fleets" {
  description = "The fleets, as `fleets` of modules/gas."
  type        = any
}

variable "restored_tables" {
  description = "By table, the end of the name of a copy that was restored and takes its place: see Restore a table in docs/operations.md."
  type        = map(string)
  default     = {}
}

variable "references" {
  description = "Assemblies that jobs may name, each with its reference bundle: `id` (part of the release) or `id/version` (in `bundles/` of the release bucket)."
  type        = map(string)
  default     = { rCRS = "rcrs" }
}

variable "settings" {
  description = "Further `GAS_*` settings of the daemons."
  type        = map(string)
  default     = {}
}

variable "timing" {
  description = "Seconds of heartbeat, lease, drain and doctor, as `timing` of modules/gas."
  type        = any
  default     = {}
}

variable "protect" {
  description = "Whether data outlives mistakes; false lets `terraform destroy` take everything."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
