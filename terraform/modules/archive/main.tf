# Where results go that free users no longer see. S3 needs nothing of its own for it; the classic service needs a vault.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  here      = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
  vault     = "${var.name}_${var.glacier.vault}"
}

resource "aws_glacier_vault" "this" {
  count = var.backend == "glacier" ? 1 : 0

  name = local.vault
}
