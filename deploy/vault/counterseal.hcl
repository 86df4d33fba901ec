# What one installation of Counterseal may do in Vault or OpenBao: read its own sealed keys, and keep its login alive.
# For another keystore.mount or keystore.path, change the first line; "data" stays.
#
#   bao policy write counterseal deploy/vault/counterseal.hcl

path "secret/data/counterseal/desk" {
  capabilities = ["read"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
