"""Takes the ledger of limits, with the walls and breakers around it, out of a gateway: for this benchmark only.

Python imports a module of this name at its start when it is on the path. What an order costs with it and without it is
the ledger's price.
"""

from counterseal.core.budget.asking import Ask, Reservation, Route
from counterseal.core.budget.charge import Plan
from counterseal.core.budget.reporting import Tally
from counterseal.core.budget.share import Lane
from counterseal.gateway.budget import Budget, Permit

_asks: dict[str, Ask] = {}


def _take(self, admitted, key):
    return _free(self, admitted.endpoint)


def _take_own(self, endpoint, values, account=""):
    return _free(self, endpoint)


def _free(budget: Budget, endpoint) -> Permit:
    ask = _asks.get(endpoint.name)
    if ask is None:
        plan = Plan(endpoint, (), (), None)
        ask = _asks[endpoint.name] = Ask("", 1, Lane.TRADE, "", "", plan, ())
    return Permit(endpoint, ask, Reservation(_ROUTE, ask, [], 0, 0), 0)


def _nothing(self, *_arguments):
    pass


_ROUTE = Route((), (), Tally(), 1)
Budget.take, Budget.take_own = _take, _take_own
for _name in ("settle", "close", "told", "not_sent"):
    setattr(Budget, _name, _nothing)
