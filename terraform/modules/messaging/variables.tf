variable "name" {
  description = "Prefix of every name, such as `gas-dev`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 20 lower-case letters, digits and dashes, starting with a letter: bucket and load balancer names are made from it."
  }
}

variable "queues" {
  description = "The queues, by name: who consumes them and how they deliver. `delay_seconds` of `archive_requests` is how long free results stay."
  type = map(object({
    consumer           = string
    delay_seconds      = number
    visibility_seconds = number
    max_receives       = number
    retention_seconds  = number
  }))

  validation {
    condition     = alltrue([for queue in var.queues : queue.delay_seconds >= 0 && queue.delay_seconds <= 900])
    error_message = "SQS delays a message by 0 to 900 seconds."
  }

  validation {
    condition     = alltrue([for queue in var.queues : queue.visibility_seconds <= 43200])
    error_message = "SQS hides a message for at most 43200 seconds (12 hours)."
  }

  validation {
    condition     = alltrue([for queue in var.queues : queue.visibility_seconds >= 3 * var.heartbeat_seconds])
    error_message = "Each queue's visibility_seconds must be at least three times heartbeat_seconds: a daemon that misses two heartbeats must still hold its message."
  }

  validation {
    condition     = alltrue([for queue in var.queues : queue.max_receives >= 3 && queue.max_receives <= 1000])
    error_message = "A message must be received 3 to 1000 times before it is dead: SQS takes no more, and a restart of a daemon must not kill it."
  }

  validation {
    condition     = alltrue([for queue in var.queues : queue.retention_seconds >= 60 && queue.retention_seconds <= 1209600])
    error_message = "SQS keeps messages for 60 to 1209600 seconds (14 days)."
  }

  validation {
    condition     = alltrue([for queue in var.queues : queue.retention_seconds > queue.max_receives * queue.visibility_seconds + queue.delay_seconds])
    error_message = "A message must be kept longer than all its deliveries take (max_receives × visibility_seconds + delay_seconds), or it ends before it reaches the dead-letter queue."
  }
}

variable "dead_letter" {
  description = "What every queue's dead-letter queue is called (the queue's name and `suffix`) and how long it keeps messages."
  type = object({
    suffix            = string
    retention_seconds = number
  })

  validation {
    condition     = alltrue([for queue in var.queues : var.dead_letter.retention_seconds > queue.retention_seconds])
    error_message = "Dead-letter queues must keep messages longer than the queues: a message's age counts from when it was first sent."
  }

  validation {
    condition     = var.dead_letter.retention_seconds <= 1209600
    error_message = "SQS keeps messages for at most 1209600 seconds (14 days)."
  }
}

variable "topics" {
  description = "The topics, by name. `published_by` names tiers, which publish by their role, and AWS services (`s3`, `glacier`, `ses`), which the topic's policy lets in."
  type = map(object({
    published_by = list(string)
  }))

  validation {
    condition     = alltrue([for topic in var.topics : length(topic.published_by) > 0])
    error_message = "Each topic needs somebody who publishes to it."
  }
}

variable "subscriptions" {
  description = "Which queue hears of which topic; `filter` lets through only messages whose attributes match."
  type = list(object({
    topic        = string
    queue        = string
    raw_delivery = bool
    filter       = optional(map(list(string)))
  }))

  validation {
    condition     = alltrue([for subscription in var.subscriptions : contains(keys(var.topics), subscription.topic)])
    error_message = "Each subscription's topic must be one of the topics."
  }

  validation {
    condition     = alltrue([for subscription in var.subscriptions : contains(keys(var.queues), subscription.queue)])
    error_message = "Each subscription's queue must be one of the queues."
  }
}

variable "heartbeat_seconds" {
  description = "Longest time between two signs of life of a daemon for the message that it works on."
  type        = number
  default     = 20

  validation {
    condition     = var.heartbeat_seconds >= 1
    error_message = "The heartbeat must be at least a second."
  }
}

variable "max_age_seconds" {
  description = "Age of the oldest message, beyond its queue's delay, from which an alarm is raised."
  type        = number
  default     = 900

  validation {
    condition     = var.max_age_seconds >= 60
    error_message = "SQS measures age once a minute: the alarm needs at least 60 seconds."
  }
}

variable "notifying_bucket" {
  description = "Name of the bucket whose notices `s3` publishes to topics."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.notifying_bucket))
    error_message = "The bucket must be named as S3 names buckets: 3 to 63 lower-case letters, digits, dots and dashes."
  }
}

variable "alarm_topic_arns" {
  description = "Topics that hear of alarms."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "Alarms are sent to SNS topics, by their ARN."
  }
}
