terraform {
  # 1.11 locks the state in its bucket; the modules need 1.9
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}
