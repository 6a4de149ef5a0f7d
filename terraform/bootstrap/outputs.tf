output "state_bucket" {
  description = "Bucket to name at `terraform init` of an environment."
  value       = aws_s3_bucket.this["state"].bucket
}

output "release_bucket" {
  description = "Bucket that releases (`releases/VERSION.tar.gz`) and reference bundles (`bundles/`) are put into."
  value       = aws_s3_bucket.this["releases"].bucket
}

output "ansible_bucket" {
  description = "Bucket through which Session Manager moves Ansible's files to hosts (`inventory/` names it); emptied daily."
  value       = aws_s3_bucket.this["ansible"].bucket
}
