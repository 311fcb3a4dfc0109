"""The OpenAPI document against its snapshot, its examples against its schemas, and the pages against both."""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from backfleet.core.errors import SpecInvalid
from backfleet.core.records import StoredCatalog
from backfleet_api.app import create_app
from backfleet_api.cluster import NoCluster
from backfleet_api.schemas.examples import SUBMITTED
from backfleet_api.schemas.reading import BatchPhase
from backfleet_api.schemas.writing import RunRequest
from backfleet_api.settings import ApiSettings
from backfleet_api.writing.preview import check_batch
from backfleet_api.writing.request_spec import check_sources, requested_spec
from backfleet_client import exits
from backfleet_client.commands import STATES

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("test_openapi_snapshot.json")
UPDATE = "BACKFLEET_UPDATE_SNAPSHOTS"


def build_document() -> dict[str, Any]:
    """Return the document as it is served."""
    app = create_app(ApiSettings(database_url="postgresql://api@127.0.0.1:1/none"), NoCluster())
    with TestClient(app) as client:
        client.get("/openapi.json")
        document: dict[str, Any] = client.get("/openapi.json").json()
    del document["info"]["version"]
    return document


DOCUMENT = build_document()
WITHOUT_EXAMPLES = ("text/plain", "application/octet-stream", "text/csv", "application/vnd.apache.parquet")
ANSWERS = [
    (f"{method.upper()} {path} {status}", media_type, content)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for status, response in operation["responses"].items()
    for media_type, content in response["content"].items()
    if media_type not in WITHOUT_EXAMPLES
]


def test_the_document_is_the_snapshot() -> None:
    text = json.dumps(DOCUMENT, indent=1, sort_keys=True) + "\n"
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), f"an answer changed; if it should: {UPDATE}=1 pytest {Path(__file__).name}"


@pytest.mark.parametrize(("name", "media_type", "content"), ANSWERS, ids=[name for name, _, _ in ANSWERS])
def test_every_answer_has_an_example_that_its_schema_accepts(
    name: str, media_type: str, content: dict[str, Any]
) -> None:
    is_problem = not name.endswith((" 200", " 202")) and not name.startswith("GET /health 503")
    assert media_type == ("application/problem+json" if is_problem else "application/json")
    schema = {"components": DOCUMENT["components"], **content["schema"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(content["example"])
    broken = content["example"] | {"novelty": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(broken)


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert references <= set(DOCUMENT["components"]["schemas"])


def test_whatever_reads_postgres_may_answer_503_with_retry_after() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            assert "422" in operation["responses"]
            if path.startswith("/api"):
                assert "Retry-After" in operation["responses"]["503"]["headers"]


def test_what_writes_needs_the_token_and_nothing_else_does() -> None:
    for methods in DOCUMENT["paths"].values():
        for method, operation in methods.items():
            writes = method != "get"
            assert operation.get("security", []) == ([{"HTTPBearer": []}] if writes else [])
            assert ("401" in operation["responses"]) == writes
            if writes:
                assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
                assert "Location" in operation["responses"]["202"]["headers"]
    assert DOCUMENT["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


BODY = DOCUMENT["paths"]["/api/optimization/run-parallel"]["post"]["requestBody"]["content"]["application/json"]
BODIES = {name: each["value"] for name, each in BODY["examples"].items()}
BODY_SCHEMA = jsonschema.Draft202012Validator({"components": DOCUMENT["components"], **BODY["schema"]})


@pytest.mark.parametrize("name", BODIES)
def test_every_example_of_a_body_is_what_the_route_takes(name: str) -> None:
    BODY_SCHEMA.validate(BODIES[name])
    wanted = requested_spec(RunRequest.model_validate(BODIES[name]), str(ROOT / "configs"))
    assert check_batch(wanted.spec, StoredCatalog()).total == SUBMITTED["total"]
    other: dict[str, object] = {"batch": {}} if name == "batch" else {"config": ""}
    for broken in ({"novelty": 1}, other, {"max_concurrent": 0}, {"name": "Upper"}, {name: None}):
        with pytest.raises(jsonschema.ValidationError):
            BODY_SCHEMA.validate(BODIES[name] | broken)


def test_a_body_has_one_source_and_what_is_for_configs_stands_beside_no_batch() -> None:
    batch, config = BODIES["batch"], BODIES["config"]
    for broken in (batch | config, {"name": "none"}, batch | {"engine": "bars"}, batch | {"symbols": ["A"]}):
        with pytest.raises(jsonschema.ValidationError):
            BODY_SCHEMA.validate(broken)
        with pytest.raises(SpecInvalid):
            check_sources(broken)


def test_the_page_names_every_route_and_state() -> None:
    page = (ROOT / "docs" / "rest.md").read_text()
    for path, methods in DOCUMENT["paths"].items():
        shown = path.replace("{batch_id}", "{batch}").replace("{backtest_id}", "{id}")
        for method in methods:
            assert f"| `{method.upper()} {shown}` |" in page
    for phase in BatchPhase:
        assert f"| `{phase}` |" in page


def test_the_command_line_knows_every_state() -> None:
    assert [phase.value for phase in BatchPhase] == list(STATES)


def test_the_page_of_the_command_line_names_every_exit_code() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    codes = {value for name, value in vars(exits).items() if name.startswith("EXIT_") and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == codes | {0}
