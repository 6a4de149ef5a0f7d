output "group_name" {
  description = "Name of the autoscaling group."
  value       = aws_autoscaling_group.this.name
}

output "security_group_id" {
  description = "Security group of the instances."
  value       = aws_security_group.this.id
}

output "deployment" {
  description = "What the instances' Ansible is told (`/etc/gas/deployment.json`), for a deploy that is pushed."
  value       = local.deployment
}
