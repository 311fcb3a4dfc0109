"""The API's token: made once or given, for the API's own container alone, and the notes say how to read it."""

import base64
from typing import Any

import pytest

from backfleet_api.settings import load_settings
from hack.helm.chart import CHART, render_objects
from tests.support.chart import containers_of, find_object, pods_of, render_notes

NAME = "demo-backfleet-api-token"
URL = "postgresql://api@db/backfleet"


def references(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the Secret and key of the token, by pod and container."""
    return {
        (name, container["name"]): entry["valueFrom"]["secretKeyRef"]
        for name, pod in pods_of(objects).items()
        for container in containers_of(pod)
        for entry in container.get("env", [])
        if entry["name"] == "BACKFLEET_API_TOKEN"
    }


def test_a_token_is_made_that_the_api_takes_and_another_every_time() -> None:
    tokens = []
    for _ in range(2):
        (data,) = find_object(render_objects({}), "Secret", NAME)["data"].items()
        assert data[0] == "token"
        tokens.append(base64.b64decode(data[1]).decode())
        assert load_settings({"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_API_TOKEN": tokens[-1]}).token == tokens[-1]
    assert tokens[0] != tokens[1]
    assert min(map(len, tokens)) >= 32


def test_the_one_that_is_there_is_kept() -> None:
    text = (CHART / "templates" / "api.yaml").read_text()
    kept = text.index('lookup "v1" "Secret" .Release.Namespace (include "backfleet.tokenSecret" .)')
    assert kept < text.index('index (default dict $kept) "token" | default (randAlphaNum')


def test_the_apis_container_alone_has_it() -> None:
    objects = render_objects({})
    assert references(objects) == {("demo-backfleet-api", "api"): {"name": NAME, "key": "token"}}
    assert str(objects).count(NAME) == 2  # the Secret itself, and that reference


@pytest.mark.parametrize("given", [{"existingSecret": "mine"}, {"existingSecret": "mine", "key": "api.key"}])
def test_a_given_secret_is_used_and_none_is_made(given: dict[str, str]) -> None:
    objects = render_objects({"api": {"token": given}})
    wanted = {"name": "mine", "key": given.get("key", "token")}
    assert references(objects) == {("demo-backfleet-api", "api"): wanted}
    assert NAME not in str(objects)


def test_a_key_without_a_secret_does_not_miss_the_one_that_is_made() -> None:
    objects = render_objects({"api": {"token": {"key": "other"}}})
    assert references(objects) == {("demo-backfleet-api", "api"): {"name": NAME, "key": "token"}}


def test_without_the_api_there_is_no_token() -> None:
    objects = render_objects({"api": {"enabled": False}})
    assert references(objects) == {}
    assert "api-token" not in str(objects)


def test_the_notes_say_how_to_read_it() -> None:
    assert f"get secret {NAME} -o jsonpath='{{.data.token}}' | base64 -d" in render_notes({})
    given = render_notes({"api": {"token": {"existingSecret": "mine", "key": "api.key"}}})
    assert "get secret mine -o jsonpath='{.data.api\\.key}' | base64 -d" in given
    assert "BACKFLEET_API_TOKEN" not in render_notes({"api": {"enabled": False}})
