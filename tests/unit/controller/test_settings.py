"""The operator's settings: what is taken, and what an error says."""

import json
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.settings import ENV_DATABASE_URL, ENV_NAMESPACE, ENV_SETTINGS_FILE, load_settings

URL = "postgresql://operator@db/backfleet"
BODY: dict[str, Any] = {
    "installation": "research/backfleet",
    "namespaces": ["research"],
    "engines": {"bars": {"image": "backfleet:1"}},
    "recorder": {"image": "backfleet:1", "secretName": "backfleet-recorder"},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def environment(path: Path, body: Any = None) -> dict[str, str]:
    path.write_text(body if isinstance(body, str) else json.dumps(BODY if body is None else body))
    return {ENV_SETTINGS_FILE: str(path), ENV_DATABASE_URL: URL}


def test_they_are_read_with_their_defaults(path: Path) -> None:
    settings, url = load_settings(environment(path, {**BODY, "maxConcurrent": 9, "pods": {"nodeSelector": {"a": "b"}}}))
    assert url == URL
    assert (settings.installation, settings.namespaces, settings.max_concurrent) == (
        BODY["installation"],
        ("research",),
        9,
    )
    assert (settings.tick_seconds, settings.health_port, settings.missing_seconds) == (15.0, 8080, 60)
    assert settings.engines["bars"].image_pull_policy == "IfNotPresent"
    assert settings.pods.node_selector == {"a": "b"}
    assert settings.recorder.secret_key == "recorder-url"


def test_the_namespace_may_come_from_the_pod_and_the_file_wins(path: Path) -> None:
    without = {key: value for key, value in BODY.items() if key != "namespaces"}
    assert load_settings(environment(path, without) | {ENV_NAMESPACE: "prod"})[0].namespaces == ("prod",)
    assert load_settings(environment(path) | {ENV_NAMESPACE: "prod"})[0].namespaces == ("research",)


@pytest.mark.parametrize("name", [ENV_SETTINGS_FILE, ENV_DATABASE_URL])
@pytest.mark.parametrize("value", [pytest.param(None, id="missing"), pytest.param("", id="empty")])
def test_a_missing_variable_is_named(path: Path, name: str, value: str | None) -> None:
    given = environment(path)
    given.pop(name)
    with pytest.raises(SpecInvalid, match=rf"^{name}: expected .*, got nothing\. Set it") as caught:
        load_settings(given if value is None else {**given, name: value})
    assert caught.value.field == name


@pytest.mark.parametrize("body", [pytest.param('{"installation": ', id="half a file"), pytest.param("", id="empty")])
def test_a_file_that_is_no_json_is_named(path: Path, body: str) -> None:
    with pytest.raises(SpecInvalid, match=rf"^{ENV_SETTINGS_FILE}: expected a JSON file: .*\. Fix {path}\.$"):
        load_settings(environment(path, body))


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(SpecInvalid, match=f"No such file.*{path.name}"):
        load_settings({ENV_SETTINGS_FILE: str(path), ENV_DATABASE_URL: URL})


def test_a_file_that_is_no_text_is_named(path: Path) -> None:
    given = environment(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecInvalid, match=ENV_SETTINGS_FILE):
        load_settings(given)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        pytest.param({**BODY, "maxConcurent": 4}, "maxConcurent", id="an unknown key"),
        pytest.param({**BODY, "pods": {"nodeSelectr": {}}}, "pods.nodeSelectr", id="an unknown key inside"),
        pytest.param({**BODY, "maxConcurrent": "many"}, "maxConcurrent", id="a wrong type"),
        pytest.param({**BODY, "maxConcurrent": 0}, "maxConcurrent", id="too small"),
        pytest.param({**BODY, "tickSeconds": 301}, "tickSeconds", id="too large"),
        pytest.param({**BODY, "healthPort": 0}, "healthPort", id="no port"),
        pytest.param({**BODY, "installation": ""}, "installation", id="empty"),
        pytest.param({**BODY, "engines": {"bars": {}}}, "engines.bars.image", id="a key is missing inside"),
        pytest.param({**BODY, "recorder": {"image": "i"}}, "recorder.secretName", id="no secret"),
        pytest.param({k: v for k, v in BODY.items() if k != "namespaces"}, "namespaces", id="no namespace"),
        pytest.param({**BODY, "namespaces": []}, "namespaces", id="none of the namespaces"),
        pytest.param({**BODY, "namespaces": ["a", "b", "a"]}, "namespaces", id="a namespace twice"),
        pytest.param({**BODY, "namespaces": ["a", "All"]}, "namespaces[1]", id="a name that no namespace has"),
        pytest.param([], "settings", id="no object"),
    ],
)
def test_a_bad_value_is_named_with_the_file(path: Path, body: Any, key: str) -> None:
    with pytest.raises(SpecInvalid, match=rf"The file is {path} \(the chart's values\)\.$") as caught:
        load_settings(environment(path, body))
    assert caught.value.field == key


def test_a_url_with_its_password_is_in_no_error(path: Path) -> None:
    given = environment(path, {**BODY, "maxConcurrent": 0}) | {ENV_DATABASE_URL: "postgresql://u:hidden@db/x"}
    with pytest.raises(SpecInvalid) as caught:
        load_settings(given)
    assert "hidden" not in str(caught.value)
