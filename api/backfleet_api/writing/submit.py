"""Creates a valid batch once: a repeated request finds the batch of the first. Blocking."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.errors import Conflict, SpecInvalid
from backfleet.core.spec.batch_names import name_stem
from backfleet.store.tables.strategies import load_catalog
from backfleet_api.cluster import BatchCluster, ClusterBatch, NewBatch
from backfleet_api.dependencies import Services
from backfleet_api.reading.answers import combination_answer
from backfleet_api.reading.lookup import postgres
from backfleet_api.refusals import NameTaken
from backfleet_api.schemas.writing import Estimate, Preview, PreviewedCombination, RunRequest, Submitted
from backfleet_api.writing.pace import read_pace
from backfleet_api.writing.preview import CheckedBatch, check_batch
from backfleet_api.writing.request_spec import RequestedSpec, requested_spec

BATCHES_PATH = "/api/optimization/batches"
RANDOM_NAMES = 3
"""The most random names to try."""


def preview(services: Services, request: RunRequest) -> Preview:
    """Describe the batch that the request would create. Create nothing."""
    _place(services, request)
    wanted = requested_spec(request, services.settings.configs_folder)
    checked = _check(services, wanted)
    accepted = checked.accepted
    return Preview(
        total=checked.total,
        combinations=accepted.space.total,
        counted=checked.counted,
        first=_combination(checked, checked.first),
        last=_combination(checked, checked.last),
        max_concurrent=accepted.spec.max_concurrent,
        estimate=_estimate(services, checked),
        warnings=[*wanted.warnings, *checked.warnings],
    )


def submit(services: Services, request: RunRequest, key: str | None) -> Submitted:
    """Create the batch, or find the one that an equal request created. Raise NameTaken if another batch has the name."""
    place = _place(services, request)
    wanted = requested_spec(request, services.settings.configs_folder)
    checked = _check(services, wanted)
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
        total=checked.total,
        max_concurrent=checked.accepted.spec.max_concurrent,
        is_new=is_new,
        status_url=status_url(found.uid),
        warnings=[*wanted.warnings, *checked.warnings],
    )


def status_url(uid: str) -> str:
    """Return the path of the batch's state. It stays right when another batch takes the name."""
    return f"{BATCHES_PATH}/{uid}"


def digest(spec: Mapping[str, Any]) -> str:
    """Return a hash that is equal for equal specs, whatever the order of their keys."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def name_of_key(key: str) -> str:
    """Return the name that belongs to an Idempotency-Key."""
    return f"batch-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _check(services: Services, wanted: RequestedSpec) -> CheckedBatch:
    with postgres():
        catalog = load_catalog(services.engine)
    try:
        return check_batch(wanted.spec, catalog)
    except SpecInvalid as error:
        raise wanted.in_request(error) from error


def _place(services: Services, request: RunRequest) -> str:
    """Return the namespace for the batch. SpecInvalid names the watched namespaces if it is not one of them."""
    wanted, watched = request.namespace or services.settings.namespace, services.settings.watched
    if wanted not in watched:
        problem = f"this installation does not watch the namespace {wanted}"
        raise SpecInvalid("namespace", problem, f"use {' or '.join(watched)}")
    return wanted


def _create(cluster: BatchCluster, draft: NewBatch, name: str | None, key: str | None) -> tuple[ClusterBatch, bool]:
    """Create the draft under a name: the requested one, the key's, or a random one."""
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
    raise NameTaken("name", "found no free name", "write a name")


def _create_once(cluster: BatchCluster, batch: NewBatch, field: str) -> tuple[ClusterBatch, bool]:
    try:
        return cluster.create_batch(batch), True
    except Conflict as error:
        there = cluster.get_batch(batch.namespace, batch.name)
        ours = batch.annotations[wire.ANNOTATION_REQUEST]
        if there is not None and there.annotations.get(wire.ANNOTATION_REQUEST) == ours:
            return there, False
        hint = "choose another name" if field == "name" else "use a new key for another batch"
        problem = f"the name {batch.name} is taken in namespace {batch.namespace} by another batch"
        raise NameTaken(field, problem, hint) from error


def _combination(checked: CheckedBatch, index: int | None) -> PreviewedCombination | None:
    if index is None:
        return None
    found = checked.accepted.space.combination(index)
    return PreviewedCombination(index=index, parameters=combination_answer(found))


def _estimate(services: Services, checked: CheckedBatch) -> Estimate | None:
    spec = checked.accepted.spec
    if checked.total is None:
        return None
    with postgres():
        pace = read_pace(services.engine, services.settings.realm, spec.strategy.name, spec.engine.name.value)
    if pace is None:
        return None
    rounds = -(-checked.total // spec.max_concurrent)
    return Estimate(
        seconds=round(rounds * pace.seconds_per_backtest, 1),
        seconds_per_backtest=pace.seconds_per_backtest,
        backtests=pace.backtests,
    )
