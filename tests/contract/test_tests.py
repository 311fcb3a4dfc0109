"""Every test can fail: it asserts something, or calls a helper that does. Files and functions stay short."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("operator", "api", "tests", "hack")
MIGRATIONS = "operator/backfleet/store/migration/versions/"
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 40
CHECK = re.compile("assert_.+|check(_.+)?|wait_.+|raises|validate")
"""The names of helpers that assert; with pytest.raises, and kubernetes_validate.validate, which raises."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> dict[str, ast.Module]:
    """Parse every Python file of the repository, but for migrations, which stay as they were released."""
    listed = ["git", "ls-files", *(f"{folder}/*.py" for folder in CODE)]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    paths = [ROOT / name for name in names if not name.startswith(MIGRATIONS)]
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths if path.is_file()
    }


SOURCES = sources()


def functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def names_called(function: Function) -> set[str]:
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {getattr(call, "attr", getattr(call, "id", "")) for call in calls}


def asserts(test: Function) -> bool:
    is_own = any(isinstance(node, ast.Assert) for node in ast.walk(test))
    return is_own or any(CHECK.fullmatch(name) for name in names_called(test))


def test_every_test_asserts_something() -> None:
    files = {name: tree for name, tree in SOURCES.items() if name.startswith("tests/")}
    tests = [(name, each) for name, tree in files.items() for each in functions(tree) if each.name.startswith("test_")]
    assert len(tests) > 1000
    assert [f"{name}:{each.lineno}: {each.name}" for name, each in tests if not asserts(each)] == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param("def test_a():\n    assert run() == 1", True, id="its own"),
        pytest.param("def test_a():\n    with pytest.raises(ValueError):\n        run()", True, id="an error"),
        pytest.param("def test_a():\n    check_result(run())", True, id="a helper's"),
        pytest.param("def test_a():\n    run()", False, id="none"),
    ],
)
def test_what_counts_as_an_assertion(text: str, is_one: bool) -> None:
    (test,) = functions(ast.parse(text))
    assert asserts(test) is is_one


def test_no_file_has_more_than_300_lines() -> None:
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in SOURCES}
    assert [f"{name}: {length}" for name, length in lengths.items() if length > MOST_LINES_OF_A_FILE] == []


def test_no_function_has_more_than_40_lines() -> None:
    long = [
        f"{name}:{each.lineno}: {each.name}"
        for name, tree in SOURCES.items()
        for each in functions(tree)
        if (each.end_lineno or 0) - each.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []
