"""The statements that write a pass's changes: one file each in `sql/`, whose first line says what it is for.

`change` is the JSON array `:rows`, read as a table.
"""

from importlib.resources import files


def _read(name: str) -> str:
    return files("backfleet.store").joinpath("passes", "sql", f"{name}.sql").read_text(encoding="utf-8")


SETTLE_RESULTS = _read("settle_results")
END_SUCCEEDED_ATTEMPTS = _read("end_succeeded_attempts")
SETTLE_FAILURES = _read("settle_failures")
END_FAILED_ATTEMPTS = _read("end_failed_attempts")
CLOSE_OUTCOMES = _read("close_outcomes")
MARK_BACKTESTS = _read("mark_backtests")
MARK_ATTEMPTS = _read("mark_attempts")
LAUNCH_ATTEMPTS = _read("launch_attempts")
JUDGE_RESULTS = _read("judge_results")
COUNT_ATTEMPTS = _read("count_attempts")
CANCEL_BACKTESTS = _read("cancel_backtests")
CLOSE_ATTEMPTS = _read("close_attempts")
COUNT_OPEN = _read("count_open")
CLOSE_PIECE = _read("close_piece")
FORGET_SETTLED = _read("forget_settled")
