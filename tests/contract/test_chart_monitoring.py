"""Monitoring and disruption: off or on by values, over metrics and labels that exist."""

import re
from typing import Any

import pytest
from prometheus_client import REGISTRY

import backfleet.controller.prometheus as operator_metrics
from hack.helm.chart import render_objects
from tests.support.chart import find_object

MONITORED = {
    "metrics": {"serviceMonitor": {"enabled": True, "labels": {"p": "q"}}, "prometheusRule": {"enabled": True}}
}
NAME = "demo-backfleet-operator-metrics"


def test_nothing_of_it_is_there_by_default():
    assert {each["kind"] for each in render_objects({})} & {"ServiceMonitor", "PrometheusRule"} == set()


def test_the_monitor_finds_the_service_and_the_service_the_operators_port():
    objects = render_objects(MONITORED)
    monitor, service = find_object(objects, "ServiceMonitor", NAME), find_object(objects, "Service", NAME)
    assert monitor["metadata"]["labels"]["p"] == "q"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,), (port,) = monitor["spec"]["endpoints"], service["spec"]["ports"]
    assert endpoint == {"port": port["name"], "path": "/metrics", "interval": "30s"}
    template = find_object(objects, "Deployment", "demo-backfleet-operator")["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert port["targetPort"] in {each["name"] for each in template["spec"]["containers"][0]["ports"]}


def test_alerts_ask_for_metrics_that_the_operator_has():
    assert operator_metrics.PASSES
    known = {sample for each in REGISTRY.collect() for sample in (each.name, f"{each.name}_total")}
    (group,) = find_object(render_objects(MONITORED), "PrometheusRule", NAME)["spec"]["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"backfleet_\w+", rule["expr"])}
    assert len(asked) == len(group["rules"]) == 5
    assert asked <= known


@pytest.mark.parametrize(
    ("api", "is_there"),
    [
        pytest.param({}, False, id="one replica"),
        pytest.param({"replicas": 2}, True, id="two replicas"),
        pytest.param({"replicas": 2, "podDisruptionBudget": {"enabled": False}}, False, id="switched off"),
        pytest.param({"replicas": 2, "enabled": False}, False, id="no API"),
    ],
)
def test_a_budget_guards_an_api_of_several_replicas(api: dict[str, Any], is_there: bool):
    budgets = [each for each in render_objects({"api": api}) if each["kind"] == "PodDisruptionBudget"]
    assert bool(budgets) is is_there
    for each in budgets:
        assert (each["metadata"]["name"], each["spec"]["maxUnavailable"]) == ("demo-backfleet-api", 1)
        assert each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] == "api"
