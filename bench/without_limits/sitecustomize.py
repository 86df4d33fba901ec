"""Takes the ledger of limits, with the walls and breakers around it, out of a gateway: for this benchmark only.

Python imports a module of this name at its start when it is on the path. What an order costs with it and without it is
the ledger's price.
"""

from counterseal.core.budget.asking import Ask, Claim, Reservation, Route
from counterseal.core.budget.charge import Plan
from counterseal.core.budget.reporting import Tally
from counterseal.core.budget.share import Lane
from counterseal.gateway.budget import Budget, Permit

_claims: dict[str, Claim] = {}


def _take(self, admitted, key):
    return _free(self, admitted.endpoint)


def _take_own(self, endpoint, values, account="", lane=None):
    return _free(self, endpoint)


def _free(budget: Budget, endpoint) -> Permit:
    claim = _claims.get(endpoint.name)
    if claim is None:
        plan = Plan(endpoint, (), (), None)
        claim = _claims[endpoint.name] = Claim(Ask("", 1, Lane.TRADE, "", "", plan, ()), _ROUTE)
    held = Reservation(claim, [], 0, 0)
    held.is_open = False
    return Permit(endpoint, held, 0)


def _nothing(self, *_arguments):
    pass


_ROUTE = Route((), (), Tally())
Budget.take, Budget.take_own = _take, _take_own
for _name in ("settle", "close", "told", "not_sent"):
    setattr(Budget, _name, _nothing)
