"""The operator's metrics for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

from backfleet.controller.passes import PassReport

PASSES = Counter("backfleet_passes_total", "Passes of the operator's loop", ["result"])
PASS_SECONDS = Histogram(
    "backfleet_pass_seconds", "Duration of a pass", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
)
LIVE_BATCHES = Gauge("backfleet_live_batches", "Accepted batches that are not finished")
FAILING_BATCHES = Gauge(
    "backfleet_failing_batches", "Batches whose last pass failed, including those that wait to be tried again"
)
OVERDUE_JOBS = Gauge("backfleet_overdue_jobs", "Jobs far past their hard deadline, for example on a lost node")
NAMESPACES_LEFT_OUT = Gauge("backfleet_namespaces_left_out", "Watched namespaces that the last pass could not list")

CLOCK_SKEW_SECONDS = Gauge(
    "backfleet_clock_skew_seconds",
    "Seconds that the clock of Postgres is ahead of that of Kubernetes; 0 within 5 seconds",
)


def observe_pass(report: PassReport) -> None:
    """Count one pass that ran to its end."""
    PASSES.labels(result="done").inc()
    PASS_SECONDS.observe(report.seconds)
    LIVE_BATCHES.set(report.live_batches)
    FAILING_BATCHES.set(report.failing_count)
    OVERDUE_JOBS.set(len(report.plan.overdue))
    NAMESPACES_LEFT_OUT.set(len(report.refused))
    CLOCK_SKEW_SECONDS.set(report.skew_seconds)
