mock_provider "aws" {}

variables {
  name              = "gas-test"
  domain            = "gas.example.org"
  bounces_topic_arn = "arn:aws:sns:us-east-1:123456789012:gas-test_bounces"
}

run "records_are_left_to_others_without_a_zone" {
  command = plan

  assert {
    condition     = length(aws_route53_record.this) == 0 && length(output.dns_records) == 6
    error_message = "Three DKIM records, DMARC, MX and SPF must be told."
  }
}

run "records_are_written_to_the_zone" {
  command = plan

  variables {
    zone_id = "Z0123456789EXAMPLE"
  }

  assert {
    condition     = length(aws_route53_record.this) == 6
    error_message = "Three DKIM records, DMARC, MX and SPF must be written."
  }
}
