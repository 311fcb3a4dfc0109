"""Every way a command can end has its exit code and output."""

import click
import pytest

from backfleet.core.errors import Conflict, NotFound, SpecInvalid, Unavailable
from backfleet_client import exits
from backfleet_client.client import RequestRefused
from backfleet_client.commands import cli
from backfleet_client.main import main, run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), 3),
        (SpecInvalid("f", "p", "m"), 2),
        (Unavailable("x"), 4),
        (RequestRefused("x"), 6),
        (Conflict("x"), 6),
        (exits.TimedOut("x"), 5),
        (KeyboardInterrupt(), 130),
        (click.UsageError("x"), 2),
        (click.exceptions.Exit(7), 7),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_error_has_its_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setitem(cli.commands, "fail", fail)
    assert run(["fail"]) == code
    assert capsys.readouterr().out == ""


def test_help_and_version_are_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "Exit codes:" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("backfleet ")


def test_every_command_has_an_example_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.commands:
        assert run([name, "-h"]) == 0
        assert f"  backfleet {name}" in capsys.readouterr().out


def test_without_a_command_it_shows_the_help_and_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: backfleet" in capsys.readouterr().err


def test_the_process_ends_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["backfleet", "unknown"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
