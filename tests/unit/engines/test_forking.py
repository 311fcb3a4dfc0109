"""The supervisor of `noop` and `bars`: members in processes of their own, from one warm process, under the real shim."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from backfleet.core.backtests import Failure, Result, result_to_json
from backfleet.core.reasons import FailureReason
from backfleet.engines.bars.backtest import load_bars, run
from backfleet.engines.bars.main import WARM_UP_AT
from backfleet.engines.bars.strategies import STRATEGIES
from backfleet.engines.forking import run_pack
from backfleet.engines.noop import NoopEngine
from backfleet.engines.program import EXIT_ERROR, Parameter
from tests.support.engines import make_request
from tests.support.observer import wait_until
from tests.support.packs import command_environment, pack_of, pack_of_all
from tests.support.shim_runs import SUPERVISORS, run_command, run_supervisor
from tests.unit.engines.test_noop import start

DEFAULTS = {
    "value": "1", "trades": "100", "sleep_seconds": "0", "hang": "no", "allocate_mib": "0", "write_mib": "0",
    "signal": "0", "exit_code": "0", "result": "ok",
}  # fmt: skip
MIXED: list[tuple[Mapping[str, str], int, FailureReason | None]] = [
    ({"value": "2"}, 0, None),
    ({"exit_code": "10"}, 10, FailureReason.NO_DATA),
    ({"signal": "11"}, 139, FailureReason.ENGINE_CRASH),
    ({"hang": "forever"}, 124, FailureReason.BACKTEST_TIMEOUT),
    ({"value": "3"}, 0, None),
    ({"hang": "stubborn"}, 137, FailureReason.BACKTEST_TIMEOUT),
    ({"signal": "9"}, 137, FailureReason.ENGINE_CRASH),
    ({"result": "missing"}, 0, FailureReason.RESULT_MISSING),
    ({"result": "broken"}, 0, FailureReason.RESULT_INVALID),
    ({"result": "huge"}, 0, FailureReason.RESULT_INVALID),
    ({"result": "link"}, 0, FailureReason.RESULT_INVALID),
    ({"write_mib": "3"}, 124, FailureReason.BACKTEST_TIMEOUT),
    ({"value": "nonsense"}, 11, FailureReason.INVALID_COMBINATION),
    ({"exit_code": "1"}, 1, FailureReason.ENGINE_ERROR),
    ({"value": "4"}, 0, None),
]
"""Parameters, exit code and reason of members that follow one another."""


def noop_pack(*parameters: Mapping[str, str]):
    return pack_of_all(make_request("Noop"), *(DEFAULTS | dict(each) for each in parameters))


def test_members_of_a_mixed_pack_end_each_in_their_own_way(tmp_path: Path) -> None:
    pack = noop_pack(*(parameters for parameters, _, _ in MIXED))
    ended = run_supervisor(pack, tmp_path / "results", timeout=5)
    assert (ended.begun, ended.codes) == (len(MIXED), [code for _, code, _ in MIXED])
    endings = [
        NoopEngine().outcome(ended.folder / str(position), request).ending
        for position, request in enumerate(pack.requests)
    ]
    assert [each.reason if isinstance(each, Failure) else None for each in endings] == [reason for *_, reason in MIXED]
    values = [each.metrics["sharpe_ratio"] for each in endings if isinstance(each, Result)]
    assert values == [2, 3, 4]


@pytest.mark.parametrize("parameters", [{"value": "2"}, {"exit_code": "10"}, {"value": "nonsense"}])
def test_a_member_leaves_what_a_process_of_its_own_leaves(tmp_path: Path, parameters: dict[str, str]) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    code = start(alone, DEFAULTS | parameters).wait(30)
    ended = run_supervisor(noop_pack(parameters), tmp_path / "results")
    assert ended.codes == [code]
    written = {path.name: path.read_text() for path in (ended.folder / "0").iterdir() if "backfleet-" not in path.name}
    assert written == {path.name: path.read_text() for path in alone.iterdir()}


def test_words_of_a_member_are_kept_with_it_and_shown_after_its_line(tmp_path: Path) -> None:
    ended = run_supervisor(noop_pack({"value": "bad"}, {"value": "1"}), tmp_path / "results")
    message = "noop: InvalidCombination: parameter value: expected a decimal number, got 'bad'"
    assert ended.words(0) == f"{message}\n"
    assert not (ended.folder / "1/backfleet-stderr").exists()
    assert ended.output.splitlines() == [
        "== backtest 0, attempt 1 (1 of 2)", message, "== backtest 1, attempt 1 (2 of 2)",
    ]  # fmt: skip


def test_no_further_member_begins_once_the_time_is_over(tmp_path: Path) -> None:
    ended = run_supervisor(noop_pack({}, {"sleep_seconds": "4.1"}, {}), tmp_path / "results", seconds=4)
    assert (ended.begun, ended.codes) == (2, [0, 0, None])


def test_a_supervisor_that_dies_is_reported_as_its_member_and_goes_on_after_it(tmp_path: Path) -> None:
    """The program stands for one that dies in the middle: by itself at its second member, for good at its last."""
    code = (
        "import os, sys; from functools import partial; from backfleet.engines.forking import run_pack\n"
        "def prepare(request):\n"
        "    value = request.parameter_texts['value']\n"
        "    if value == 'dies': print('my last words', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)\n"
        "    if value == 'raises': raise RuntimeError('no such thing')\n"
        "    return lambda folder: int(value)\n"
        "sys.exit(run_pack('test', os.environ, prepare))"
    )
    pack = pack_of_all(make_request("Noop"), *({"value": each} for each in ("0", "dies", "5", "raises", "6")))
    ended = run_command(pack, tmp_path / "results", ("-c", code))
    assert (ended.begun, ended.codes) == (5, [0, 137, 5, 1, 6])
    assert ended.words(1) == "my last words\n"
    assert "RuntimeError: no such thing" in ended.words(3)


def test_the_termination_message_is_the_position_of_the_member_that_runs(tmp_path: Path) -> None:
    code = (
        "import os; from backfleet.engines.forking import run_pack\n"
        "log = os.environ['BACKFLEET_TERMINATION_LOG']\n"
        "raise SystemExit(run_pack('test', os.environ, lambda request: lambda folder: int(open(log).read())))"
    )
    pack = pack_of_all(make_request("Noop"), *({"value": str(value)} for value in range(12)))
    ended = run_command(pack, tmp_path / "results", ("-c", code))
    assert ended.codes == list(range(12))
    assert (tmp_path / "termination-log").read_text() == ""


def test_a_command_that_cannot_start_fails_every_member(tmp_path: Path) -> None:
    pack = noop_pack({}, {})
    ended = run_supervisor(pack, tmp_path / "results", BACKFLEET_PACK="{")
    assert (ended.begun, ended.codes) == (2, [1, 1])
    assert "BACKFLEET_PACK: expected a pack as JSON" in ended.words(1)


def test_a_process_that_a_member_leaves_in_its_group_ends_with_it(tmp_path: Path) -> None:
    def prepare(request: object):
        return lambda folder: (folder / "pid").write_text(str(subprocess.Popen(["sleep", "600"]).pid)) and 0

    assert run_pack("test", command_environment(noop_pack({}, {}), tmp_path), prepare) == 0
    for position in (0, 1):
        pid = (tmp_path / str(position) / "pid").read_text()
        wait_until("it is gone", lambda pid=pid: is_gone(pid), 30)


def is_gone(pid: str) -> bool:
    """Report whether a process has ended; nobody may have collected it."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX"


