"""The one tree of errors; core and store raise them, the controller, the API and the command line translate them."""


class BackfleetError(Exception):
    """Something Backfleet knows how to explain."""

    @property
    def public(self) -> str:
        """What everybody who may read batches may read of it; the log has all."""
        return str(self)


class SpecInvalid(BackfleetError):
    """The user's fault and permanent: `field` is the path in the custom resource, the message says what to change."""

    others: "tuple[SpecInvalid, ...]" = ()
    """What else was found wrong in the same look; the message says the first alone."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = hint
        super().__init__(f"{field}: {problem}; {hint}")


class NotFound(BackfleetError):
    """No such thing; nothing to retry."""


class Conflict(BackfleetError):
    """The thing is in a state that does not allow this, or belongs to somebody else."""


class Unavailable(BackfleetError):
    """Postgres or Kubernetes did not answer in time; the same call may work later."""


class Busy(Unavailable):
    """Kubernetes answered that it has too much to do: it did nothing, and asks for a pause."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class DatabaseUnavailable(Unavailable):
    """Postgres did not answer, or refused the connection; its own words name host and user, so they are for the log alone."""

    @property
    def public(self) -> str:
        return (
            "Postgres does not answer, or refuses the connection. Nothing that was recorded is lost, and work goes on by "
            "itself when Postgres is back. Check that Postgres runs and that the database URL in the Secret is right; "
            "the log has the answer of Postgres."
        )


class NotMigrated(DatabaseUnavailable):
    """Postgres answers, but its schema is not there, not this version's, or not ours to read: the migrations fix that."""

    @property
    def public(self) -> str:
        return (
            "The database is not migrated to this version, or may not be read. Run backfleet-migrate (restarting the "
            "operator does it); the log has the answer of Postgres."
        )


class ValuesRefused(BackfleetError):
    """Postgres does not take the values, whenever they are offered; the message is its sentence about them."""


class FenceLost(Unavailable):
    """Another operator of this installation took over: this one must not write any more."""


SENTENCE_LIMIT = 500


def sentence_of(error: Exception) -> str:
    """What everybody may read of an error: ours explain themselves, any other is a defect, with its kind and first line."""
    if isinstance(error, BackfleetError):
        return error.public[:SENTENCE_LIMIT]
    first_line = (str(error).splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first_line}; this is a defect of Backfleet: report it with the operator's log"
