"""The channels of the settings at work: made at the start, gone on with after a reload, closed at the end."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from counterseal.adapters.home import Home
from counterseal.adapters.tasks import Tasks
from counterseal.core.alerts.desk import Terms
from counterseal.core.config.model import Config
from counterseal.guard.alerting.alerts import Alerts, Record
from counterseal.guard.alerting.build import Plan, alerts
from counterseal.guard.alerting.outside import Outside
from counterseal.guard.alerting.renewing import renewed
from counterseal.ports.clock import Clock

NO_PLAN = Plan((), {}, None, Terms())


class Channels:
    """`alerts` by a plan that was made before the sandbox closed, None without settings; and the call outside."""

    def __init__(self, plan: Plan | None, clock: Clock, tasks: Tasks, log: Any, home: Home, record: Record) -> None:
        self._plan = plan or NO_PLAN
        self._clock, self._tasks, self._log, self._home = clock, tasks, log, home
        self._is_well: Callable[[], bool] = lambda: False
        self.alerts: Alerts = alerts(self._plan, clock, tasks, log, home, record, _say)

    def start(self, is_well: Callable[[], bool]) -> None:
        """Begin to send, and to call outside as long as all is well."""
        self._is_well = is_well
        self.alerts.start()
        if self._plan.outside is not None:
            self._call(self._plan.outside)

    async def renew(self, config: Config) -> tuple[str, ...]:
        """Tell people by the channels of changed settings; gives what has to wait for a restart."""
        before = self._plan
        # It reads files and imports what new channels need: that takes its time.
        plan, notes = await asyncio.get_running_loop().run_in_executor(None, renewed, before, config, self._home)
        self._plan = plan
        self.alerts.take_up(plan.channels, plan.terms, plan.faults)
        if plan.outside is not before.outside:
            if before.outside is not None:
                await before.outside.close()
            if plan.outside is not None:
                self._call(plan.outside)
        return notes

    async def close(self) -> None:
        """Stop."""
        await self.alerts.close()
        if self._plan.outside is not None:
            await self._plan.outside.close()

    def _call(self, outside: Outside) -> None:
        outside.start(self._is_well, self._clock, self._tasks, self._log)


def _say(text: str) -> None:
    sys.stderr.write(f"guard: {text}\n")
    sys.stderr.flush()
