import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import BacktestRequest, result_to_json
from backfleet.engines.bars.backtest import load_bars, run
from backfleet.engines.bars.main import WARM_UP_AT, main
from backfleet.engines.program import EXIT_ERROR, EXIT_INVALID_COMBINATION, EXIT_NO_DATA, EXIT_OK
from backfleet.engines.reports import read_report
from tests.support.engines import make_request, write_data
from tests.support.packs import command_environment, pack_of, pack_of_all

BY_HAND = [
    *("--strategy", "RSI_MeanReversion_ETF", "--symbol", "AAPL", "--start", "2000-03-01", "--end", "2013-03-01"),
    *("--cash", "1000", "--set", "rsi_period=14", "--set", "entry_threshold=30"),
]
REQUEST = make_request(parameter_texts={"rsi_period": "14", "entry_threshold": "30"})
PACK = pack_of(REQUEST).to_json()


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_pack_in_the_environment_becomes_a_folder_with_a_result(tmp_path: Path) -> None:
    assert main([], environment_of(REQUEST, tmp_path)) == 0
    assert read_json(tmp_path / "0/result.json") == result_to_json(run(REQUEST, load_bars(REQUEST)))
    names = {path.name for path in (tmp_path / "0").iterdir()}
    assert names == {"result.json", "backfleet-exit"}


def environment_of(request: BacktestRequest, folder: Path) -> dict[str, str]:
    return command_environment(pack_of(request), folder)


@pytest.mark.parametrize("value", ["14", "none"], ids=["computed", "invalid"])
def test_what_warms_a_pack_up_changes_no_outcome(tmp_path: Path, value: str) -> None:
    texts = [{"rsi_period": value if place == WARM_UP_AT else "14"} for place in range(1, WARM_UP_AT + 2)]
    pack = pack_of_all(replace(REQUEST, parameter_texts={}), *texts)
    assert main([], command_environment(pack, tmp_path)) == 0
    codes = [read_report(tmp_path / str(position)).exit_code for position in range(len(texts))]
    assert codes == [EXIT_OK if each["rsi_period"] == "14" else EXIT_INVALID_COMBINATION for each in texts]
    results = {(tmp_path / f"{position}/result.json").read_text() for position, code in enumerate(codes) if not code}
    assert len(results) == 1


def test_by_hand_it_computes_the_same_and_prints_a_summary(tmp_path: Path) -> None:
    output = io.StringIO()
    assert main([*BY_HAND, "--results", str(tmp_path / "new")], {}, output) == 0
    assert read_json(tmp_path / "new/result.json") == read_result(tmp_path)
    lines = output.getvalue().splitlines()
    assert lines[0] == "RSI_MeanReversion_ETF on AAPL 2000-03-01..2013-03-01 rsi_period=14 entry_threshold=30"
    assert lines[6].split() == ["total_trades", "40"]
    assert lines[1].split() == ["sharpe_ratio", "0.385494"]


def read_result(tmp_path: Path) -> object:
    main([], environment_of(REQUEST, tmp_path))
    return read_json(tmp_path / "0/result.json")


def test_a_metric_that_is_absent_and_a_warning_are_shown(tmp_path: Path) -> None:
    output = io.StringIO()
    assert main([*BY_HAND, "--set", "entry_threshold=0", "--results", str(tmp_path)], {}, output) == 0
    assert "  warning: zero trades" in output.getvalue().splitlines()
    assert output.getvalue().splitlines()[1].split() == ["sharpe_ratio", "-"]


@pytest.mark.parametrize(
    ("change", "code", "reason", "message"),
    [
        (["--symbol", "NONE"], EXIT_INVALID_COMBINATION, "InvalidCombination", "symbols: expected one symbol for "),
        (["--end", "2000-02-01"], EXIT_NO_DATA, "NoData", "no data for AAPL from 2000-03-01 to 2000-02-01"),
        (
            ["--set", "rsi_period=14.0"],
            EXIT_INVALID_COMBINATION,
            "InvalidCombination",
            "expected a whole number, got '14.0'",
        ),
        (["--set", "typo=1"], EXIT_INVALID_COMBINATION, "InvalidCombination", "unknown parameter 'typo'"),
    ],
    ids=["two symbols", "empty range", "wrong type", "unknown parameter"],
)
def test_a_failure_has_its_exit_code_its_file_and_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], code: int, reason: str, message: str
) -> None:
    assert main([*BY_HAND, *change, "--results", str(tmp_path)], {}, io.StringIO()) == code
    assert capsys.readouterr().err.startswith(f"backfleet-bars: {reason}: ")
    error = read_json(tmp_path / "error.json")
    assert error["reason"] == reason
    assert message in error["message"]
    assert not (tmp_path / "result.json").exists()


