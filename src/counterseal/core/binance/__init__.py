"""What the exchange is: catalogue, schemas, canonical bytes, outcomes."""
