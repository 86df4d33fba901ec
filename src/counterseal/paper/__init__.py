"""The paper exchange: a Binance look-alike over TLS to try, demo and test against.

A second implementation on purpose.  It imports nothing of `counterseal` outside `counterseal.paper`,
so that the gateway and it can disagree about what the exchange's facts mean.
"""
