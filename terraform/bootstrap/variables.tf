variable "account_id" {
  description = "AWS account; the buckets carry it in their names."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id has twelve digits."
  }
}

variable "region" {
  description = "AWS region of the buckets."
  type        = string
  default     = "us-east-1"
}
