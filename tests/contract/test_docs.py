"""Every command block in the README and the docs is tagged; `run` blocks run, the others name what exists."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from backfleet_client.main import cli

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for page in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("h*/*/README.md")]
    if "CHANGELOG" not in page.name
)
SHELL = ("sh", "bash", "shell", "console")
NEEDS = re.compile(r"needs-[a-z]+")
RUN_BY_ANOTHER_TEST = {"make demo": "tests/e2e/test_demo.py", "make test": ".ci/run"}
RUN_SECONDS = 120


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        joined = self.text.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


def blocks() -> Iterator[Block]:
    for page in PAGES:
        fence = re.compile(r"^```(\w*) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        text = page.read_text(encoding="utf-8")
        for found in fence.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(str(page.relative_to(REPOSITORY)), line, *found.groups())


COMMANDS = [block for block in blocks() if block.language in SHELL]
RUN = [b for b in COMMANDS if b.tag == "run" and not any(c in RUN_BY_ANOTHER_TEST for c in b.commands)]


def test_there_are_pages_and_commands() -> None:
    assert REPOSITORY / "README.md" in PAGES
    assert len(COMMANDS) >= 5
    assert RUN


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_every_command_block_is_tagged(block: Block) -> None:
    assert block.tag in ("run", "exists") or NEEDS.fullmatch(block.tag)


@pytest.mark.parametrize("command", RUN_BY_ANOTHER_TEST)
def test_what_another_test_runs_is_run_there(command: str) -> None:
    assert command in (REPOSITORY / RUN_BY_ANOTHER_TEST[command]).read_text()


@pytest.mark.parametrize("block", RUN, ids=str)
def test_run_blocks_run(block: Block, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", block.text],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def words_of(command: str) -> list[str]:
    """Return the words of the first program in a command line, without assignments, pipes and redirections."""
    if command.startswith("export "):
        command = re.sub(r"^export \w+=(\$\((.*)\)|.*)$", r"\2", command)
    head = re.split(r"\s(?:\||>|&&|#)\s?", command)[0]
    words = shlex.split(head, comments=True)
    while words and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", words[0]):
        words.pop(0)
    return words


@pytest.mark.parametrize("block", [b for b in COMMANDS if b.tag != "run"], ids=str)
def test_other_blocks_name_what_exists(block: Block) -> None:
    for command in block.commands:
        words = words_of(command)
        if words:
            check_program(Path(words[0]).name, words)


def check_program(program: str, words: list[str]) -> None:
    match program:
        case "make":
            targets = set(re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
            known = {name for line in targets for name in line.split()}
            assert {word for word in words[1:] if "=" not in word} <= known
        case "backfleet":
            check_command_line(words[1:])
        case "python" | "python3" if words[1] == "-m":
            assert words[2] == "pytest"
            assert all((REPOSITORY / word).exists() for word in words[3:] if word.startswith("tests/"))
        case "python" | "python3":
            assert (REPOSITORY / words[1]).exists()
            check_help(words)
        case "pip":
            project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
            assert words[1:] in [["install", f"backfleet[{extra}]"] for extra in project["optional-dependencies"]]
        case _ if program.startswith("backfleet-"):
            assert (Path(sys.executable).parent / program).exists()
        case _:
            assert program in {
                "kubectl",
                "curl",
                "helm",
                "docker",
                "kind",
                "git",
                "apt-get",
                "cd",
                "psql",
                "cat",
                "less",
                "tail",
            }


def check_command_line(words: list[str]) -> None:
    """Check that the command line has the subcommand and each of its flags."""
    command: click.Command = cli
    for word in words:
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
    flags = {option for each in (command, cli) for parameter in each.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags | {"--help", "--version"}


def check_help(words: list[str]) -> None:
    """Check that a subcommand of a tool under hack/ answers --help and has the flags."""
    done = subprocess.run(
        [sys.executable, *words[1:3], "--help"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    flags = {word.partition("=")[0] for word in words[3:] if word.startswith("--")}
    assert all(flag in done.stdout for flag in flags)
