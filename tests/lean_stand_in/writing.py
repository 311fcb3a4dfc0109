"""Writes LEAN's files when and how LEAN does: a log line by line, a half-written result now and then, all else at the end."""

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .results import Run, document, monitor_report, order_events, statistics

FIRST_SECONDS = 0.3
EVERY_SECONDS = 2.0
"""Between two versions from half-way; LEAN's own are 5 and 30."""


class Writer:
    """The results folder of one run."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self.folder = Path(configuration["results-destination-folder"])
        self.folder.mkdir(parents=True, exist_ok=True)
        self.id = str(configuration["algorithm-id"])
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def log(self, line: str, kind: str = "TRACE") -> None:
        """A line of the engine's log, on the console and in log.txt."""
        text = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z {kind}:: {line}"
        print(text, flush=True)
        with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def begin(self, run: Run) -> None:
        """Rewrite the full result in the background until `end`, each time in two halves: LEAN does not write it at once."""

        def rewrite() -> None:
            wait = FIRST_SECONDS
            while not self._done.wait(wait):
                wait = EVERY_SECONDS
                text = json.dumps(document(run, is_final=False), indent=2)
                with (self.folder / f"{self.id}.json").open("w", encoding="utf-8") as file:
                    file.write(text[: len(text) // 2])
                    file.flush()
                    time.sleep(0.1)
                    file.write(text[len(text) // 2 :])

        self._thread = threading.Thread(target=rewrite, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def write(self, run: Run, share: float = 1.0) -> None:
        """Algorithm's log, summary, full result and order events, in LEAN's order; `share` below 1 cuts the results off."""
        (self.folder / f"{self.id}-log.txt").write_text("", encoding="utf-8")
        for name, is_summary in ((f"{self.id}-summary.json", True), (f"{self.id}.json", False)):
            text = json.dumps(document(run, is_final=True, is_summary=is_summary), indent=2)
            (self.folder / name).write_text(text[: int(len(text) * share)], encoding="utf-8")
        events = order_events(run)
        if events:
            (self.folder / f"{self.id}-order-events.json").write_text(json.dumps(events), encoding="utf-8")

    def close(self, run: Run, failed: int, succeeded: int) -> None:
        """The last lines and the data monitor's report."""
        if run.is_started:
            lines = [f"STATISTICS:: {name} {value}" for name, value in statistics(run).items()]
            self.log("\n" + "\n".join(lines))
        self.log("Engine.Main(): Analysis Completed and Results Posted.")
        report = self.folder / f"data-monitor-report-{datetime.now(UTC):%Y%m%d%H%M%S%f}"[:-3]
        report.with_name(report.name + ".json").write_text(json.dumps(monitor_report(failed, succeeded)))
