# What an operator of Counterseal may do: change the sealed keys, and have secret ids made, always wrapped.
# Reading them gives an age envelope that only the signer's identity opens.
#
#   bao policy write counterseal-operator deploy/vault/counterseal-operator.hcl

path "secret/data/counterseal/desk" {
  capabilities = ["create", "read", "update"]
}

path "secret/metadata/counterseal/desk" {
  capabilities = ["read"]
}

# After `counterseal key import`: the version that held a key in the clear.
path "secret/destroy/counterseal/desk" {
  capabilities = ["update"]
}

path "auth/approle/role/counterseal/role-id" {
  capabilities = ["read"]
}

# Without wrapping nothing is given: whoever carries it sees a token that serves once.
path "auth/approle/role/counterseal/secret-id" {
  capabilities     = ["create", "update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "1h"
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
