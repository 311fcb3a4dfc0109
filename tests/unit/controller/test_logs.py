"""The operator's log is one JSON object a line."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from backfleet.controller.logs import FIELDS, JsonFormatter, configure_logging


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(stream: io.StringIO) -> Iterator[logging.Logger]:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tests.controller.logs")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.removeHandler(handler)


def test_a_line_has_time_level_logger_message_and_its_fields(logger: logging.Logger, stream: io.StringIO) -> None:
    fields = {name: name.upper() for name in FIELDS}
    logger.warning("job %s refused\nwhy", "a-1", extra={**fields, "secret": "not a field"})
    (line,) = stream.getvalue().splitlines()
    body = json.loads(line)
    assert datetime.fromisoformat(body.pop("time")).tzinfo is not None
    assert body == {"level": "warning", "logger": logger.name, "message": "job a-1 refused\nwhy", **fields}


def test_a_field_that_is_not_given_is_left_out(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.info("hello", extra={"index": 0})
    assert set(json.loads(stream.getvalue())) == {"time", "level", "logger", "message", "index"}


def test_an_error_is_on_the_same_line(logger: logging.Logger, stream: io.StringIO) -> None:
    try:
        int("a bug")
    except ValueError:
        logger.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["error"].splitlines()[-1] == "ValueError: invalid literal for int() with base 10: 'a bug'"


def test_anything_can_be_a_field(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.info("hello", extra={"batch": object})
    assert json.loads(stream.getvalue())["batch"] == str(object)


def test_it_goes_to_stderr_and_kopf_only_from_warnings_up(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    before = (root.level, list(root.handlers), kopf.level)
    monkeypatch.setattr(sys, "stderr", stream)
    try:
        configure_logging("INFO")
        logging.getLogger("backfleet.any").info("ours")
        logging.getLogger("backfleet.any").debug("not this")
        logging.getLogger("kopf.reactor").info("nor this")
        logging.getLogger("kopf.reactor").warning("but this")
    finally:
        root.handlers[:] = before[1]
        root.setLevel(before[0])
        kopf.setLevel(before[2])
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["ours", "but this"]
