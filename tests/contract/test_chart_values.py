"""The chart refuses what it cannot honour, before anything is created, and says every value."""

import json
import re
from typing import Any

import helm_python
import pytest
import yaml

from hack.helm.chart import CHART, render_objects

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
# Maps whose keys are the user's.
FREE = {
    "podAnnotations",
    "podLabels",
    "nodeSelector",
    "affinity",
    "requests",
    "limits",
    "recorderLimits",
    "annotations",
    "labels",
    "configs",
}

REFUSED: list[Any] = [
    pytest.param({"operater": {}}, "operater", id="a misspelt section"),
    pytest.param({"operator": {"maxConcurent": 4}}, "maxConcurent", id="a misspelt value"),
    pytest.param({"operator": {"replicas": 2}}, "replicas", id="a second operator"),
    pytest.param({"operator": {"maxConcurrent": 0}}, "maxConcurrent", id="no slot"),
    pytest.param({"operator": {"maxConcurrent": "4"}}, "maxConcurrent", id="a number as text"),
    pytest.param({"operator": {"tickSeconds": 0}}, "tickSeconds", id="a tick of no time"),
    pytest.param({"operator": {"logLevel": "LOUD"}}, "logLevel", id="an unknown log level"),
    pytest.param(
        {"operator": {"podLabels": {"app.kubernetes.io/name": "x"}}}, "app.kubernetes.io/name", id="a selector's label"
    ),
    pytest.param({"watchNamespaces": "lab"}, "watchNamespaces", id="namespaces that are not a list"),
    pytest.param({"watchNamespaces": ["lab", "lab"]}, "watchNamespaces", id="a namespace twice"),
    pytest.param({"watchNamespaces": ["lab-*"]}, "watchNamespaces", id="a pattern of namespaces"),
    pytest.param({"image": {"repository": ""}}, "repository", id="no repository"),
    pytest.param({"image": {"digest": "sha256:abc"}}, "digest", id="a short digest"),
    pytest.param({"image": {"tag": "a b"}}, "tag", id="a tag with a blank"),
    pytest.param({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy", id="an unknown pull policy"),
    pytest.param({"imagePullSecrets": ["pull"]}, "imagePullSecrets", id="a pull secret without its key"),
    pytest.param(
        {"api": {"configs": {"configMap": {"name": "a"}, "secret": {"secretName": "b"}}}}, "configs", id="two sources"
    ),
    pytest.param({"api": {"configs": {"configMap": "a"}}}, "configMap", id="a source by its name alone"),
    pytest.param({"api": {"replicas": -1}}, "replicas", id="fewer than no replicas"),
    pytest.param({"api": {"service": {"type": "ExternalName"}}}, "type", id="an unknown kind of service"),
    pytest.param({"api": {"service": {"port": 70000}}}, "port", id="a port out of range"),
    pytest.param({"engines": {"bars": None, "lean": None}}, "engines", id="no engine at all"),
    pytest.param({"engines": {"Lean": {}}}, "Lean", id="an engine in upper case"),
    pytest.param({"engines": {"bars": {"limits": {}}}}, "limits", id="limits of one engine"),
    pytest.param({"engines": {"bars": {"mounts": [{"name": "d"}]}}}, "mounts", id="a mount without a path"),
    pytest.param({"backtests": {"runAsUser": 0}}, "runAsUser", id="backtests as root"),
    pytest.param({"backtests": {"limits": {"memory": "2 GB"}}}, "memory", id="a bad quantity"),
    pytest.param({"database": {"existingSecret": "A B"}}, "existingSecret", id="a name that no Secret can have"),
    pytest.param({"database": {"url": "postgresql://u:p@h/d"}}, "url", id="a password among the values"),
    pytest.param({"database": {"keys": {"operator": ""}}}, "operator", id="an empty key"),
    pytest.param({"database": {"roles": {"api": "a'; --"}}}, "api", id="a role that needs quotes"),
    pytest.param({"evaluationPostgres": {"runAsUser": 0}}, "runAsUser", id="Postgres as root"),
    pytest.param({"evaluationPostgres": {"image": {"tag": ""}}}, "image", id="Postgres without tag or digest"),
    pytest.param({"metrics": {"serviceMonitor": {"interval": "often"}}}, "interval", id="an interval in words"),
    pytest.param({"metrics": {"dashboards": {"labels": {"a": 1}}}}, "labels", id="a label that is not text"),
    pytest.param({"metrics": {"dashboards": {"folder": "x"}}}, "folder", id="an unknown part of the dashboards"),
    pytest.param({"networkPolicy": {"dnsPeers": []}}, "dnsPeers", id="no DNS, which would mean any"),
    pytest.param({"networkPolicy": {"databasePeers": [{}]}}, "databasePeers", id="an empty peer"),
    pytest.param({"fullnameOverride": "a" * 41}, "fullnameOverride", id="a name too long for its suffixes"),
    pytest.param({"installation": "a" * 201}, "installation", id="an installation id too long"),
]


@pytest.mark.parametrize(("values", "named"), REFUSED)
def test_a_bad_value_is_refused_and_named(values: dict[str, Any], named: str):
    with pytest.raises(helm_python.HelmValuesError, match=re.escape(named)):
        render_objects(values)


def test_global_values_are_let_through():
    assert render_objects({"global": {"team": "research"}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(
            {"evaluationPostgres": {"enabled": False}},
            "expected a database, got none. Set database.existingSecret",
            id="no database at all",
        ),
        pytest.param(
            {"database": {"existingSecret": "db"}},
            "Set evaluationPostgres.enabled=false to use your own Postgres",
            id="two databases",
        ),
        pytest.param(
            {
                "database": {"existingSecret": "db"},
                "evaluationPostgres": {"enabled": False},
                "networkPolicy": {"enabled": True},
            },
            "needs networkPolicy.databasePeers",
            id="a policy that would open Postgres' port to anywhere",
        ),
    ],
)
def test_what_cannot_work_together_fails_with_the_hint(values: dict[str, Any], message: str):
    with pytest.raises(helm_python.HelmError, match=re.escape(message)):
        render_objects(values)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if "allOf" in schema:
        return resolve(schema["allOf"][0])
    return schema


def compare(defaults: dict[str, Any], schema: dict[str, Any], path: str) -> list[str]:
    """Return the paths on which the values and their schema do not agree."""
    properties = schema["properties"]
    wrong = [f"{path}{key}" for key in set(defaults) ^ (set(properties) - {"global"})]
    if schema.get("additionalProperties") is not False:
        wrong.append(f"{path} is open")
    for key in set(defaults) & set(properties):
        if isinstance(defaults[key], dict) and key not in FREE and key != "engines":
            below = resolve(properties[key])
            if key == "resources":
                continue
            wrong += compare(defaults[key], below, f"{path}{key}.")
    return wrong


def test_the_schema_has_every_value_and_no_other():
    assert compare(DEFAULTS, SCHEMA, "") == []


def test_every_part_of_the_schema_is_closed_or_free_on_purpose():
    def open_objects(schema: Any, path: str) -> list[str]:
        if isinstance(schema, list):
            return [found for i, each in enumerate(schema) for found in open_objects(each, f"{path}/{i}")]
        if not isinstance(schema, dict):
            return []
        is_open = "properties" in schema and schema.get("additionalProperties") is not False and "type" in schema
        below = [found for key, each in schema.items() for found in open_objects(each, f"{path}/{key}")]
        return ([path] if is_open else []) + below

    assert open_objects(SCHEMA, "") == []
