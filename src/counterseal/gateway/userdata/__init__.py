"""What happens on accounts: one feed for each account and market, shown to each bot as far as it may see."""
