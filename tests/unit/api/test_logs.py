"""One JSON object a line."""

import json
import logging
import sys

import pytest

from backfleet_api.logs import FIELDS, JsonFormatter, configure_logging


def record(**more: object) -> logging.LogRecord:
    made = logging.LogRecord("name", logging.INFO, "file", 1, "said %s", ("this",), None)
    made.__dict__.update(more)
    return made


def test_a_line_has_the_message_and_the_fields() -> None:
    line = json.loads(JsonFormatter().format(record(**{FIELDS: {"status": 200}})))
    assert {"level": "info", "logger": "name", "message": "said this", "status": 200}.items() <= line.items()


def test_a_traceback_stays_on_its_line() -> None:
    try:
        int("broken\nin two")
    except ValueError:
        text = JsonFormatter().format(record(exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "ValueError: invalid literal" in json.loads(text)["traceback"]


def test_every_logger_writes_json_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logging()
        logging.getLogger("uvicorn.error").info("hello")
    finally:
        root.handlers[:], root.level = before, level
    assert json.loads(capsys.readouterr().err)["message"] == "hello"
