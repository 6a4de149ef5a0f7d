# The development deployment: whole, small, cheap at rest, and destroyed by one command.

# --- Yours: change these ------------------------------------------------------------------------------------------------------
account_id       = "123456789012"                         # aws sts get-caller-identity
region           = "us-east-1"                            # and the zones below with it
domain_name      = "gas-dev.example.org"                  # the portal's name and the domain of its mail
zone_id          = "Z0123456789EXAMPLE"                   # aws route53 list-hosted-zones
contact          = "help@example.org"                     # shown on pages that say that something failed
alarm_emails     = ["oncall@example.org"]                 # each is asked to confirm once
globus_client_id = "00000000-0000-4000-8000-000000000000" # app.globus.org/settings/developers; redirect: https://DOMAIN/authcallback
stripe_price_id  = "price_dev"                            # Stripe's test mode
release          = "0.1.0"                                # releases/0.1.0.tar.gz in the release bucket

# --- Archive ------------------------------------------------------------------------------------------------------------------
# `glacier` only in an account that had vaults before December 2025
archive_backend = "s3"

# --- Size ---------------------------------------------------------------------------------------------------------------------
# no NAT gateway ($33 a month): instances have public addresses, and security groups that let nobody in
network = {
  zones = ["us-east-1a", "us-east-1b"]
  nat   = "none"
}

fleets = {
  web = {
    daemons          = ["web"]
    instance_types   = ["t3a.small", "t3.small"]
    public_addresses = true
    min              = 1
    max              = 2
  }

  # sleeps at zero instances; the first job wakes one, which takes about as long as a boot
  annotate = {
    daemons          = ["annotate"]
    instance_types   = ["c6a.large", "c6i.large", "c5a.large", "m6a.large"]
    public_addresses = true
    volume_gb        = 40
    min              = 0
    max              = 2
    spot             = true
    scaling          = { backlog_per_instance = 10 }
  }

  utility = {
    daemons          = ["archive", "restore", "thaw", "notify", "doctor"]
    instance_types   = ["t3a.small", "t3.small"]
    public_addresses = true
    min              = 1
    max              = 2
  }
}

# --- Safety and cost ------------------------------------------------------------------------------------------------------------
protect            = false # terraform destroy takes everything, data included
log_days           = 7
monthly_budget_usd = 100
