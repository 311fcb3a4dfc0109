"""What a rule decides about one batch, as a value: changes of rows, effects on Jobs, texts, and when to look again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from backfleet.core.changes import RowChange
from backfleet.core.packs import PackKey
from backfleet.core.planning.effects import CreateJob, DeleteJob, Fault, LabelJob, PostEvent
from backfleet.core.planning.observation import SeenJob
from backfleet.core.planning.start import StartProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A Job whose engine has not started, and the problem that was reported."""

    pack_id: str
    job: SeenJob
    problem: StartProblem | None
    silence: StartProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The progress of counting combinations, and how many were found. `is_done` at the end of the space."""

    cursor: int
    found: int
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Why a batch is over."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one rule decides. `join` combines several, and `Draft.after` is the batch after a decision.

    `look_again_at` is never before the pass's time. That time itself means at once.
    """

    changes: tuple[RowChange, ...] = ()
    deletes: tuple[DeleteJob, ...] = ()
    creates: tuple[CreateJob, ...] = ()
    labels: tuple[LabelJob, ...] = ()
    events: tuple[PostEvent, ...] = ()
    waiting: tuple[str, ...] = ()
    """Why live packs wait to start, for the Progressing condition."""
    trials: tuple[Trial, ...] = ()
    unanswered: tuple[PackKey, ...] = ()
    """Packs whose Job may exist, because the API server did not answer its creation."""
    conflict: str | None = None
    recorder_problem: str | None = None
    """Why recorders of the batch do not start, so that it launches nothing more."""
    count: Count | None = None
    next_index: int | None = None
    """The launch cursor, if the search for a combination moved it."""
    launched_at: datetime | None = None
    walked: int = 0
    """The work of walking the parameter space."""
    end: End | None = None
    look_again_at: datetime | None = None
    fault: Fault | None = None
    """Why the rule failed, so that nothing is planned for the batch."""

    @property
    def is_start(self) -> bool:
        """Report whether a pack was started, or tried."""
        return bool(self.changes or self.creates)


NOTHING = Decision()


def join(decisions: Iterable[Decision]) -> Decision:
    """Combine decisions in order. Of fields with one value the last one counts, and the earliest time to look again."""
    made = tuple(each for each in decisions if each is not NOTHING)
    if len(made) < 2:
        return made[0] if made else NOTHING
    return Decision(
        changes=tuple(chain.from_iterable(each.changes for each in made)),
        deletes=tuple(chain.from_iterable(each.deletes for each in made)),
        creates=tuple(chain.from_iterable(each.creates for each in made)),
        labels=tuple(chain.from_iterable(each.labels for each in made)),
        events=tuple(chain.from_iterable(each.events for each in made)),
        waiting=tuple(chain.from_iterable(each.waiting for each in made)),
        trials=tuple(chain.from_iterable(each.trials for each in made)),
        unanswered=tuple(chain.from_iterable(each.unanswered for each in made)),
        conflict=_last(each.conflict for each in made),
        recorder_problem=_last(each.recorder_problem for each in made),
        count=_last(each.count for each in made),
        next_index=_last(each.next_index for each in made),
        launched_at=_last(each.launched_at for each in made),
        walked=sum(each.walked for each in made),
        end=_last(each.end for each in made),
        look_again_at=earliest(each.look_again_at for each in made),
        fault=_last(each.fault for each in made),
    )


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the first of the times, or None if there is none."""
    return min((moment for moment in moments if moment is not None), default=None)


def guarded(step: Callable[[], Decision]) -> Decision:
    """Run a step. An exception is only this batch's fault, and becomes the decision."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - one batch's defect must not stop the others
        return Decision(fault=Fault.of(error))


def _last[Value](values: Iterable[Value | None]) -> Value | None:
    found = None
    for value in values:
        found = found if value is None else value
    return found
