"""Generates docs/custom-resource.md, with every field of OptimizationBatch, from the CRD."""

from collections.abc import Iterator
from typing import Any

import yaml

from hack.helm.chart import CRD, ROOT

EXAMPLE = ROOT / "manifests" / "examples" / "sma-crossover.yaml"

INTRODUCTION = """\
# The custom resource

An `OptimizationBatch` (`backfleet.io/v1alpha1`, short name `ob`) has one strategy, a space of parameters, and
settings for running the backtests and for the verdicts on their results. `make docs` generates this page from
`crds/optimizationbatches.backfleet.io.yaml`; `kubectl explain ob.spec` shows the same. The operator checks what a
schema cannot check, such as an empty space, an unknown strategy or a constraint that no combination meets. It refuses
such a batch within seconds with the conditions `Accepted=False`, `Failed=True` and `Finished=True`, the reason
`SpecInvalid`, and a message that names the field and the fix.

Some fields define the work: strategy, engine, data, parameters, constraints, search and objective. They are fixed
when the operator accepts the batch. A later edit of them has no effect, and the condition `SpecDrift` says so. You
can edit maxConcurrent, backtestsPerJob, suspend, cancel, failurePolicy, ttlSecondsAfterFinished and resources at any
time. You can also edit successCriteria, even after the batch has ended: every result then gets a new verdict, and nothing runs
again ([criteria](criteria.md)). If an edit is not valid, the earlier values stay in force, and `SpecDrift` names the
field and the fix. In that case suspend and cancel still apply.

## An example

```yaml
"""

CONDITIONS = """
## Conditions

| condition | True when | reasons |
| --- | --- | --- |
| Accepted | the operator accepted the batch; Unknown while it counts the combinations that meet the constraints | SpecValid, Counting, SpecInvalid |
| Progressing | a backtest runs or waits to run | BacktestsRunning, WaitingForSlot, WaitingToStart, Counting, Suspended, EngineUnavailable |
| Suspended | spec.suspend is set: nothing new starts | SuspendedByUser, NotSuspended |
| Complete | every backtest has ended, and at least one succeeded | AllSucceeded, CompletedWithFailures |
| Failed | the batch has ended in any other way | SpecInvalid, NeverStarted, RepeatedFailure, TooManyFailures, NoneSucceeded, BatchTimeout, Cancelled |
| Finished | the batch has ended in any way; wait for this condition | as Complete or Failed |
| EngineVersionsMixed | the results come from several versions of the engine; the condition is absent before | SeveralVersions |
| VerdictsCurrent | every result has a verdict by the current criteria; the condition is absent until the criteria are edited | Judged, Judging |
| Warm | warm runs gave what fresh ones gave, as far as they were compared; False: they are off for this batch; absent for a batch without warm runs | NotCheckedYet, ChecksEqual, ResultsDiffer, NoneSucceeded, VersionRefused |
| SpecDrift | an edit has no effect, because the field is fixed or the edit is not valid | EditIgnored |
| NameConflict | a Job with the required name belongs to another owner | ForeignJob |
| EngineUnavailable | the installation does not have the batch's engine; no backtest starts until it is available again | NotConfigured |
| DatabaseUnavailable | Postgres does not answer; no result is lost, and no backtest starts | PostgresUnavailable |

```sh needs-cluster
kubectl wait --for=condition=Finished ob/sma-crossover --timeout=30m
kubectl scale ob/sma-crossover --replicas=8
kubectl patch ob sma-crossover --type=merge -p '{"spec": {"successCriteria": {"minTrades": 10}}}'
kubectl patch ob sma-crossover --type=merge -p '{"spec": {"cancel": true}}'
```
"""  # noqa: E501 - rows of a table


def page() -> str:
    """Return the whole page."""
    schema = yaml.safe_load(CRD.read_text(encoding="utf-8"))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    example = "".join(line for line in EXAMPLE.read_text().splitlines(keepends=True) if not line.startswith("#"))
    parts = [INTRODUCTION, example, "```\n"]
    for name in ("spec", "status"):
        parts.append(f"\n## {name}\n\n| field | type | default and bounds | meaning |\n| --- | --- | --- | --- |\n")
        parts.extend(rows(schema["properties"][name], name))
    return "".join([*parts, CONDITIONS])


def rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Return a row for every field below a schema, parents first."""
    required = set(schema.get("required", []))
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        facts = "; ".join([*(["required"] if name in required else []), *bounds(field)])
        meaning = " ".join(field.get("description", "").split()).replace("|", "\\|")
        yield f"| `{where}` | {kind(field)} | {facts} | {meaning} |\n"
        yield from rows(field, where)
        if isinstance(field.get("items"), dict):
            yield from rows(field["items"], f"{where}[]")


def kind(field: dict[str, Any]) -> str:
    """Return the type of a field in a few words."""
    if field.get("type") == "array":
        return f"list of {kind(field.get('items', {}))}"
    return str(field.get("type", "number, text or bool"))


def bounds(field: dict[str, Any]) -> Iterator[str]:
    """Return the default and the bounds that the API server enforces."""
    if "default" in field:
        yield f"default {field['default']!r}".replace("'", "").replace("|", "\\|")
    if "enum" in field:
        yield "one of " + ", ".join(map(str, field["enum"]))
    words = {"minimum": "from", "maximum": "to", "minLength": "length from", "maxLength": "length to"}
    words |= {"minItems": "items from", "maxItems": "items to"}
    yield from (f"{word} {field[key]:,}" for key, word in words.items() if key in field)
