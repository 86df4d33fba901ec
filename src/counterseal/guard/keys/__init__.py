"""Keys as the guard sees them: what the exchange says of each when it is asked with that key."""
