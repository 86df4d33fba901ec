"""The sandbox of every process: `enter(profiles.signer())` and the like, right before the loop that serves."""

from counterseal.adapters.sandbox.apply import SandboxError as SandboxError
from counterseal.adapters.sandbox.apply import enter as enter
from counterseal.adapters.sandbox.apply import require as require
from counterseal.adapters.sandbox.report import Report as Report
