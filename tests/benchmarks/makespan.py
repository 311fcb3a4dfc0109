"""What a backtest costs: 40 quick backtests by Backfleet against one native Job of 40 completions, in one cluster, in turn.

    .venv/bin/python tests/benchmarks/makespan.py --rounds 5        (make bench)

Both run the same pod: the noop engine under the shim, then the recorder, which appends to Postgres (the native Job's to a
scratch database of the same shape without foreign keys). Both start at the creation of their object and end when the API
server shows the end. Prints a JSON report and compares it with limits.yaml (exit code 1: a figure is above its limit).
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path[0:1] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "operator")]

import yaml  # noqa: E402
from kubernetes import client, config  # noqa: E402

from hack.local import LocalBackfleet  # noqa: E402
from tests.benchmarks.stages import STAGES, Timeline  # noqa: E402
from tests.support.live import Live  # noqa: E402
from tests.support.observer import wait_until  # noqa: E402

COUNT = 40
PARALLEL = 4
NAMESPACE = "bench"
PORT = 18231
ROUND_SECONDS = 300
LIMITS = Path(__file__).parent / "limits.yaml"


def main() -> int:
    """Run the rounds and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cluster", default="bench", help="name of the local cluster; it stays up")
    options = parser.parse_args()
    live = install(LocalBackfleet(options.cluster, NAMESPACE))
    template = pod_template(live)
    rounds = []
    for number in range(options.rounds):
        native = run_native(live, template, number)
        batch = run_batch(live, number)
        rounds.append({"native": native, **batch, "ratio": batch["backfleet"] / native})
        print(f"round {number + 1}: {json.dumps(rounds[-1])}", file=sys.stderr, flush=True)
    measured = report(rounds)
    print(json.dumps(measured, indent=2))
    above = exceeded(measured, yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["makespan"])
    for line in above:
        print(f"above its limit: {line}", file=sys.stderr)
    return 1 if above else 0


def install(local: LocalBackfleet) -> Live:
    local.up()
    local.install(local.images(), "engines.noop.requests.cpu=50m", "engines.noop.requests.memory=64Mi")
    environment = local.environment()
    return Live(NAMESPACE, environment, local.forward(PORT), config.new_client_from_config(environment["KUBECONFIG"]))


def report(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over the rounds, with the spread where it matters."""
    refills = sorted(latency for each in rounds for latency in each["refills"])
    return {
        "rounds": len(rounds),
        "native_seconds": round(statistics.mean(each["native"] for each in rounds), 2),
        "backfleet_seconds": round(statistics.mean(each["backfleet"] for each in rounds), 2),
        "ratio_mean": round(statistics.mean(each["ratio"] for each in rounds), 3),
        "ratios": [round(each["ratio"], 3) for each in rounds],
        "refill_seconds": {
            "count": len(refills),
            "median": round(statistics.median(refills), 3),
            "p95": round(refills[int(0.95 * (len(refills) - 1))], 3),
        },
        "api_writes_per_backtest": round(statistics.mean(each["writes"] for each in rounds) / COUNT, 2),
        "passes_per_backtest": round(statistics.mean(each["passes"] for each in rounds) / COUNT, 2),
        "operator_cpu_seconds": round(statistics.mean(each["cpu_seconds"] for each in rounds), 2),
        "stages": {
            key: round(statistics.mean(each["stages"][key] for each in rounds), 3) for key in rounds[0]["stages"]
        },
    }


def noop_batch(name: str, count: int) -> dict[str, Any]:
    return {
        "apiVersion": "backfleet.io/v1alpha1",
        "kind": "OptimizationBatch",
        "metadata": {"name": name},
        "spec": {
            "strategy": {"name": "Noop"},
            "engine": {"name": "noop"},
            "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2001-03-01"},
            "parameters": [{"name": "value", "type": "int", "range": {"start": 1, "end": count, "step": 1}}],
            "maxConcurrent": PARALLEL,
            "ttlSecondsAfterFinished": 600,
        },
    }


def pod_template(live: Live) -> dict[str, Any]:
    """Return the pod of a real backtest's Job, recording elsewhere: under its own pod's name, into the scratch database."""
    uid = live.apply(noop_batch("template", 1))
    live.wait_finished("template", 120)
    job = client.ApiClient().sanitize_for_serialization(live.jobs(uid)[0])
    template: dict[str, Any] = job["spec"]["template"]
    live.delete("template")
    template["metadata"] = {"labels": {"backfleet-benchmark": "native"}}
    recorder = template["spec"]["containers"][0]
    own_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    values = {each["name"]: each.get("value", "") for each in recorder["env"]}
    # The kubelet puts the pod's name in the place of the batch, so every pod records an attempt of its own.
    pack = {**json.loads(values["BACKFLEET_PACK"]), "batch": "$(POD_NAME)"}
    own = {"BACKFLEET_PACK": json.dumps(pack), "BACKFLEET_RECORDER_DATABASE_URL": scratch_url(live)}
    kept = [each for each in recorder["env"] if each["name"] not in own]
    recorder["env"] = [*kept, own_name, *({"name": name, "value": value} for name, value in own.items())]
    return template


def scratch_url(live: Live) -> str:
    """Create a table of the same columns in a schema of the recorder role's own, found first by its search path."""
    live.psql(
        "CREATE SCHEMA IF NOT EXISTS scratch; "
        "CREATE TABLE IF NOT EXISTS scratch.backtest_outcomes (LIKE public.backtest_outcomes INCLUDING DEFAULTS); "
        "GRANT USAGE ON SCHEMA scratch TO backfleet_recorder; GRANT INSERT ON scratch.backtest_outcomes TO backfleet_recorder;"
    )
    secret = client.CoreV1Api(live.api).read_namespaced_secret("backfleet-recorder", NAMESPACE)
    import base64

    assert secret.data is not None
    url = base64.b64decode(secret.data["recorder-url"]).decode()
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dscratch"


def run_native(live: Live, template: dict[str, Any], number: int) -> float:
    """Measure the seconds from creating a native Job of as many completions to its end as the API server shows it."""
    batch, name = client.BatchV1Api(live.api), f"native-{number}"
    body: Any = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"completions": COUNT, "parallelism": PARALLEL, "backoffLimit": 0, "template": template},
    }
    started = time.monotonic()
    batch.create_namespaced_job(NAMESPACE, body)
    wait_until(
        "the native Job is complete",
        lambda: (status := batch.read_namespaced_job_status(name, NAMESPACE).status) and status.completion_time,
        ROUND_SECONDS,
        0.1,
    )
    seconds = time.monotonic() - started
    batch.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")
    wait_until("its pods are gone", lambda: not native_pods(live), 120)
    return seconds


