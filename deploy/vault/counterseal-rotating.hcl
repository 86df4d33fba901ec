# Instead of counterseal.hcl, for an installation that rotates its keys by itself: it may also replace its sealed keys.
# What it replaces stays as an earlier version, which it can neither delete nor destroy.
#
#   bao policy write counterseal deploy/vault/counterseal-rotating.hcl

path "secret/data/counterseal/desk" {
  capabilities = ["read", "update"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
