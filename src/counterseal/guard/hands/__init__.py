"""What the guard does at the exchange: asks, cancels, closes positions, keeps the dead-man's switch."""
