"""Reads the body of a request as JSON. The bytes are not trusted: size, time and nesting are bounded, parsing is strict."""

import asyncio
import json
import math
from typing import Any, NoReturn

from fastapi import Request
from starlette.requests import ClientDisconnect

from backfleet_api.refusals import BodyOfAnotherKind, BodyTooLarge, BodyTooSlow, BodyUnreadable

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 5.0
MAX_DEPTH = 32
"""The deepest nesting allowed. A spec has 5 levels; recursive code copes with far more than this."""

_FIELD = "body"
_HINT = "send one JSON object in UTF-8. See /openapi.json for its fields"


async def read_json(request: Request, seconds: float = BODY_SECONDS) -> Any:  # noqa: ANN401 - any JSON
    """Read the body as JSON. Raise a kind of SpecInvalid if it is not readable or not JSON."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        given = repr(kind[:60]) if kind else "none"
        hint = "send Content-Type: application/json"
        raise BodyOfAnotherKind(_FIELD, f"expected Content-Type application/json, got {given}", hint)
    try:
        async with asyncio.timeout(seconds):
            return parse_json(await _read_bytes(request))
    except TimeoutError as error:
        raise BodyTooSlow(
            _FIELD, f"the body did not arrive within {seconds:g} s", "send the whole body without a pause"
        ) from error
    except ClientDisconnect as error:
        raise BodyUnreadable(_FIELD, "the connection ended before the body did", _HINT) from error


def parse_json(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Parse strict JSON: no NaN or infinity, no repeated key, no lone surrogate, bounded nesting."""
    try:
        body = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_parse_float,
            object_pairs_hook=_parse_object,
        )
    except BodyUnreadable:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except UnicodeDecodeError as error:
        raise BodyUnreadable(_FIELD, f"byte {error.start} is not UTF-8", _HINT) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BodyUnreadable(_FIELD, f"not JSON: {error.msg} at {where}", _HINT) from error
    except ValueError as error:
        # Python refuses to read integers of thousands of digits.
        raise BodyUnreadable(_FIELD, "the body has a number of thousands of digits", _HINT) from error
    _check(body, 1)
    return body


async def _read_bytes(request: Request) -> bytes:
    promised = request.headers.get("Content-Length", "")
    if promised.isdecimal() and int(promised) > MAX_BODY_BYTES:
        raise _too_large()
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(content)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        _FIELD, f"expected at most {MAX_BODY_BYTES} bytes, got more", "use ranges instead of long lists of values"
    )


def _too_deep() -> BodyUnreadable:
    return BodyUnreadable(_FIELD, f"expected at most {MAX_DEPTH} levels of nesting, got more", _HINT)


def _refuse_constant(name: str) -> NoReturn:
    raise BodyUnreadable(_FIELD, f"{name} is not a JSON number", "write a finite number, or null")


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BodyUnreadable(_FIELD, f"{text[:40]} is too large", "write a number below 1e+308")
    return number


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BodyUnreadable(_FIELD, f"the key {name[:40]!a} is repeated", "write each key once")
        found[name] = value
    return found


def _check(value: Any, depth: int) -> None:  # noqa: ANN401 - any JSON
    if depth > MAX_DEPTH:
        raise _too_deep()
    match value:
        case str():
            _check_text(value)
        case dict():
            for name, each in value.items():
                _check_text(name)
                _check(each, depth + 1)
        case list():
            for each in value:
                _check(each, depth + 1)


def _check_text(text: str) -> None:
    """Raise BodyUnreadable for half of a surrogate pair: it cannot be written to an answer, a log or Kubernetes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BodyUnreadable(_FIELD, "a text has half of a surrogate pair", "send the whole character") from error
