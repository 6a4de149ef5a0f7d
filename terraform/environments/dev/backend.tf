# The bucket is made by ../../bootstrap and named at init: terraform init -backend-config="bucket=gas-state-ACCOUNT"
terraform {
  backend "s3" {
    key          = "gas-dev.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
