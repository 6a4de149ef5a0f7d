# Buckets for people's files, and one for the logs of who read them.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # bucket names are shared by all of AWS; the account id makes them ours
  names = { for bucket in concat(keys(var.buckets), ["logs"]) : bucket => "${replace("${var.name}-${bucket}", "_", "-")}-${local.account_id}" }
  arns  = { for bucket, name in local.names : bucket => "arn:${local.partition}:s3:::${name}" }

  expire_days = merge({ for bucket, declared in var.buckets : bucket => declared.expire_days }, { logs = var.access_log_days })
}

# No versioning anywhere: an old version would keep what was archived, expired or deleted at its owner's wish.
resource "aws_s3_bucket" "this" {
  for_each = local.names

  bucket        = each.value
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# AES256 and not KMS: a key's requests would cost more than the storage, and load balancers write to nothing else
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  dynamic "rule" {
    for_each = local.expire_days[each.key][*]

    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_cors_configuration" "this" {
  for_each = { for bucket, declared in var.buckets : bucket => declared if declared.browser_uploads || declared.browser_reads }

  bucket = aws_s3_bucket.this[each.key].id

  dynamic "cors_rule" {
    for_each = each.value.browser_uploads ? [1] : []

    content {
      allowed_origins = var.upload_origins
      allowed_methods = ["POST"]
      allowed_headers = ["*"]
      expose_headers  = ["ETag"]
      max_age_seconds = 3600
    }
  }

  # a presigned link is all that lets in, whatever page asks: a genome browser reads ranges of it
  dynamic "cors_rule" {
    for_each = each.value.browser_reads ? [1] : []

    content {
      allowed_origins = ["*"]
      allowed_methods = ["GET", "HEAD"]
      allowed_headers = ["Range"]
      expose_headers  = ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"]
      max_age_seconds = 3600
    }
  }
}

resource "aws_s3_bucket_notification" "this" {
  for_each = { for bucket, declared in var.buckets : bucket => declared if declared.restore_notices }

  bucket = aws_s3_bucket.this[each.key].id

  topic {
    topic_arn     = var.restore_topic_arn
    events        = ["s3:ObjectRestore:Completed"]
    filter_prefix = var.archive_prefix
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = var.buckets

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}
