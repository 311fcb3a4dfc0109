"""The names of the files that LEAN writes, for both halves of the engine.

LEAN derives the names of its results from `algorithm-id`. It writes them all into `results-destination-folder`, which is
the member's own folder, next to the shim's exit file.
"""

ALGORITHM_ID = "backtest"
"""The `algorithm-id` of every run."""

RESULT_FILE = f"{ALGORITHM_ID}.json"
"""The full result. LEAN rewrites it every 30 s during the run, so its existence proves nothing."""
SUMMARY_FILE = f"{ALGORITHM_ID}-summary.json"
"""The short result, written only at the end (since 2025-02)."""
ORDER_EVENTS_FILE = f"{ALGORITHM_ID}-order-events.json"
ALGORITHM_LOG_FILE = f"{ALGORITHM_ID}-log.txt"
"""The algorithm's own lines; may be empty."""
LOG_FILE = "log.txt"
"""The engine's log."""
FAILED_REQUESTS_PREFIX = "failed-data-requests-"
SUCCEEDED_REQUESTS_PREFIX = "succeeded-data-requests-"
"""`succeeded-data-requests-<yyyyMMddHHmmssfff>.txt`: the paths of the data that LEAN requested and found, one per line."""
MONITOR_REPORT_PREFIX = "data-monitor-report-"
"""`data-monitor-report-<yyyyMMddHHmmssfff>.json`: how many data requests failed."""
