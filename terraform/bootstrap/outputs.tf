output "state_bucket" {
  description = "Bucket to name at `terraform init` of an environment."
  value       = aws_s3_bucket.this["state"].bucket
}

output "release_bucket" {
  description = "Bucket that releases (`releases/VERSION.tar.gz`) and reference bundles (`bundles/`) are put into."
  value       = aws_s3_bucket.this["releases"].bucket
}
