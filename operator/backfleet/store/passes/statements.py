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
MARK_FIRST_ATTEMPTS = _read("mark_first_attempts")
MARK_PACKS = _read("mark_packs")
LAUNCH_PACKS = _read("launch_packs")
LAUNCH_ATTEMPTS = _read("launch_attempts")
JUDGE_RESULTS = _read("judge_results")
COUNT_ATTEMPTS = _read("count_attempts")
CANCEL_BACKTESTS = _read("cancel_backtests")
CLOSE_ATTEMPTS = _read("close_attempts")
CLOSE_PACKS = _read("close_packs")
COUNT_OPEN = _read("count_open")
COUNT_UNSETTLED = _read("count_unsettled")
CLOSE_PIECE = _read("close_piece")
REPORT_START = _read("report_start")
SET_ASIDE_BACKTESTS = _read("set_aside_backtests")
SET_ASIDE_ATTEMPTS = _read("set_aside_attempts")
DROP_WARM_RESULTS = _read("drop_warm_results")
QUEUE_DROPPED = _read("queue_dropped")
COUNT_RESULTS = _read("count_results")
REFUSE_WARM = _read("refuse_warm")
TRUST_WARM = _read("trust_warm")
FORGET_SETTLED = _read("forget_settled")
