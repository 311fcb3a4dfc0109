"""The page's files over HTTP. What a browser makes of them is tested in tests/page."""

import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backfleet.core.criteria import RULES
from backfleet.core.metrics import METRICS
from backfleet_api.page.files import STATIC, PageFiles
from backfleet_api.page.routes import POLICY, build_router

SCRIPT = "export const here = 1;\n"


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    (tmp_path / "preact.js").write_text(SCRIPT)
    return tmp_path


def served(vendor: Path) -> TestClient:
    app = FastAPI()
    app.include_router(build_router(PageFiles(vendor=vendor)))
    return TestClient(app)


def test_the_page_and_its_files_are_served_below_one_policy(vendor: Path) -> None:
    client = served(vendor)
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    assert "default-src 'self'" in POLICY
    assert "unsafe" not in POLICY
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) >= 5
    for address in addresses:
        assert not re.match(r"/|[a-z]+:", address), "it does not work below a path"
        if "vendor" not in address:
            assert client.get(f"/{address}").status_code == 200, address
    assert client.get("/page/vendor/preact.js").text == SCRIPT


def test_a_known_file_is_not_sent_again(vendor: Path) -> None:
    client = served(vendor)
    first = client.get("/page/app/main.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    again = client.get("/page/app/main.js", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/page/app/main.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_without_its_libraries_it_says_what_to_run(tmp_path: Path) -> None:
    answer = served(tmp_path / "none").get("/")
    assert answer.status_code == 503
    assert "make vendor" in answer.text


@pytest.mark.parametrize(
    "path", ["nothing.js", "../routes.py", "..%2froutes.py", "app", "vendor/../../routes.py", "%00"]
)
def test_no_other_file_is_served(api: TestClient, path: str) -> None:
    answer = api.get(f"/page/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_app_serves_the_icon_and_its_facts(api: TestClient) -> None:
    assert api.get("/favicon.ico").content == (STATIC / "favicon.svg").read_bytes()
    facts = json.loads(api.get("/page/facts.json").content)
    assert [each["name"] for each in facts["metrics"]] == list(METRICS)
    assert [each["name"] for each in facts["criteria"]] == [rule.wire_name for rule in RULES]
    assert {each["name"]: each["is_better_high"] for each in facts["metrics"]}["drawdown"] is False