def native_pods(live: Live) -> list[Any]:
    selector = "backfleet-benchmark=native"
    return list(client.CoreV1Api(live.api).list_namespaced_pod(NAMESPACE, label_selector=selector).items)


def run_batch(live: Live, number: int) -> dict[str, Any]:
    """Measure the same by Backfleet, with the slots that the watch saw and the stages in the rows."""
    name = f"bench-{number}"
    timeline = Timeline(live.api, NAMESPACE)
    timeline.start()
    before = operator_counters(live)
    started = time.monotonic()
    uid = live.apply(noop_batch(name, COUNT))
    custom = client.CustomObjectsApi(live.api)

    def is_finished() -> bool:
        body: Any = custom.get_namespaced_custom_object(
            "backfleet.io", "v1alpha1", NAMESPACE, "optimizationbatches", name
        )
        return "finishedAt" in body.get("status", {})

    wait_until("the batch is finished", is_finished, ROUND_SECONDS, 0.1)
    seconds = time.monotonic() - started
    after = operator_counters(live)
    timeline.stop()
    outcome = {
        "backfleet": seconds,
        "refills": timeline.refills(PARALLEL),
        **{name: after[name] - before[name] for name in after},
        "stages": stages(live, uid, timeline),
    }
    live.delete(name)
    wait_until("its pods are gone", lambda: not live.pods(uid), 120)
    return outcome


def operator_counters(live: Live) -> dict[str, float]:
    """Return the operator's own counts: writing calls to the API server, passes, and the processor's seconds that it took."""
    text = live.kubectl(
        "exec",
        "deploy/backfleet-operator",
        "--",
        "python",
        "-c",
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/metrics', timeout=5).read().decode())",
    ).stdout
    names = {
        "writes": "backfleet_api_writes_total",
        "passes": "backfleet_passes_total",
        "cpu_seconds": "process_cpu_seconds_total",
    }
    lines = [line.rpartition(" ") for line in text.splitlines()]
    return {name: sum(float(v) for k, _, v in lines if k.partition("{")[0] == key) for name, key in names.items()}


def stages(live: Live, uid: str, timeline: Timeline) -> dict[str, float]:
    """Return the mean seconds of each stage: the watch's moments, the rows' times (one machine, one clock)."""
    rows = live.psql(
        "SELECT j.index, a.number, extract(epoch FROM a.launched_at), extract(epoch FROM o.recorded_at) "
        "FROM backtest_attempts a JOIN backtest_jobs j ON j.id = a.backtest_id JOIN backtest_outcomes o USING (attempt_id) "
        f"WHERE j.batch_uid = '{uid}'"
    )
    for index, number, launched, recorded in rows:
        timeline.moments[index, number] |= {"launched": float(launched), "recorded": float(recorded)}
    means = {}
    for name, start, end, _ in STAGES:
        spans = [each[end] - each[start] for each in timeline.moments.values() if start in each and end in each]
        means[name] = statistics.mean(spans)
    return means


def exceeded(measured: dict[str, Any], limits: dict[str, float]) -> list[str]:
    """Return the figures above their limit."""
    figures = {
        "ratio_mean": measured["ratio_mean"],
        "refill_p95_s": measured["refill_seconds"]["p95"],
        "api_writes_per_backtest": measured["api_writes_per_backtest"],
    }
    return [f"{name} is {figures[name]}, its limit {limit}" for name, limit in limits.items() if figures[name] > limit]


if __name__ == "__main__":
    sys.exit(main())
