output "group_name" {
  description = "Name of the autoscaling group."
  value       = aws_autoscaling_group.this.name
}

output "group_arn" {
  description = "ARN of the autoscaling group."
  value       = aws_autoscaling_group.this.arn
}

output "template_version" {
  description = "Version of the launch template that the group launches, once it does."
  value       = aws_autoscaling_group.this.mixed_instances_policy[0].launch_template[0].launch_template_specification[0].version
}

output "security_group_id" {
  description = "Security group of the instances."
  value       = aws_security_group.this.id
}

output "deployment" {
  description = "What the instances' Ansible is told (`/etc/gas/deployment.json`), for a deploy that is pushed."
  value       = local.deployment
}
