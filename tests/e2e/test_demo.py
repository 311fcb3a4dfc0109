"""`make demo` and `make demo-down`, as a new user types them."""

import json
import subprocess
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO_SECONDS = 1200


def make(target: str, seconds: int) -> str:
    done = subprocess.run(
        ["make", target], cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"make {target}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_make_demo_runs_two_batches_and_leaves_the_api_to_explore() -> None:
    try:
        said = make("demo", DEMO_SECONDS)
        assert "make demo-down" in said
        assert "kubectl get optimizationbatches" in said
        with urllib.request.urlopen("http://127.0.0.1:8230/api/optimization/batches", timeout=20) as answer:
            batches = {each["name"]: each for each in json.load(answer)["batches"]}
        assert batches["rsi-small"]["counts"]["succeeded"] == 6
        assert batches["sma-crossover"]["counts"]["succeeded"] == 108
    finally:
        make("demo-down", 180)
