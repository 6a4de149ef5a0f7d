mock_provider "aws" {}

variables {
  name    = "gas-test"
  secrets = { web = { description = "What the portal needs.", settings = ["GAS_STRIPE_SECRET_KEY"] } }
}

run "secret_says_what_it_holds" {
  command = plan

  assert {
    condition     = aws_secretsmanager_secret.this["web"].description == "What the portal needs. JSON with: GAS_STRIPE_SECRET_KEY."
    error_message = "Whoever puts the value in must read its form."
  }
}
