output "settings" {
  description = "The portal's address as `GAS_*` settings."
  value = {
    GAS_PUBLIC_URL = "https://${var.domain_name}"
    GAS_WEB_HOST   = "0.0.0.0"
    GAS_WEB_PORT   = tostring(var.port)
  }
}

output "target_group_arn" {
  description = "Target group that the portal's fleet joins."
  value       = aws_lb_target_group.this.arn

  # request counts exist only for a target group that a listener sends to
  depends_on = [aws_lb_listener.https]
}

output "security_group_id" {
  description = "Security group of the load balancer."
  value       = aws_security_group.balancer.id
}

output "metric_dimensions" {
  description = "Load balancer and target group as CloudWatch knows them."
  value = {
    LoadBalancer = aws_lb.this.arn_suffix
    TargetGroup  = aws_lb_target_group.this.arn_suffix
  }
}

output "dns_name" {
  description = "Where the domain name must point, for a zone that Terraform does not write."
  value       = aws_lb.this.dns_name
}
