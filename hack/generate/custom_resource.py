"""The text of docs/custom-resource.md: every field of OptimizationBatch, from the CRD that defines it."""

from collections.abc import Iterator
from typing import Any

import yaml

from hack.helm.chart import CRD, ROOT

EXAMPLE = ROOT / "manifests" / "examples" / "sma-crossover.yaml"

INTRODUCTION = """\
# The custom resource

`OptimizationBatch` (`backfleet.io/v1alpha1`, short name `ob`): one strategy, a space of parameters, and how it is run and
judged. This page is made from `crds/optimizationbatches.backfleet.io.yaml` by `make docs`; `kubectl explain ob.spec` says the
same. What a schema cannot say (an empty space, an unknown strategy, a constraint that nothing meets, …) is judged by the
operator within seconds: the conditions `Accepted=False`, `Failed=True` and `Finished=True` with reason `SpecInvalid` and a
message that names the field and the hint.

What defines the work (strategy, engine, data, parameters, constraints, search, objective) is fixed at acceptance; a later
edit of it is not in force, and the condition `SpecDrift` says so. maxConcurrent, suspend, cancel, failurePolicy,
ttlSecondsAfterFinished and resources stay editable, and so does successCriteria, after the end of the batch too: every
result is then judged anew, and nothing runs again ([criteria](criteria.md)). An edit that is not valid leaves what was in
force, and `SpecDrift` names the field and the hint; suspend and cancel count all the same.

## An example

```yaml
"""

CONDITIONS = """
## Conditions

| condition | True when | reasons |
| --- | --- | --- |
| Accepted | the batch was taken in; Unknown while constraints are counted | SpecValid, Counting, SpecInvalid |
| Progressing | something runs or waits to | BacktestsRunning, WaitingForSlot, WaitingToStart, Counting, Suspended, EngineUnavailable |
| Suspended | spec.suspend is set: nothing new starts | SuspendedByUser, NotSuspended |
| Complete | every backtest ended, and at least one succeeded | AllSucceeded, CompletedWithFailures |
| Failed | the batch ended otherwise | SpecInvalid, NeverStarted, RepeatedFailure, TooManyFailures, NoneSucceeded, BatchTimeout, Cancelled |
| Finished | the batch ended, however: what to wait for | as Complete or Failed |
| EngineVersionsMixed | results are of several versions of the engine; there once they are | SeveralVersions |
| VerdictsCurrent | every result is judged by the criteria in force; there once they were edited | Judged, Judging |
| SpecDrift | an edit is not in force: of what is fixed, or one that is not valid | EditIgnored |
| NameConflict | a Job of the name that is needed belongs to somebody else | ForeignJob |
| EngineUnavailable | the installation does not have the batch's engine; nothing is launched until it is there again | NotConfigured |
| DatabaseUnavailable | Postgres is away; nothing is lost, nothing new starts | PostgresUnavailable |

```sh needs-cluster
kubectl wait --for=condition=Finished ob/sma-crossover --timeout=30m
kubectl scale ob/sma-crossover --replicas=8
kubectl patch ob sma-crossover --type=merge -p '{"spec": {"successCriteria": {"minTrades": 10}}}'
kubectl patch ob sma-crossover --type=merge -p '{"spec": {"cancel": true}}'
```
"""  # noqa: E501 - rows of a table


def page() -> str:
    """The whole page."""
    schema = yaml.safe_load(CRD.read_text(encoding="utf-8"))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    example = "".join(line for line in EXAMPLE.read_text().splitlines(keepends=True) if not line.startswith("#"))
    parts = [INTRODUCTION, example, "```\n"]
    for name in ("spec", "status"):
        parts.append(f"\n## {name}\n\n| field | type | default and bounds | meaning |\n| --- | --- | --- | --- |\n")
        parts.extend(rows(schema["properties"][name], name))
    return "".join([*parts, CONDITIONS])


def rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    """A row for every field below a schema, parents first."""
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
    """The type in a word."""
    if field.get("type") == "array":
        return f"list of {kind(field.get('items', {}))}"
    return str(field.get("type", "number, text or bool"))


def bounds(field: dict[str, Any]) -> Iterator[str]:
    """What the API server enforces."""
    if "default" in field:
        yield f"default {field['default']!r}".replace("'", "").replace("|", "\\|")
    if "enum" in field:
        yield "one of " + ", ".join(map(str, field["enum"]))
    words = {"minimum": "from", "maximum": "to", "minLength": "length from", "maxLength": "length to"}
    words |= {"minItems": "items from", "maxItems": "items to"}
    yield from (f"{word} {field[key]:,}" for key, word in words.items() if key in field)
