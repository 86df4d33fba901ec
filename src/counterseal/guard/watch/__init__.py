"""The guard's eyes: what accounts have, what is too much, and what did not come through the gateway."""
