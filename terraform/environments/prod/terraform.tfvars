# The production deployment: every tier over three zones, nothing that one failure stops, data that outlives mistakes.

# --- Yours: change these ------------------------------------------------------------------------------------------------------
account_id       = "210987654321"                         # aws sts get-caller-identity
region           = "us-east-1"                            # and the zones below with it
domain_name      = "gas.example.org"                      # the portal's name and the domain of its mail
zone_id          = "Z9876543210EXAMPLE"                   # aws route53 list-hosted-zones
contact          = "help@example.org"                     # shown on pages that say that something failed
alarm_emails     = ["oncall@example.org"]                 # each is asked to confirm once
globus_client_id = "00000000-0000-4000-8000-000000000001" # app.globus.org/settings/developers; redirect: https://DOMAIN/authcallback
stripe_price_id  = "price_prod"                           # Stripe's live mode
release          = "0.1.0"                                # releases/0.1.0.tar.gz in the release bucket

# --- Archive ------------------------------------------------------------------------------------------------------------------
# `glacier` only in an account that had vaults before December 2025
archive_backend = "s3"

# --- Size ---------------------------------------------------------------------------------------------------------------------
network = {
  zones         = ["us-east-1a", "us-east-1b", "us-east-1c"]
  nat           = "per_zone"
  flow_log_days = 90
}

# Bake an image with `ansible-playbook site.yml --tags install` and name it as image_id, here and for each fleet: instances then
# are what was tried, boot in a fraction of the time, need no package mirror, and a refresh that fails rolls back by itself.
fleets = {
  web = {
    daemons        = ["web"]
    instance_types = ["m7a.large", "m6a.large", "m6i.large"]
    image_id       = "ami-0123456789abcdef0"
    min            = 2
    max            = 8
    scaling        = { requests_per_instance = 6000 } # a minute
  }

  # One on demand, so that work goes on when spot is sold out. Each works on two jobs at once: at 1.5 messages an instance three
  # quarters of the slots are busy and hardly anybody waits. A target above 2, the slots, would have the fleet sleep until there
  # is a backlog. 200 instances are enough for 100 jobs a second. By simulation: docs/measurements/scale.md.
  annotate = {
    daemons        = ["annotate"]
    instance_types = ["c7a.large", "c6a.large", "c6i.large", "c5a.large", "m6a.large"]
    image_id       = "ami-0123456789abcdef0"
    volume_gb      = 60
    min            = 2
    max            = 200
    on_demand_base = 1
    spot           = true
    scaling        = { backlog_per_instance = 1.5 }
  }

  utility = {
    daemons        = ["archive", "restore", "thaw", "notify", "doctor"]
    instance_types = ["m7a.medium", "m6a.large"]
    image_id       = "ami-0123456789abcdef0"
    min            = 2
    max            = 6
    scaling        = { cpu_percent = 60 }
  }
}

# --- Safety and cost ------------------------------------------------------------------------------------------------------------
protect            = true
log_days           = 90
monthly_budget_usd = 1500
