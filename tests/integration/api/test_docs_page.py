"""The documentation page: all that it loads comes from the API itself, and its policy allows what it needs and no more."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet_api.app import create_app
from backfleet_api.cluster import NoCluster
from backfleet_api.settings import ApiSettings


class Page(HTMLParser):
    """What a page loads, and what is inline in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = dict(attributes)
        self.loaded += [given[name] for name in ("src", "href") if given.get(name)]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self._tag = tag

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.fixture(scope="module")
def api() -> Any:
    app = create_app(ApiSettings(database_url="postgresql://api@127.0.0.1:1/none"), NoCluster())
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def policy_of(response: Any) -> dict[str, set[str]]:
    directives = (each.split() for each in response.headers["content-security-policy"].split(";"))
    return {name: set(values) for name, *values in directives}


def test_the_page_loads_only_files_of_this_api(api: TestClient) -> None:
    response = api.get("/docs")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(response.text)
    assert page.inline == []
    assert sorted(page.loaded) == [
        "docs/favicon.png",
        "docs/start.js",
        "docs/swagger-ui-bundle.js",
        "docs/swagger-ui.css",
    ]
    sizes = {}
    for path in page.loaded:
        found = api.get(f"/{path}")
        assert found.status_code == 200, path
        assert found.headers["x-content-type-options"] == "nosniff"
        sizes[path] = len(found.content)
    assert sizes["docs/swagger-ui-bundle.js"] > 1_000_000
    assert sizes["docs/swagger-ui.css"] > 100_000
    start = api.get("/docs/start.js").text
    assert 'url: "openapi.json"' in start
    # The bundle looks for its global name, and reports nothing to a validator of others.
    assert "SwaggerUIBundle" in api.get("/docs/swagger-ui-bundle.js").text
    assert "validatorUrl: null" in start
    assert not re.findall(r"url\((?!data:|\"data:|'data:)[^)]*\)", api.get("/docs/swagger-ui.css").text)


def test_the_policy_of_the_page_is_its_own(api: TestClient) -> None:
    policy = policy_of(api.get("/docs"))
    assert policy == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'", "'unsafe-inline'"},
        "img-src": {"'self'", "data:"},
        "connect-src": {"'self'"},
        "frame-ancestors": {"'none'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
    }
    for path in ("/openapi.json", "/docs/start.js", "/health/live"):
        assert policy_of(api.get(path)) == {"default-src": {"'none'"}, "frame-ancestors": {"'none'"}}


@pytest.mark.parametrize(
    "path", ["/redoc", "/docs/", "/docs/none.js", "/docs/..%2f__init__.py", "/docs/%2e%2e", "/docs/redoc.standalone.js"]
)
def test_nothing_else_is_served(api: TestClient, path: str) -> None:
    response = api.get(path, follow_redirects=False)
    assert response.status_code in (404, 307)
    assert "import" not in response.text
    assert api.get("/docs?x=1").status_code == 422
