"""What each bot, symbol and account has at risk, kept exact before, during and after every request."""
