"""The engine's version next to every result, and what is said where versions are mixed: in REST and on the command line."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.core.records import BatchRecord
from backfleet_client.main import run
from tests.integration.api.kubernetes import BATCHES
from tests.support.history import History

pytestmark = pytest.mark.postgres

OLD = {"engine": "lean", "engineVersion": "2.5.0.0", "engineImage": "quantconnect/lean:17100"}
NEW = {"engine": "lean", "engineVersion": "2.5.0.0", "engineImage": "quantconnect/lean:17400"}
PSR = "probabilistic_sharpe_ratio"
UNCOMPARABLE = "of excess returns in LEAN since 2026-07-06"


@pytest.fixture
def batch(history: History) -> BatchRecord:
    """Return a batch of LEAN whose two results are of two images."""
    record = history.accept(spec={"engine": {"name": "lean"}})
    for index, provenance in enumerate((OLD, NEW)):
        history.provenance = provenance
        record = history.succeed(record, index, **{PSR: 0.5 + index / 10, "sharpe_ratio": 1.0})
    return record


def get(api: TestClient, path: str, **query: Any) -> Any:
    return api.get(f"{BATCHES}/{path}", params=query).json()


def test_every_result_has_version_and_image(api: TestClient, batch: BatchRecord) -> None:
    results = get(api, f"{batch.uid}/results")["results"]
    assert [(each["engine_version"], each["engine_image"]) for each in results] == [
        ("2.5.0.0", "quantconnect/lean:17100"),
        ("2.5.0.0", "quantconnect/lean:17400"),
    ]
    assert api.get(f"/api/backtests/{batch.uid}-0").json()["result"]["provenance"] == OLD


def test_an_order_by_psr_warns_that_it_mixes_versions_and_another_order_that_figures_may_differ(
    api: TestClient, batch: BatchRecord
) -> None:
    (by_psr,) = get(api, f"{batch.uid}/results", order_by=PSR)["warnings"]
    assert UNCOMPARABLE in by_psr
    assert "2.5.0.0 (quantconnect/lean:17100), 2.5.0.0 (quantconnect/lean:17400)" in by_psr
    (by_sharpe,) = get(api, f"{batch.uid}/results")["warnings"]
    assert by_psr.endswith(by_sharpe)
    assert get(api, batch.uid)["warnings"] == [by_sharpe]


def test_a_batch_of_one_version_has_nothing_to_warn_of(api: TestClient, history: History) -> None:
    history.provenance = NEW
    record = history.succeed(history.accept(spec={"engine": {"name": "lean"}, "objective": {"metric": PSR}}), 0)
    assert (get(api, record.uid)["warnings"], get(api, f"{record.uid}/results")["warnings"]) == ([], [])


def test_the_command_line_shows_versions_and_warnings(
    api_url: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*arguments: str) -> tuple[str, str]:
        assert run([*arguments, "--api-url", api_url]) == 0
        captured = capsys.readouterr()
        return captured.out, captured.err

    table, told = shown("results", batch.uid, "--order-by", PSR)
    assert [line.split()[-3] for line in table.splitlines()] == ["VERSION", "2.5.0.0", "2.5.0.0"]
    assert UNCOMPARABLE in told
    header, first, *_ = shown("results", batch.uid, "--output", "tsv")[0].splitlines()
    row = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    assert (row["engine_version"], row["engine_image"]) == ("2.5.0.0", "quantconnect/lean:17100")
    assert "quantconnect/lean:17400" in shown("backtest", f"{batch.uid}-1")[0]
    assert "figures may differ for that reason alone" in shown("status", batch.uid)[0]
