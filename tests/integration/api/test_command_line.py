"""The command line against the real app over real HTTP: what it shows, and every exit code."""

import json
import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from backfleet.core.metrics import METRICS
from backfleet.core.records import BatchRecord
from backfleet_api.app import create_app
from backfleet_api.cluster import NoCluster
from backfleet_api.settings import ApiSettings
from backfleet_client.main import run
from tests.integration.api.conftest import serving
from tests.support.custom_resources import CustomResources
from tests.support.databases import Database
from tests.support.history import History

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def command(api_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the API of this test, as the environment names it."""
    monkeypatch.setenv("BACKFLEET_API_URL", api_url)
    return api_url


@pytest.fixture
def batch(history: History) -> BatchRecord:
    record = history.accept(spec={"maxConcurrent": 1})
    record = history.succeed(record, 0, sharpe_ratio=0.5, drawdown=0.3, total_trades=120)
    record = history.succeed(record, 1, sharpe_ratio=1.25, drawdown=0.1, total_trades=4)
    return history.fail(record, 2)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_batches_are_listed(command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]) -> None:
    header, row = shown(capsys, "batches").splitlines()
    assert header.split()[:3] == ["NAME", "STATE", "PROGRESS"]
    assert row.split()[:7] == ["rsi-small", "running", "3/6", "1", "1", "1", "1.25"]
    assert json.loads(shown(capsys, "batches", "-o", "json"))[0]["batch_id"] == batch.uid
    assert shown(capsys, "batches", "-o", "tsv").splitlines()[1].split("\t")[-1] == batch.uid
    assert shown(capsys, "batches", "--state", "failed") == "no batches\n"


def test_a_batch_is_shown(command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]) -> None:
    fields = dict(line.split(None, 1) for line in shown(capsys, "status", "rsi-small").splitlines())
    assert fields["batch"] == batch.uid
    assert fields["state"] == "running"
    assert fields["best"] == "1.25 at index 1"
    assert fields["rsi_period"] == "14"
    body = json.loads(shown(capsys, "status", batch.uid, "--output", "json"))
    assert body["counts"]["succeeded"] == 2


def test_a_status_says_that_the_database_has_no_volume(
    database: Database, batch: BatchRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ApiSettings(database_url=database.api_url, namespace="backfleet", is_database_lasting=False)
    with serving(create_app(settings, NoCluster())) as url:
        assert run(["status", "rsi-small", "--api-url", url]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("batch")
    assert captured.err.startswith("warning: the evaluation Postgres has no volume: every result is lost")
    assert captured.err.count("\n") == 1


def test_results_are_shown_in_rank(command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]) -> None:
    header, first, second = (line.split() for line in shown(capsys, "results", "rsi-small").splitlines())
    assert header[:5] == ["RANK", "INDEX", "rsi_period", "entry_threshold", "SHARPE_RATIO"]
    assert first[:5] == ["1", "1", "14", "25", "1.25"]
    assert second[:5] == ["2", "0", "14", "0.005", "0.5"]
    assert (first[-2:], second[-2:]) == (["no", "insufficient_trades"], ["yes", "-"])


def test_results_are_cut_ordered_and_filtered(
    command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(shown(capsys, "results", batch.uid, "--top", "1").splitlines()) == 2
    header, row, *_ = shown(capsys, "results", batch.uid, "--order-by", "total_trades").splitlines()
    assert header.split()[4] == "TOTAL_TRADES"
    assert row.split()[4] == "120"
    page = json.loads(shown(capsys, "results", batch.uid, "--passed", "--direction", "minimize", "-o", "json"))
    assert ([r["index"] for r in page["results"]], page["order"]["direction"]) == ([0], "minimize")


def test_results_as_tsv_have_every_metric_in_full(
    command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    header, first, _ = (line.split("\t") for line in shown(capsys, "results", batch.uid, "-o", "tsv").splitlines())
    row = dict(zip(header, first, strict=True))
    assert set(METRICS) <= set(header)
    assert (row["sharpe_ratio"], row["sortino_ratio"], row["backtest_id"]) == ("1.25", "", f"{batch.uid}-1")


def test_a_batch_without_results_is_no_error(
    command: str, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    history.accept("fresh")
    assert shown(capsys, "results", "fresh") == "no results yet\n"
    assert shown(capsys, "results", "fresh", "--passed") == "no results pass\n"


def test_a_backtest_is_shown(command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "backtest", f"{batch.uid}-0")
    assert "sharpe_ratio" in text
    assert "warning: few trades" in text
    assert "the engine's analysis:\n  FlatEquityCurveAnalysis (2 times): The equity is flat. First: []" in text
    failed = shown(capsys, "backtest", f"{batch.uid}-2")
    assert "BacktestTimeout" in failed
    assert json.loads(shown(capsys, "backtest", f"{batch.uid}-5", "-o", "json"))["state"] == "queued"


@pytest.mark.parametrize(("reason", "code"), [("CompletedWithFailures", 0), ("TooManyFailures", 1), ("Cancelled", 1)])
def test_watch_ends_with_the_batch(
    command: str, batch: BatchRecord, history: History, capsys: pytest.CaptureFixture[str], reason: str, code: int
) -> None:
    said = history.finish(batch, reason).finish_message
    lines = shown(capsys, "watch", "rsi-small", code=code).splitlines()
    assert f"({reason}): {said}" in lines[-2]
    assert lines[-1] == "best sharpe_ratio 1.25 at index 1: rsi_period=14 entry_threshold=25"


def test_watch_fails_for_a_refused_batch(
    command: str, cluster: CustomResources, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = [{"type": "Accepted", "status": "False", "reason": "SpecInvalid", "message": "step is 0"}]
    cluster.add(1, "refused", status={"conditions": conditions})
    assert "failed (SpecInvalid): step is 0" in shown(capsys, "watch", "refused", code=1)


def test_watch_writes_one_line_per_change(
    command: str, batch: BatchRecord, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    watching = threading.Thread(target=lambda: codes.append(run(["watch", "rsi-small", "--timeout", "60"])))
    watching.start()
    text = ""
    give_up_at = time.monotonic() + 60
    while "3/6" not in text:
        text += capsys.readouterr().out
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    newer = history.accept()
    history.finish(batch, "CompletedWithFailures")
    watching.join(60)
    lines = (text + capsys.readouterr().out).splitlines()
    assert codes == [0]
    assert newer.uid != batch.uid
    states = [line.split()[1] for line in lines[:-2]]
    assert (states[0], states[-1]) == ("running", "complete")
    assert all(line != after for line, after in pairwise(lines))


def test_watch_gives_up_at_its_timeout(command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "rsi-small", "--timeout", "0.2"]) == 5
    assert "--timeout" in capsys.readouterr().err


def test_watch_outlives_a_short_outage_and_says_so(
    database: Database, batch: BatchRecord, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ApiSettings(database_url=database.api_url, namespace="backfleet")
    codes: list[int] = []
    with serving(create_app(settings, NoCluster())) as url:
        port = int(url.rpartition(":")[2])
        arguments = ["watch", "rsi-small", "--api-url", url, "--timeout", "90"]
        watching = threading.Thread(target=lambda: codes.append(run(arguments)))
        watching.start()
        await_text(capsys, "3/6", "out")
    await_text(capsys, "trying again", "err")
    history.finish(batch, "CompletedWithFailures")
    with serving(create_app(settings, NoCluster()), port):
        watching.join(60)
    assert codes == [0]
    assert "the API answers again" in capsys.readouterr().err


def await_text(capsys: pytest.CaptureFixture[str], wanted: str, stream: str) -> None:
    text, give_up_at = "", time.monotonic() + 60
    while wanted not in text:
        assert time.monotonic() < give_up_at, text
        text += getattr(capsys.readouterr(), stream)
        time.sleep(0.02)


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "none"],
        ["watch", "none"],
        ["results", "none"],
        ["backtest", "00000000-0000-4000-8000-000000000001-0"],
    ],
)
def test_what_is_not_there_is_code_3(command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "no batch has the uid" in refused(capsys, *arguments, code=3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["batches"],
        ["status", "x"],
        ["watch", "x"],
        ["results", "x"],
        ["backtest", "x-1"],
    ],
)
def test_an_api_that_is_not_there_is_code_4_and_names_the_hint(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "--api-url", NOWHERE, *arguments, code=4)
    assert NOWHERE in message
    assert "BACKFLEET_API_URL" in message


def test_a_database_that_is_away_is_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app(ApiSettings(database_url="postgresql://api@127.0.0.1:1/none"), NoCluster())
    with serving(app) as url:
        assert "Postgres does not answer" in refused(capsys, "batches", "--api-url", url, code=4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["unknown"], "No such command"),
        (["status"], "Missing argument"),
        (["results", "x", "--order-by", "beauty"], "beauty"),
        (["results", "x", "--top", "0"], "--top"),
        (["watch", "x", "--timeout", "-1"], "--timeout"),
        (["batches", "--state", "done"], "done"),
        (["batches", "--api-url", "nonsense"], "BACKFLEET_API_URL"),
        (["status", "Not_A_Name"], "batch_id"),
        (["status", "x", "--namespace", "Not_A_Name"], "namespace"),
    ],
)
def test_what_is_wrong_with_the_command_is_code_2(
    command: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, *arguments, code=2)


def test_the_url_on_the_command_wins(command: str, batch: BatchRecord, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--api-url", NOWHERE, "batches"]) == 4
    assert run(["--api-url", NOWHERE, "batches", "--api-url", command]) == 0


def test_hostile_texts_do_not_reach_the_terminal(
    command: str, history: History, capsys: pytest.CaptureFixture[Any]
) -> None:
    batch = history.finish(history.accept("odd"), "NoneSucceeded")
    history.world.rows.overwrite_batch(replace(batch, finish_message="red \x1b[31m and\rover"))
    text = shown(capsys, "watch", "odd", code=1) + shown(capsys, "status", "odd")
    assert text.replace("\n", "").isprintable()
