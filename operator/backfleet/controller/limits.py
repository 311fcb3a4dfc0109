"""Converts the settings to what the planner needs."""

from collections.abc import Mapping

from backfleet.core import wire
from backfleet.core.planning.observation import Limits
from backfleet.core.spec.ceilings import Ceilings
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.engines.registry import ENGINES
from backfleet.settings import Settings


def available_strategies(settings: Settings) -> dict[str, Mapping[str, StrategyInfo] | None]:
    """Return the strategies of each configured engine, None for an engine that runs any project."""
    return {name: ENGINES[name].strategies() for name in settings.engines}


def limits_of(settings: Settings) -> Limits:
    """Return the settings as the planner's limits."""
    return Limits(
        max_concurrent=settings.max_concurrent,
        max_combinations=settings.max_combinations,
        result_grace_seconds=settings.result_grace_seconds,
        recorder_seconds=settings.recorder.patience_seconds,
        missing_seconds=settings.missing_seconds,
        room_timeout_seconds=settings.room_timeout_seconds,
        never_started_attempts=settings.never_started_attempts,
        recorder_start_seconds=settings.recorder.start_seconds,
        pack_seconds=settings.pods.pack_seconds,
        pack_seconds_of={name: engine.pack_seconds for name, engine in settings.engines.items() if engine.pack_seconds},
        warm_check=_warm_check(settings),
        images={name: engine.image for name, engine in settings.engines.items()},
        usual_seconds={name: usual for name in settings.engines if (usual := ENGINES[name].usual_seconds)},
        image_prefixes=settings.image_prefixes,
        volume_claims=settings.volume_claims,
        has_projects_volume=settings.has_mount(EngineName.LEAN, wire.VOLUME_PROJECTS),
        cpu_ceiling=settings.pods.limits["cpu"],
        memory_ceiling=settings.pods.limits["memory"],
        ceilings=Ceilings(**settings.ceilings.model_dump()),
    )


def _warm_check(settings: Settings) -> int | None:
    """Return how often a warm run is compared with a fresh one; None if the installation allows no warm run."""
    engine = settings.engines.get(EngineName.LEAN)
    return engine.warm.check if engine is not None and engine.warm is not None and engine.warm.enabled else None
