"""Market streams between bots and the exchange: each exists once upstream, however many bots listen."""
