"""One ledger of the exchange's limits: reserved before a request leaves, settled by what the exchange answered."""
