"""Texts that a person reads are plain English, as docs/development.md says. Docstrings of functions begin with a verb."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "development.md"
FOLDERS = ("operator", "api", "hack", "helm", "crds", "manifests", "configs", "docs", "tests")
ENDINGS = {".py", ".md", ".yaml", ".tpl", ".txt", ".sql", ".sh"}
HISTORY = ("CHANGELOG.md",)
CODE = ("operator", "api", "hack", "tests")
NO_VERB = re.compile(
    "A|All|An|And|At|Best|By|Each|Every|Everything|Five|For|From|How|If|In|It|Kind|Many|Mean|No|None|Nothing|One|Only|Our|"
    "Per|Processor|Quiet|Such|That|The|Their|There|Those|Two|Until|What|When|Where|Whether|Which|Who|Whole|With|Without"
)
"""First words of descriptions. Others are found by their form: a plural or a third person ends in s."""


def words() -> dict[str, str]:
    """Read the list in docs/development.md: the pattern to avoid, and what to write."""
    section = PAGE.read_text(encoding="utf-8").split("## English", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^- `([^`]+)`: (.+)$", section, re.MULTILINE)
    return dict(rows)


def listed(*folders: str) -> list[Path]:
    command = ["git", "ls-files", *folders]
    names = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout.splitlines()
    return [path for name in names if not name.startswith(HISTORY) and (path := ROOT / name).is_file()]


def texts() -> list[Path]:
    return [path for path in listed(*FOLDERS, "*.md") if path.suffix in ENDINGS and path != Path(__file__)]


@pytest.mark.parametrize("pattern", words(), ids=str)
def test_a_word_to_avoid_is_nowhere(pattern: str) -> None:
    avoided = re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if avoided.search(line) and not line.startswith("- `")
    ]
    assert found == [], f"write: {words()[pattern]}"


def test_the_list_is_not_empty_and_would_find_a_word() -> None:
    assert len(words()) >= 5
    assert len(texts()) > 200
    assert any(re.search(rf"\b(?:{pattern})\b", "judge it anew", re.IGNORECASE) for pattern in words())


def begins_with_verb(docstring: str) -> bool:
    word = docstring.split(maxsplit=1)[0].rstrip(".,:;")
    is_word = re.fullmatch("[A-Z][a-z]+", word) is not None
    return is_word and not NO_VERB.fullmatch(word) and (not word.endswith("s") or word.endswith("ss"))


def docstrings(path: Path) -> list[tuple[int, str]]:
    """Return line and docstring of every function in a file, but for properties, and tests, whose names describe them."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("test_")
        and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    return [(node.lineno, text) for node in functions if (text := ast.get_docstring(node))]


def test_a_functions_docstring_begins_with_a_verb() -> None:
    code = [path for path in listed(*CODE) if path.suffix == ".py"]
    read = [(f"{path.relative_to(ROOT)}:{line}", text) for path in code for line, text in docstrings(path)]
    assert len(read) > 500
    found = [f"{where}: {text.splitlines()[0]}" for where, text in read if not begins_with_verb(text)]
    assert found == [], "begin with a verb in the imperative: Return, Raise, Report whether"


@pytest.mark.parametrize(
    "docstring",
    [
        "The number of Jobs.",
        "Returns a Job.",
        "Whether it is held.",
        "`spec` as it is.",
        "JSON for Postgres.",
        "50 rows.",
        "Processor seconds of a pass.",
        "Until the process has ended.",
    ],
)
def test_a_description_does_not_begin_with_a_verb(docstring: str) -> None:
    assert not begins_with_verb(docstring)
    assert begins_with_verb("Return: " + docstring)
