"""The one tree of errors; core and store raise them, the controller, the API and the command line translate them."""


class BackfleetError(Exception):
    """Something Backfleet knows how to explain."""


class SpecInvalid(BackfleetError):
    """The user's fault and permanent: `field` is the path in the custom resource, the message says what to change."""

    def __init__(self, field: str, problem: str, mend: str) -> None:
        self.field = field
        self.problem = problem
        self.mend = mend
        super().__init__(f"{field}: {problem}; {mend}")


class NotFound(BackfleetError):
    """No such thing; nothing to retry."""


class Conflict(BackfleetError):
    """The thing is in a state that does not allow this, or belongs to somebody else."""


class Unavailable(BackfleetError):
    """Postgres or Kubernetes did not answer in time; the same call may work later."""


class NotMigrated(Unavailable):
    """Postgres answers, but its schema is not there, not this version's, or not ours to read: the migrations mend that."""


class FenceLost(Unavailable):
    """Another operator of this installation took over: this one must not write any more."""
