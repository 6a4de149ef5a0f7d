# The bucket is made by ../../bootstrap. A backend knows no variables, so bucket and region are named at init:
# terraform init -backend-config="bucket=gas-state-ACCOUNT" -backend-config="region=REGION"
terraform {
  backend "s3" {
    key          = "gas-prod.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
