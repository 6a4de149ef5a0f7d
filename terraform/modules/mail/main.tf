# Mail through SES: a domain that signs what it sends (DKIM, SPF, DMARC), and reports of what came back.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition   = data.aws_partition.current.partition
  here        = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"
  return_path = "bounce.${var.domain}"

  # SES gives three DKIM tokens
  dkim = { for n in range(3) : "dkim-${n}" => {
    name    = "${aws_sesv2_email_identity.this.dkim_signing_attributes[0].tokens[n]}._domainkey.${var.domain}"
    type    = "CNAME"
    records = ["${aws_sesv2_email_identity.this.dkim_signing_attributes[0].tokens[n]}.dkim.amazonses.com"]
  } }
  records = merge(local.dkim, {
    dmarc = { name = "_dmarc.${var.domain}", type = "TXT", records = ["v=DMARC1; p=quarantine; adkim=s"] }
    mx    = { name = local.return_path, type = "MX", records = ["10 feedback-smtp.${data.aws_region.current.region}.amazonses.com"] }
    spf   = { name = local.return_path, type = "TXT", records = ["v=spf1 include:amazonses.com -all"] }
  })
}

resource "aws_sesv2_configuration_set" "this" {
  configuration_set_name = var.name

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  # GAS itself stops mail to an address that bounced, which its owner can mend; SES stops mail to who complained
  suppression_options {
    suppressed_reasons = ["COMPLAINT"]
  }
}

resource "aws_sesv2_email_identity" "this" {
  email_identity         = var.domain
  configuration_set_name = aws_sesv2_configuration_set.this.configuration_set_name

  dkim_signing_attributes {
    next_signing_key_length = "RSA_2048_BIT"
  }
}

resource "aws_sesv2_email_identity_mail_from_attributes" "this" {
  email_identity         = aws_sesv2_email_identity.this.email_identity
  mail_from_domain       = local.return_path
  behavior_on_mx_failure = "USE_DEFAULT_VALUE"
}

resource "aws_route53_record" "this" {
  for_each = var.zone_id == null ? {} : local.records

  zone_id = var.zone_id
  name    = each.value.name
  type    = each.value.type
  records = each.value.records
  ttl     = 1800
}

resource "aws_sesv2_configuration_set_event_destination" "bounces" {
  configuration_set_name = aws_sesv2_configuration_set.this.configuration_set_name
  event_destination_name = "bounces"

  event_destination {
    enabled              = true
    matching_event_types = ["BOUNCE", "COMPLAINT"]

    sns_destination {
      topic_arn = var.bounces_topic_arn
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "reputation" {
  # SES puts an account under review at 5 % bounces or 0.1 % complaints
  for_each = { BounceRate = 0.04, ComplaintRate = 0.0008 }

  alarm_name          = "${var.name}-mail-${each.key}"
  alarm_description   = "SES will stop our mail if this goes on: read what the topic ${var.name}_bounces says."
  namespace           = "AWS/SES"
  metric_name         = "Reputation.${each.key}"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value
  period              = 3600
  evaluation_periods  = 1
  treat_missing_data  = "ignore"
  alarm_actions       = var.alarm_topic_arns

  tags = { Severity = "urgent" }
}
