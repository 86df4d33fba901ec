"""What each account really has, and whose it is: folded from events, corrected by what the exchange states."""
