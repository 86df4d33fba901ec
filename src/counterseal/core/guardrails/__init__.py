"""When what an account has, owes or has lost is too much, and what is done about it."""
