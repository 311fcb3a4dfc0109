"""The chart's custom resource definition is the one in crds/."""

import yaml

from hack.helm.chart import CRD, render_objects


def test_it_is_rendered_as_it_is_and_kept_on_uninstall():
    original = yaml.safe_load(CRD.read_text())
    rendered = next(each for each in render_objects({}) if each["kind"] == "CustomResourceDefinition")
    assert rendered["metadata"]["annotations"].pop("helm.sh/resource-policy") == "keep"
    rendered["metadata"]["annotations"] = rendered["metadata"]["annotations"] or None
    original["metadata"].setdefault("annotations", None)
    original["metadata"]["labels"] = {**original["metadata"].get("labels", {}), **rendered["metadata"]["labels"]}
    assert rendered == original


def test_it_can_be_left_to_somebody_else():
    objects = render_objects({"crds": {"install": False}})
    assert not [each for each in objects if each["kind"] == "CustomResourceDefinition"]