def test_sigterm_ends_the_supervisor_and_its_member(tmp_path: Path) -> None:
    pack = noop_pack({"hang": "stubborn"})
    environment = {**command_environment(pack, tmp_path, timeout=600), "PYTHONPATH": "operator"}
    program = [sys.executable, *SUPERVISORS["noop"]]
    process = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until("the member runs", lambda: children.read_text().strip() != "", 30)
    (member,) = children.read_text().split()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    wait_until("its member is gone", lambda: is_gone(member), 30)


def test_scratch_is_empty_for_every_member(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def prepare(request: object):
        def compute(folder: Path) -> int:
            found = len(os.listdir(scratch))
            (scratch / "deep").mkdir()
            (scratch / "deep/file").touch()
            (scratch / "deep").chmod(0)
            (scratch / "link").symlink_to("/etc/passwd")
            return found

        return compute

    results = tmp_path / "results"
    results.mkdir()
    environment = command_environment(noop_pack({}, {}), results) | {"BACKFLEET_SCRATCH_PATHS": str(scratch)}
    assert run_pack("test", environment, prepare) == 0
    assert [(results / str(position) / "backfleet-exit").read_text().split()[0] for position in (0, 1)] == [
        "code=0"
    ] * 2


@pytest.mark.parametrize(
    "name", ["BACKFLEET_PACK_FIRST", "BACKFLEET_PACK_LEFT_MS", "BACKFLEET_BACKTEST_TIMEOUT_SECONDS"]
)
def test_a_bad_variable_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    environment = command_environment(pack_of(make_request("Noop")), tmp_path) | {name: "-1"}
    assert run_pack("test", environment, lambda request: lambda folder: 0) == EXIT_ERROR
    assert f"test: {name}: expected a whole number, got '-1'" in capsys.readouterr().err


def scaled(parameter: Parameter, step: int) -> str:
    """Return the default, a number a little larger with each step."""
    if parameter.type not in (int, float):
        return parameter.default
    return str(parameter.type(float(parameter.default) * (10 + step) / 10))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_results_of_a_pack_are_bit_by_bit_those_of_packs_of_one(tmp_path: Path, name: str) -> None:
    strategy = STRATEGIES[name]
    is_of_index = name == "VIX_Market_Timing"
    symbols = ("SPX", "VIX") if is_of_index else ("AAPL", "MSFT")[: len(strategy.symbols)]
    days = (date(2014, 1, 3), date(2018, 12, 31)) if is_of_index else None
    request = make_request(name, symbols=symbols, cash="100000", days=days)
    texts = [{each.name: scaled(each, step) for each in strategy.parameters} for step in range(3)]
    if strategy.symbol_parameter:
        texts = [each | {strategy.symbol_parameter: "AAPL"} for each in texts]
    # Often enough for some of them to come after the pack has warmed up.
    times = WARM_UP_AT // len(texts) + 1
    together = run_supervisor(pack_of_all(request, *texts * times), tmp_path / "together")
    assert together.codes == [0] * len(texts) * times
    bodies = []
    for position, each in enumerate(pack_of_all(request, *texts).requests):
        alone = run_supervisor(pack_of(each), tmp_path / f"alone-{position}")
        assert alone.codes == [0], alone.words(0)
        bodies.append((alone.folder / "0/result.json").read_bytes())
        same = [together.folder / str(position + len(texts) * time) / "result.json" for time in range(times)]
        assert {path.read_bytes() for path in same} == {bodies[-1]}
        assert json.loads(bodies[-1]) == json.loads(json.dumps(result_to_json(run(each, load_bars(each)))))
    assert len(set(bodies)) > 1