def test_damaged_data_is_an_engine_error_that_names_the_file(tmp_path: Path) -> None:
    write_data(tmp_path / "data", "aapl", "garbage\n")
    environment = environment_of(REQUEST, tmp_path) | {"BACKFLEET_DATA_FOLDER": str(tmp_path / "data")}
    assert main([], environment) == EXIT_OK
    assert read_report(tmp_path / "0").exit_code == EXIT_ERROR
    assert "aapl.zip line 1" in read_json(tmp_path / "0/error.json")["message"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '"x"',
        PACK.replace("1000", "much"),
        PACK.replace("2013-03-01", "soon"),
    ],
)
def test_a_bad_pack_names_the_variable(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert main([], {**environment_of(REQUEST, tmp_path), "BACKFLEET_PACK": text}) == EXIT_ERROR
    assert "BACKFLEET_PACK: expected a pack as JSON" in capsys.readouterr().err


def test_a_results_folder_that_cannot_be_made_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([*BY_HAND, "--results", str(tmp_path / "file/folder")], {}, io.StringIO()) == EXIT_ERROR
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--cash", "much"], ["--set", "x"], ["--set", "=1"], ["--start", "soon"], ["--what"]]
)
def test_wrong_options_end_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*BY_HAND, *wrong], {}, io.StringIO())
    assert ended.value.code == 2
    assert "usage: backfleet-bars" in capsys.readouterr().err


def test_the_program_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from backfleet.engines.bars.main import main; code = main([]);"
        "heavy = {'numpy', 'pydantic', 'yaml', 'argparse', 'psycopg2', 'sqlalchemy', 'asyncio', 'kopf'};"
        "heavy |= {'threading', 'zipfile'};"
        "sys.exit(code or ' '.join(heavy & set(sys.modules)) or 0)"
    )
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[3] / "operator"),
        **environment_of(REQUEST, tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "0/result.json").exists()


def test_without_the_wheel_a_missing_index_says_what_to_install(tmp_path: Path) -> None:
    request = make_request("VIX_Market_Timing", symbols=("AAPL", "VIX"))
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[3] / "operator"),
        **environment_of(request, tmp_path),
    }
    # -S leaves out every package that is installed, and the engine needs none.
    program = [sys.executable, "-S", "-m", "backfleet.engines.bars.main"]
    done = subprocess.run(program, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == EXIT_OK
    assert read_report(tmp_path / "0").exit_code == EXIT_NO_DATA
    error = read_json(tmp_path / "0/error.json")
    assert error["reason"] == "NoData"
    assert "expected equity/usa/daily/vix.zip or index/usa/daily/vix.zip" in error["message"]
    assert "pip install 'backfleet[indexes]'" in error["message"]


def test_with_the_wheel_fear_is_traded(tmp_path: Path) -> None:
    arguments = ["--strategy", "VIX_Market_Timing", "--symbol", "SPX", "--symbol", "VIX", "--cash", "100000"]
    arguments += ["--start", "2014-01-03", "--end", "2018-12-31", "--results", str(tmp_path)]
    assert main(arguments, {}, io.StringIO()) == 0
    result = read_json(tmp_path / "result.json")
    assert result["metrics"]["total_trades"] > 5
    assert result["warnings"] == ["a position is still open at the end: it counts in equity, not in trades"]


def test_dates_by_hand_are_inclusive(tmp_path: Path) -> None:
    arguments = [*BY_HAND, "--start", "2000-03-01", "--end", "2000-03-01", "--results", str(tmp_path)]
    assert main(arguments, {}, io.StringIO()) == 0
    assert read_json(tmp_path / "result.json")["equityCurve"] == [[date(2000, 3, 1).isoformat(), 1000.0]]
