output "bucket_names" {
  description = "Name of each bucket: `GAS_BUCKET_NAMES`."
  value       = { for bucket in keys(var.buckets) : bucket => aws_s3_bucket.this[bucket].id }
}

output "bucket_arns" {
  description = "ARN of each bucket."
  value       = { for bucket in keys(var.buckets) : bucket => local.arns[bucket] }
}

output "log_bucket" {
  description = "Name of the bucket for access logs."
  value       = aws_s3_bucket.this["logs"].id

  # a load balancer that can't write its logs can't be made
  depends_on = [aws_s3_bucket_policy.this]
}

output "planned_names" {
  description = "Name of each bucket before it exists, for policies that it needs to exist first."
  value       = { for bucket in keys(var.buckets) : bucket => local.names[bucket] }
}
