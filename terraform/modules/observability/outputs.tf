output "alarm_topic_arn" {
  description = "Topic that hears of urgent alarms."
  value       = aws_sns_topic.alarms.arn
}

output "log_groups" {
  description = "Log group of each tier."
  value       = { for tier, group in aws_cloudwatch_log_group.tier : tier => group.name }
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
