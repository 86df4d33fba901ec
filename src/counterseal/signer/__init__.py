"""The only process that holds exchange secrets."""
