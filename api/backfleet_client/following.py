"""Follows a batch with the clock and the terminal of this process, and returns the exit code."""

import sys
import time
from datetime import datetime

from backfleet_api.schemas.reading import Batch, BatchPhase
from backfleet_client.client import ApiClient
from backfleet_client.exits import EXIT_BATCH_FAILED
from backfleet_client.progress import BarDisplay, LineDisplay, conclude
from backfleet_client.watching import PollClock, follow


def watch_batch(client: ApiClient, batch: str, namespace: str | None, timeout_seconds: float | None) -> int:
    """Show a batch until it has ended, and return the exit code of `watch`. Raise what `watching.follow` raises."""
    wanted: tuple[str, str | None] = (batch, namespace)

    def look(seconds: float) -> Batch:
        nonlocal wanted
        found = client.get_batch(*wanted, timeout_seconds=seconds)
        # From now on by uid: a newer batch may take the name.
        wanted = (found.batch_id, None)
        return found

    out, notes = sys.stdout, sys.stderr
    display = BarDisplay(out, notes) if out.isatty() else LineDisplay(out, notes, _local_time)
    try:
        ended = follow(look, display, PollClock(time.monotonic, time.sleep), timeout_seconds)
    finally:
        display.close()
    print(conclude(ended), flush=True)
    return 0 if ended.state is BatchPhase.COMPLETE else EXIT_BATCH_FAILED


def _local_time() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"
