"""Writes LEAN's files when and how LEAN does: a log line by line, a half-written result now and then, all else at the end."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .results import Run, document, monitor_report, order_events, statistics

KINDS = {"ERROR": "ERROR"}
FIRST_SECONDS = 0.3
EVERY_SECONDS = 2.0
"""Between two versions from half-way; LEAN's own are 5 and 30."""


class Writer:
    """The results folder of one run."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self.folder = Path(configuration["results-destination-folder"])
        self.folder.mkdir(parents=True, exist_ok=True)
        self.id = str(configuration["algorithm-id"])
        self.said: list[str] = []
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def log(self, line: str, kind: str = "TRACE") -> None:
        """Write a line of the engine's log to the console and to log.txt."""
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
        """Write the algorithm's log, summary, full result and order events. A `share` below 1 cuts the results off."""
        (self.folder / f"{self.id}-log.txt").write_text("\n".join(self.said), encoding="utf-8")
        for name, is_summary in ((f"{self.id}-summary.json", True), (f"{self.id}.json", False)):
            text = json.dumps(document(run, is_final=True, is_summary=is_summary), indent=2)
            (self.folder / name).write_text(text[: int(len(text) * share)], encoding="utf-8")
        events = order_events(run)
        if events:
            (self.folder / f"{self.id}-order-events.json").write_text(json.dumps(events), encoding="utf-8")

    def say(self, day: str, words: str, kind: str = "Debug") -> None:
        """Write a line of the algorithm to both logs. Only the engine's log shows the kind of an error."""
        self.said.append(f"{day} 16:00:00 {words}")
        self.log(
            f"{day} 16:00:00 {words}" if kind == "ERROR" else f"{kind}: {day} 16:00:00 {words}",
            KINDS.get(kind, "TRACE"),
        )

    def close(self, run: Run, failed: Sequence[str], succeeded: Sequence[str]) -> None:
        """Write the last lines, the lists of requests and the data monitor's report, in LEAN's order."""
        if run.is_started:
            lines = [f"STATISTICS:: {name} {value}" for name, value in statistics(run).items()]
            self.log("\n" + "\n".join(lines))
        self.log("BacktestingResultHandler.SendAnalysisResult(): Processed final packet")
        self.log("Engine.Main(): Analysis Completed and Results Posted.")
        now = f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"[:-3]
        for name, paths in (("failed", failed), ("succeeded", succeeded)):
            text = "".join(f"{path}\n" for path in paths)
            (self.folder / f"{name}-data-requests-{now}.txt").write_text(text, encoding="utf-8")
        report = self.folder / f"data-monitor-report-{now}.json"
        report.write_text(json.dumps(monitor_report(len(failed), len(succeeded))))
        self.log("LeanEngineAlgorithmHandlers.Dispose(): Disposed of algorithm handlers.")
        self.log("PythonInitializer.Shutdown(): calling engine shutdown...")
