"""Criteria edited at any moment, with crashes at any boundary: in the end every verdict is that of the last criteria."""

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.core.criteria import RULES, SuccessCriteria, judge
from backfleet.core.errors import SpecInvalid
from backfleet.core.planning.effects import Effect
from backfleet.core.records import BatchState, StoredCatalog
from backfleet.core.spec.model import parse_criteria
from tests.support.operator import World, batch_spec, result, values

BACKTESTS = 6
BOUNDS = st.sampled_from([0, 0.25, 0.5, 1])
VALID = st.dictionaries(st.sampled_from([rule.wire_name for rule in RULES if rule.field[4:] != "trades"]), BOUNDS)
DECLARED = st.one_of(
    VALID, st.none(), st.sampled_from([{"minTrades": 9, "maxTrades": 5}, {"minSharpe": "x"}, {"a": 1}])
)
METRIC = st.one_of(st.none(), BOUNDS)
METRICS = st.fixed_dictionaries({rule.metric: METRIC for rule in RULES} | {"total_trades": st.integers(0, 9)})


class _CrashError(BaseException):
    """The process is gone between two effects."""


@st.composite
def moves(draw: st.DrawFn) -> list[Callable[[World], None]]:
    """Draw what happens to a world, in order."""
    made = []
    for kind in draw(st.lists(st.sampled_from(["edit", "edit", "settle", "crash", "late", "delete"]), max_size=8)):
        number = draw(st.integers(0, 1))
        match kind:
            case "edit":
                made += [_edit(number, draw(DECLARED)), *[_turn] * draw(st.integers(0, 3))]
            case "settle":
                made.append(_settle(draw(st.lists(METRICS, min_size=1, max_size=4))))
            case "crash":
                made.append(_crash(draw(st.integers(0, 5))))
            case "late":
                made.append(_late)
            case "delete" if draw(st.booleans()):
                made.append(_delete(number))
            case _:
                made.append(_turn)
    return made


def _edit(number: int, declared: object) -> Callable[[World], None]:
    def move(world: World) -> None:
        for uid in sorted(world.cluster.batches)[number : number + 1]:
            world.cluster.edit_batch(uid, successCriteria=declared)

    return move


def _settle(measured: list[dict[str, float | None]]) -> Callable[[World], None]:
    def move(world: World) -> None:
        for job, metrics in zip(world.cluster.active_jobs, measured, strict=False):
            world.record(job, result(**metrics))
        _turn(world)

    return move


def _crash(after: int) -> Callable[[World], None]:
    def move(world: World) -> None:
        left = [after]

        def checkpoint(_: Effect) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise _CrashError

        world.restart(checkpoint)
        with suppress(_CrashError):
            _turn(world)
        world.restart()

    return move


def _delete(number: int) -> Callable[[World], None]:
    def move(world: World) -> None:
        for uid in sorted(world.cluster.batches)[number : number + 1]:
            world.cluster.delete_batch(uid)

    return move


def _late(world: World) -> None:
    world.rows.is_slow = True
    _turn(world)


def _turn(world: World) -> None:
    world.tick(1)
    world.turn()


@settings(max_examples=75, deadline=None)
@given(measured=st.lists(METRICS, min_size=BACKTESTS, max_size=BACKTESTS), happens=moves())
def test_in_the_end_every_verdict_is_by_the_last_valid_criteria(
    measured: list[dict[str, float | None]], happens: list[Callable[[World], None]]
) -> None:
    """One batch has ended, another has begun."""
    world = World()
    world.rows.stale_look = 4
    world.rows.set_catalog(StoredCatalog(default_criteria={"minSharpe": 0.5}))
    ended = world.cluster.add_batch(batch_spec(parameters=values(BACKTESTS)), name="ended")
    _turn(world)
    for metrics in measured:
        _settle([metrics])(world)
    assert world.rows.batches[ended].state is BatchState.FINISHED
    world.cluster.add_batch(batch_spec(parameters=values(BACKTESTS)), name="running")
    _settle(measured[:4])(world)
    for move in happens:
        move(world)
        counters_agree_with_verdicts(world)
    for _ in range(2 * BACKTESTS):
        # Two minutes in all: a batch whose commits were late rests for up to one.
        world.tick(10)
        world.turn()
    in_force(world)
    counters_agree_with_verdicts(world)


def counters_agree_with_verdicts(world: World) -> None:
    for uid, record in world.rows.batches.items():
        settled = [each for key, each in world.rows.results.items() if key[0] == uid]
        assert record.counters.passed == sum(each.passed for each in settled)
        assert record.stale_verdicts == sum(each.criteria_version < record.criteria_version for each in settled)


def in_force(world: World) -> None:
    for (uid, _), settled in world.rows.results.items():
        record = world.rows.batches[uid]
        is_abandoned = uid not in world.cluster.batches and record.state is not BatchState.FINISHED
        if is_abandoned and settled.criteria_version < record.criteria_version:
            continue  # judged once the batch counts as deleted: a minute after it was missed
        verdict = judge(settled.metrics, SuccessCriteria.from_json(record.criteria))
        assert (settled.passed, settled.rejections) == (verdict.passed, verdict.rejections)
        assert settled.criteria_version == record.criteria_version
    for uid, batch in world.cluster.batches.items():
        declared = batch["spec"]["successCriteria"]
        with suppress(SpecInvalid):
            parse_criteria(declared)
            wanted = world.rows.catalog().default_criteria if declared is None else declared
            assert world.rows.batches[uid].criteria == wanted
