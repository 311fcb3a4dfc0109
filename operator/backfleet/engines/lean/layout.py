"""Where LEAN finds its files in the pod, and what it calls those it leaves; for both halves of the engine.

LEAN derives the names of its results from `algorithm-id` and writes them all into `results-destination-folder`, which is
`core.wire.RESULTS_PATH` itself: they lie beside the shim's exit file.
"""

ALGORITHM_ID = "backtest"
"""The `algorithm-id` of every run."""

RESULT_FILE = f"{ALGORITHM_ID}.json"
"""The full result; rewritten every 30 s while the run goes on, so that its existence proves nothing."""
SUMMARY_FILE = f"{ALGORITHM_ID}-summary.json"
"""The short result, written at the end only (since 2025-02)."""
ORDER_EVENTS_FILE = f"{ALGORITHM_ID}-order-events.json"
ALGORITHM_LOG_FILE = f"{ALGORITHM_ID}-log.txt"
"""The algorithm's own lines; may be empty."""
LOG_FILE = "log.txt"
"""The engine's log."""
FAILED_REQUESTS_PREFIX = "failed-data-requests-"
SUCCEEDED_REQUESTS_PREFIX = "succeeded-data-requests-"
"""`succeeded-data-requests-<yyyyMMddHHmmssfff>.txt`: the paths of the data that LEAN asked for and found, one to a line."""
MONITOR_REPORT_PREFIX = "data-monitor-report-"
"""`data-monitor-report-<yyyyMMddHHmmssfff>.json`: how many data requests failed."""
