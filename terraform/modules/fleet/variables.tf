variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "tier" {
  description = "Tier of the fleet, such as `annotate`; its group is called by the prefix and the tier."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+$", var.tier))
    error_message = "The tier must be one word in lower case."
  }
}

variable "daemons" {
  description = "Daemons that run on each instance: `gas-NAME.service`."
  type        = set(string)

  validation {
    condition     = length(var.daemons) > 0
    error_message = "A fleet must run at least one daemon."
  }
}

variable "network" {
  description = "Where instances stand: the VPC, subnets, and whether they have public addresses (public subnets without NAT)."
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    public_addresses = optional(bool, false)
  })

  validation {
    condition     = length(var.network.subnet_ids) > 0
    error_message = "Instances need at least one subnet."
  }
}

variable "instances" {
  description = <<-EOT
    What instances are: their types (all of one architecture; the first is preferred), a baked image (null: Debian 13 as it is
    published, which takes minutes longer to boot), the size of the root volume, and how many are on demand before the rest is spot.
  EOT
  type = object({
    types          = list(string)
    architecture   = optional(string, "amd64")
    image_id       = optional(string)
    volume_gb      = optional(number, 20)
    on_demand_base = optional(number, 0)
    spot           = optional(bool, false)
  })

  validation {
    condition     = length(var.instances.types) > 0
    error_message = "Name at least one instance type."
  }

  validation {
    condition     = !var.instances.spot || length(var.instances.types) >= 3
    error_message = "A spot fleet needs at least three instance types, or it waits whenever one is sold out."
  }

  validation {
    condition     = contains(["amd64", "arm64"], var.instances.architecture)
    error_message = "The architecture must be amd64 or arm64."
  }

  validation {
    # Graviton has a g right after the generation: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
    condition     = alltrue([for type in var.instances.types : can(regex("^([a-z]+[0-9]+g|a1\\.)", type)) == (var.instances.architecture == "arm64")])
    error_message = "The instance types don't have the architecture ${var.instances.architecture}: those with a g after the generation (t4g, c7gn) are arm64, all others amd64."
  }

  validation {
    condition     = var.instances.image_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.instances.image_id))
    error_message = "An image id looks like ami-0123456789abcdef0."
  }

  validation {
    condition     = var.instances.volume_gb >= 8
    error_message = "The root volume needs at least 8 GB: Debian, a release and a file being worked on."
  }
}

variable "capacity" {
  description = "Least and largest number of instances."
  type = object({
    min = number
    max = number
  })

  validation {
    condition     = var.capacity.min >= 0 && var.capacity.max >= 1 && var.capacity.max >= var.capacity.min
    error_message = "The capacity needs 0 ≤ min ≤ max, and a max of at least 1."
  }

  validation {
    condition     = var.instances.on_demand_base <= var.capacity.max
    error_message = "There can't be more on-demand instances than the fleet has at most."
  }
}

variable "scaling" {
  description = <<-EOT
    What the fleet follows, one of: requests a minute and instance (web), messages waiting or in work an instance (annotate), per cent of CPU.
    Empty: it stays at its least size.
  EOT
  type = object({
    requests_per_instance = optional(number)
    backlog_per_instance  = optional(number)
    cpu_percent           = optional(number)
  })
  default = {}

  validation {
    condition     = length([for target in values(var.scaling) : target if target != null]) <= 1
    error_message = "A fleet follows one measure: two would pull against each other."
  }

  validation {
    condition     = alltrue([for target in values(var.scaling) : target == null ? true : target > 0])
    error_message = "A target must be above zero."
  }

  validation {
    condition     = var.scaling.requests_per_instance == null || var.front != null
    error_message = "Only a fleet behind the load balancer can follow its requests."
  }

  validation {
    condition     = var.scaling.backlog_per_instance == null || var.backlog_queue != null
    error_message = "A fleet that follows a backlog needs the queue's name."
  }

  validation {
    condition     = var.capacity.min > 0 || var.scaling.backlog_per_instance != null
    error_message = "Only a fleet that follows a backlog wakes up from zero instances."
  }
}

variable "backlog_queue" {
  description = "Full name of the queue whose backlog the fleet follows."
  type        = string
  default     = null
}

variable "front" {
  description = "The load balancer before the fleet: target group, its label in request counts, the balancer's security group, and the port it calls."
  type = object({
    target_group_arn  = string
    resource_label    = string
    security_group_id = string
    port              = number
  })
  default = null

  validation {
    condition     = var.front == null ? true : var.front.port >= 1024 && var.front.port <= 65535
    error_message = "The portal does not run as root: its port must be 1024 to 65535."
  }
}

variable "instance_profile_arn" {
  description = "Instance profile with the tier's role."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam:", var.instance_profile_arn))
    error_message = "The instance profile is given by its ARN."
  }
}

variable "release" {
  description = "The release that instances fetch at boot: `releases/VERSION.tar.gz` in the bucket."
  type = object({
    bucket  = string
    version = string
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._+-]*$", var.release.version))
    error_message = "The version is part of a key and of a path: letters, digits, dots, dashes, plus and underscores."
  }
}

variable "settings" {
  description = "The `GAS_*` settings of the daemons."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "GAS_")])
    error_message = "Settings have names that start with GAS_."
  }
}

variable "secret_arn" {
  description = "Secret with those settings that nobody may read here; null for a tier that has none."
  type        = string
  default     = null

  validation {
    condition     = var.secret_arn == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:", var.secret_arn))
    error_message = "The secret is given by its ARN, never by its value."
  }
}

variable "boot_seconds" {
  description = "Seconds that an instance may take from launch to working, before it is given up."
  type        = number
  default     = 900

  validation {
    condition     = var.boot_seconds >= 60 && var.boot_seconds <= 7200
    error_message = "A lifecycle hook waits for 60 to 7200 seconds here: nothing boots faster."
  }
}

variable "drain_seconds" {
  description = "Seconds that a daemon may finish what it holds: `GAS_DRAIN_SECONDS`."
  type        = number
  default     = 90

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 7000
    error_message = "The drain must be 1 to 7000 seconds: the lifecycle hook that waits for it ends at 7200."
  }

  validation {
    condition     = !var.instances.spot || var.drain_seconds <= 100
    error_message = "A spot instance must drain within 100 seconds: AWS takes it back two minutes after its notice."
  }
}

variable "after" {
  description = "What comes before the launch template changes, and with it the group: any value of it."
  type        = any
  default     = null
}
