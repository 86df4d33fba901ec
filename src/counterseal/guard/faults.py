"""How a fault of ours is named in the log."""

import traceback
from pathlib import Path


def place_of(error: BaseException | None) -> dict[str, str]:
    """Name an exception's kind and where it was raised; its text could show what a log must not."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "where": where}
