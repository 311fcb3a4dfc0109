"""The tutorial as a new user types it: `make demo`, three batches from a search to chosen parameters, `make demo-down`."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")
*STEPS, CLEANUP = re.findall(r"^```sh needs-demo\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
API = "http://127.0.0.1:8230/api/optimization/batches"
DEMO_SECONDS = 1500


def run(script: str, seconds: int) -> str:
    done = subprocess.run(
        ["sh", "-euc", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{script}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def get(path: str) -> Any:
    with urllib.request.urlopen(f"{API}{path}", timeout=20) as answer:
        return json.load(answer)


def sharpe_ratios(batch: str) -> dict[tuple[int, int, float], float]:
    """Return the combinations by fast average, slow average and stop, best first."""
    found = [(each["parameters"]["values"], each["value"]) for each in get(f"/{batch}/results?limit=100")["results"]]
    return {(v["fast_sma"], v["slow_sma"], v["stop_loss_pct"]): round(value, 3) for v, value in found}


def test_the_tutorial_gets_from_make_demo_to_the_parameters_that_it_chooses() -> None:
    run("make demo-down", 180)  # one that an interrupted run left would not be a new user's
    try:
        said = run("".join(STEPS), DEMO_SECONDS)
        assert "make demo-down" in said
        assert "kubectl get optimizationbatches" in said
        batches = {each["name"]: each["counts"]["succeeded"] for each in get("")["batches"]}
        assert batches == {
            "rsi-small": 6,
            "sma-crossover": 108,
            "tutorial-search": 16,
            "tutorial-refine": 15,
            "tutorial-holdout": 15,
        }
        search, refined, held = (sharpe_ratios(f"tutorial-{name}") for name in ("search", "refine", "holdout"))
        assert next(iter(search.items())) == ((50, 200, 0.05), 1.126)
        assert next(iter(refined.items())) == ((50, 150, 0.05), 1.248)
        assert held[50, 150, 0.05] == -0.077
        for ratios, least, most in ((refined, 1.072, 1.126), (held, 0.445, 0.604)):
            of_200 = [value for (_, slow, _), value in ratios.items() if slow == 200]
            assert (min(of_200), max(of_200)) == pytest.approx((least, most))
        assert next(iter(held.items())) == ((35, 200, 0.05), 0.604)
        run(STEPS[0].partition("\n")[2] + CLEANUP, 180)
    finally:
        run("make demo-down", 180)
