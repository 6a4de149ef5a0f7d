output "queue_urls" {
  description = "URL of each queue: `GAS_QUEUE_URLS`."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.url }
}

output "queue_names" {
  description = "Full name of each queue, as metrics know it."
  value       = { for queue in keys(var.queues) : queue => "${var.name}_${queue}" }
}

output "queue_arns" {
  description = "ARN of each queue."
  value       = local.queue_arns
}

output "dead_letter_queue_arns" {
  description = "ARN of each queue's dead-letter queue, by the name of the queue."
  value       = { for queue, arn in local.queue_arns : queue => "${arn}${var.dead_letter.suffix}" }
}

output "topic_arns" {
  description = "ARN of each topic: `GAS_TOPIC_ARNS`."
  value       = local.topic_arns

  # a bucket can only notify a topic that exists and lets it in
  depends_on = [aws_sns_topic_policy.this]
}
