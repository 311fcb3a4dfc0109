"""Makes a batch that was judged, once: a repeated request finds what the first one made. Blocking, for the threads of `calls`."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.errors import Conflict, SpecInvalid
from backfleet.core.spec.batch_names import name_stem
from backfleet.store.passes.strategies import load_catalog
from backfleet_api.cluster import Cluster, ClusterBatch, NewBatch
from backfleet_api.dependencies import Services
from backfleet_api.reading.answers import combination_answer
from backfleet_api.reading.lookup import postgres
from backfleet_api.refusals import NameTaken
from backfleet_api.schemas.writing import Estimate, Preview, PreviewedCombination, RunRequest, Submitted
from backfleet_api.writing.pace import read_pace
from backfleet_api.writing.preview import Judged, judge
from backfleet_api.writing.request_spec import Asked, asked

BATCHES_PATH = "/api/optimization/batches"
RANDOM_NAMES = 3
"""How many random names are tried before the API gives up."""


def preview(services: Services, request: RunRequest) -> Preview:
    """What the batch would be; nothing is created."""
    _place(services, request)
    wanted = asked(request, services.settings.configs_folder)
    judged = _judge(services, wanted)
    accepted = judged.accepted
    return Preview(
        total=judged.total,
        combinations=accepted.space.total,
        counted=judged.counted,
        first=_combination(judged, judged.first),
        last=_combination(judged, judged.last),
        max_concurrent=accepted.spec.max_concurrent,
        estimate=_estimate(services, judged),
        warnings=[*wanted.warnings, *judged.warnings],
    )


def submit(services: Services, request: RunRequest, key: str | None) -> Submitted:
    """Make the batch, or find the one that the same request made before; NameTaken when the name is another's."""
    place = _place(services, request)
    wanted = asked(request, services.settings.configs_folder)
    judged = _judge(services, wanted)
    annotations = {wire.ANNOTATION_REQUEST: digest(wanted.spec)}
    draft = NewBatch(name="", namespace=place, spec=wanted.spec, annotations=annotations)
    try:
        found, is_new = _create(services.cluster, draft, request.name, key)
    except SpecInvalid as error:
        raise wanted.in_request(error) from error
    services.directory.remember(found)
    return Submitted(
        batch_id=found.uid,
        name=found.name,
        namespace=found.namespace,
        total=judged.total,
        max_concurrent=judged.accepted.spec.max_concurrent,
        is_new=is_new,
        status_url=status_url(found.uid),
        warnings=[*wanted.warnings, *judged.warnings],
    )


def status_url(uid: str) -> str:
    """Where the batch's state is read, whatever its name comes to mean later."""
    return f"{BATCHES_PATH}/{uid}"


def digest(spec: Mapping[str, Any]) -> str:
    """Equal for equal specs, whatever the order of their keys."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def name_of_key(key: str) -> str:
    """The one name that an Idempotency-Key stands for."""
    return f"batch-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _judge(services: Services, wanted: Asked) -> Judged:
    with postgres():
        catalog = load_catalog(services.engine)
    try:
        return judge(wanted.spec, catalog)
    except SpecInvalid as error:
        raise wanted.in_request(error) from error


def _place(services: Services, request: RunRequest) -> str:
    """Where the batch is made; SpecInvalid names the watched namespaces when it is none of them."""
    wanted, watched = request.namespace or services.settings.namespace, services.settings.watched
    if wanted not in watched:
        problem = f"the namespace {wanted} is not watched by this installation"
        raise SpecInvalid("namespace", problem, f"give {' or '.join(watched)}")
    return wanted


def _create(cluster: Cluster, draft: NewBatch, name: str | None, key: str | None) -> tuple[ClusterBatch, bool]:
    """Make the draft under a name: the one that was asked for, the key's, or a random one."""
    if name is not None:
        return _create_once(cluster, replace(draft, name=name), "name")
    if key is not None:
        return _create_once(cluster, replace(draft, name=name_of_key(key)), "Idempotency-Key")
    for _ in range(RANDOM_NAMES):
        try:
            free = f"{name_stem(draft.spec['strategy']['name'])}-{secrets.token_hex(3)}"
            return cluster.create_batch(replace(draft, name=free)), True
        except Conflict:
            continue
    raise NameTaken("name", "no free name was found", "give a name")


def _create_once(cluster: Cluster, batch: NewBatch, field: str) -> tuple[ClusterBatch, bool]:
    try:
        return cluster.create_batch(batch), True
    except Conflict as error:
        there = cluster.get_batch(batch.namespace, batch.name)
        ours = batch.annotations[wire.ANNOTATION_REQUEST]
        if there is not None and there.annotations.get(wire.ANNOTATION_REQUEST) == ours:
            return there, False
        hint = "choose another" if field == "name" else "use a new key for another batch"
        problem = f"the name {batch.name} is taken in namespace {batch.namespace} by another batch"
        raise NameTaken(field, problem, hint) from error


def _combination(judged: Judged, index: int | None) -> PreviewedCombination | None:
    if index is None:
        return None
    found = judged.accepted.space.combination(index)
    return PreviewedCombination(index=index, parameters=combination_answer(found))


def _estimate(services: Services, judged: Judged) -> Estimate | None:
    spec = judged.accepted.spec
    if judged.total is None:
        return None
    with postgres():
        pace = read_pace(services.engine, services.settings.realm, spec.strategy.name, spec.engine.name.value)
    if pace is None:
        return None
    rounds = -(-judged.total // spec.max_concurrent)
    return Estimate(
        seconds=round(rounds * pace.seconds_per_backtest, 1),
        seconds_per_backtest=pace.seconds_per_backtest,
        backtests=pace.backtests,
    )
