mock_provider "aws" {}

variables {
  name        = "gas-test"
  domain_name = "gas.example.org"
  zone_id     = "Z0123456789EXAMPLE"
  log_bucket  = "gas-test-logs"
  network     = { vpc_id = "vpc-1", cidr = "10.20.0.0/16", subnet_ids = ["subnet-1", "subnet-2"] }
}

run "plain_http_is_sent_on" {
  command = plan

  assert {
    condition     = aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS" && aws_lb_listener.https.protocol == "HTTPS"
    error_message = "HTTP only redirects to HTTPS."
  }

  assert {
    condition     = length(aws_acm_certificate.this) == 1 && length(aws_route53_record.portal) == 1
    error_message = "With a zone, certificate and name are made."
  }
}

run "certificate_and_name_of_others" {
  command = plan

  variables {
    zone_id         = null
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"
  }

  assert {
    condition     = length(aws_acm_certificate.this) == 0 && length(aws_route53_record.portal) == 0
    error_message = "Nothing is written to a zone that is not given."
  }
}
