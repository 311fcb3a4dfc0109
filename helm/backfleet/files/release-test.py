"""The program of `helm test`: runs a batch of two combinations from creation to results. Exit code 0 means success."""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

NAMESPACE = os.environ["BACKFLEET_NAMESPACE"]
API_URL = os.environ.get("BACKFLEET_TEST_API_URL", "")
DEADLINE = time.monotonic() + float(os.environ["BACKFLEET_TEST_SECONDS"])
CALL_SECONDS = 10
PLACE = {"group": "backfleet.io", "version": "v1alpha1", "namespace": NAMESPACE, "plural": "optimizationbatches"}
BATCH = {
    "apiVersion": "backfleet.io/v1alpha1",
    "kind": "OptimizationBatch",
    "metadata": {"generateName": "helm-test-"},
    "spec": {
        "strategy": {"name": "RSI_MeanReversion_ETF"},
        "engine": {"name": "bars"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2003-03-01", "initialCash": 1000},
        "parameters": [{"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 15, "step": 1}}],
        "objective": {"metric": "sharpe_ratio", "direction": "maximize"},
        "ttlSecondsAfterFinished": 60,
    },
}


def main() -> int:
    """Run the test. Return 0, or 1 with the error as the last line."""
    config.load_incluster_config()
    batches = client.CustomObjectsApi()
    name = ""
    try:
        made = batches.create_namespaced_custom_object(**PLACE, body=BATCH, _request_timeout=CALL_SECONDS)
        name, uid = made["metadata"]["name"], made["metadata"]["uid"]
        say(f"created {name}")
        finished(batches, name)
        if API_URL:
            results(uid)
    except (ApiException, OSError, LookupError, ValueError, TimeoutError, AssertionError) as error:
        say(f"FAILED: {error}")
        return 1
    finally:
        if name:
            delete(batches, name)
    say("PASSED")
    return 0


def finished(batches: client.CustomObjectsApi, name: str) -> None:
    """Wait for the batch's end, and print its progress as it changes."""
    said = ""
    while True:
        batch = batches.get_namespaced_custom_object(**PLACE, name=name, _request_timeout=CALL_SECONDS)
        status = batch.get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", [])}
        seen = f"{status.get('state', 'not seen by the operator yet')}, {status.get('progress', '0/?')} backtests"
        if seen != said:
            said = seen
            say(f"  {seen}")
        if conditions.get("Finished", {}).get("status") == "True":
            end = conditions["Finished"]
            assert (status.get("succeeded"), status.get("failed")) == (2, 0), f"{end['reason']}: {end['message']}"
            return
        if time.monotonic() > DEADLINE:
            waiting = [f"{each['type']} ({each['message']})" for each in conditions.values() if each.get("message")]
            raise TimeoutError(f"the batch did not finish in time. Last seen: {seen} {'; '.join(waiting)}")
        time.sleep(1)


def results(uid: str) -> None:
    """Read and print both ranked results of the API."""
    url = f"{API_URL}/api/optimization/batches/{urllib.parse.quote(uid)}/results"
    with urllib.request.urlopen(url, timeout=CALL_SECONDS) as answer:  # noqa: S310 - the release's own Service
        ranked = json.load(answer)["results"]
    say(f"the API answers {len(ranked)} results")
    for each in ranked:
        say(f"  {each['rank']}. {json.dumps(each['parameters']['values'])}: sharpe_ratio {each['value']}")
    assert len(ranked) == 2, f"expected two results at {url}, got {len(ranked)}"


def delete(batches: client.CustomObjectsApi, name: str) -> None:
    """Delete the batch with its Jobs. A failure is only printed: it does not concern this test."""
    try:
        batches.delete_namespaced_custom_object(
            **PLACE, name=name, propagation_policy="Background", _request_timeout=CALL_SECONDS
        )
        say(f"deleted {name}")
    except (ApiException, OSError) as error:
        say(f"could not delete {name}: {error}")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
