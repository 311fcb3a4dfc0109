"""The dashboard: a toggle, and panels over metrics and labels that the operator exports."""

import itertools
import json
import re
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import backfleet.controller.prometheus as operator_metrics
from hack.helm.chart import CHART, ROOT, render_objects
from tests.support.chart import find_object

NAME = "demo-backfleet-dashboard"
FILE = CHART / "files" / "dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
COLUMNS = 24


def exported() -> dict[str, set[str]]:
    """Return the labels of each sample by its name, for everything of ours that /metrics can hold."""
    assert operator_metrics.PASSES
    found: dict[str, set[str]] = {}
    for metric in set(REGISTRY._collector_to_names):
        if isinstance(metric, MetricWrapperBase) and metric._name.startswith("backfleet_"):
            assert metric._type is not None
            for suffix in SAMPLES[metric._type]:
                found[f"{metric._name}{suffix}"] = {*metric._labelnames, *({"le"} if suffix == "_bucket" else set())}
    return found


EXPORTED = exported()


def rendered(**dashboards: Any) -> Any:
    values = {"metrics": {"dashboards": {"enabled": True, **dashboards}}}
    return find_object(render_objects(values), "ConfigMap", NAME)


def test_it_is_off_by_default():
    assert NAME not in {each["metadata"]["name"] for each in render_objects({})}


def test_grafanas_sidecar_finds_it_and_labels_and_annotations_are_the_users():
    assert rendered()["metadata"]["labels"]["grafana_dashboard"] == "1"
    meta = rendered(labels={"grafana_dashboard": None, "board": "yes"}, annotations={"folder": "Fleet"})["metadata"]
    assert (meta["labels"]["board"], meta["annotations"]) == ("yes", {"folder": "Fleet"})
    assert "grafana_dashboard" not in meta["labels"]


def test_what_grafana_reads_is_the_file_as_it_is():
    assert {name: json.loads(text) for name, text in rendered()["data"].items()} == {"backfleet.json": DASHBOARD}


@pytest.mark.parametrize(("title", "target"), TARGETS, ids=[f"{title} {target['refId']}" for title, target in TARGETS])
def test_every_panel_asks_for_metrics_and_labels_that_the_operator_exports(title: str, target: dict[str, Any]):
    expression = target["expr"]
    asked = set(re.findall(r"backfleet_\w+", expression))
    assert asked
    assert asked <= set(EXPORTED), title
    labels = set().union(*(EXPORTED[name] for name in asked))
    grouped = {label for group in re.findall(r"by \(([\w, ]+)\)", expression) for label in group.split(", ")}
    assert grouped <= labels, title
    assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= grouped, title
    assert re.findall(r"{([^}]*)}", expression) == ['namespace="$namespace"'] * len(re.findall(r"{", expression))
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)


def test_every_metric_has_a_panel_and_a_line_in_the_documentation():
    shown = {name for _, target in TARGETS for name in re.findall(r"backfleet_\w+", target["expr"])}
    page = (ROOT / "docs" / "deployment.md").read_text()
    for name in EXPORTED:
        family = re.sub("_(bucket|sum|count)$", "", name)
        assert any(each.startswith(family) for each in shown), f"{family} is on no panel"
        assert f"`{family}" in page, f"{family} is not in docs/deployment.md"


def test_counters_are_asked_for_their_rate():
    for title, target in TARGETS:
        for name in re.findall(r"backfleet_\w+(?:_total|_bucket)\b", target["expr"]):
            assert re.search(rf"rate\({name}{{[^}}]*}}\[\$__rate_interval\]\)", target["expr"]), title


def test_it_names_its_data_source_and_namespace_by_variables_that_it_has():
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$(?!__)\{?(\w+)", FILE.read_text())) == set(variables) == {"datasource", "namespace"}
    sources = {json.dumps(each["datasource"]) for panel in PANELS for each in (panel, *panel["targets"])}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    (asked,) = re.findall(r"label_values\((\w+), namespace\)", variables["namespace"]["query"])
    assert asked in EXPORTED


def test_panels_have_ids_words_and_places_of_their_own():
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert all(panel["description"] and panel["type"] in ("stat", "timeseries") for panel in PANELS)
    places = [
        {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
            if 0 <= x < COLUMNS
        }
        for at in (panel["gridPos"] for panel in PANELS)
    ]
    assert [len(place) for place in places] == [panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in PANELS]
    assert not [pair for pair in itertools.combinations(places, 2) if pair[0] & pair[1]]
