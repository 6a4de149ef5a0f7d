variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "cidr" {
  description = "Addresses of the VPC. Each subnet gets a sixteenth of them."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 22, false)
    error_message = "The CIDR must be a block of /16 to /22, so that a sixteenth of it is a subnet that AWS takes."
  }
}

variable "zones" {
  description = "Availability zones by name, such as `us-east-1a`, each with a public and a private subnet. Add at the end: addresses go by position."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
    error_message = "There must be 2 to 4 different zones: a load balancer needs two, and the CIDR has room for four."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, data.aws_region.current.region)])
    error_message = "Each zone must lie in the deployment's region, ${data.aws_region.current.region}: change `region` and `zones` together."
  }
}

variable "nat" {
  description = "How private subnets reach the internet: `none`, `single` (one NAT gateway; a failure of its zone cuts all off) or `per_zone`."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["none", "single", "per_zone"], var.nat)
    error_message = "The NAT must be none, single or per_zone."
  }
}

variable "interface_endpoints" {
  description = "AWS services that private subnets reach inside the VPC, by the service's short name, such as `sqs`. Each costs by the hour and zone."
  type        = set(string)
  default     = []

  validation {
    condition = length(setsubtract(var.interface_endpoints, [
      "autoscaling", "email", "logs", "monitoring", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages",
    ])) == 0
    error_message = "Interface endpoints are made for what GAS calls: autoscaling, email, logs, monitoring, secretsmanager, sns, sqs, ssm, ssmmessages."
  }
}

variable "called" {
  description = "AWS services that are called from private subnets, by tier and the prefix of their IAM actions; without NAT each needs an endpoint."
  type        = map(set(string))
  default     = {}

  validation {
    # https://docs.aws.amazon.com/amazonglacier/latest/dev/network-isolation.html
    condition     = var.nat != "none" || alltrue([for services in var.called : !contains(services, "glacier")])
    error_message = "A vault of Glacier has no VPC endpoint: archive in S3, or give the network a NAT."
  }

  validation {
    condition = var.nat != "none" || alltrue([
      for services in var.called : length(setsubtract([for service in services : lookup(local.endpoint_of, service, service)], local.reachable)) == 0
    ])
    error_message = join(" ", [
      for tier, services in var.called : "Without NAT the tier ${tier} needs the interface endpoints ${join(", ", setsubtract([for service in services : lookup(local.endpoint_of, service, service)], local.reachable))}."
      if length(setsubtract([for service in services : lookup(local.endpoint_of, service, service)], local.reachable)) > 0
    ])
  }
}

variable "flow_log_days" {
  description = "Days that the record of refused connections is kept; 0 keeps none."
  type        = number
  default     = 14

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.flow_log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 days; 0 means no flow log."
  }
}
