"""All errors. Core and store raise them; the controller, the API and the command line translate them."""

import re


def as_sentence(text: str) -> str:
    """Return the text with a capital letter and a full stop. Keep a first word that is code (`maxTrades`, `rsi_period`)."""
    capital = text[:1].upper() + text[1:] if re.match(r"[a-z]+\b(?![./_=:(])", text) else text
    return capital if not capital or capital.endswith((".", "?", "!")) else f"{capital}."


class BackfleetError(Exception):
    """An error that Backfleet can explain."""

    @property
    def public(self) -> str:
        """Return the text for everybody who may read batches. The log has the whole error."""
        return str(self)


class SpecInvalid(BackfleetError):
    """A permanent error that the user can fix. `field` is the path in the custom resource, `hint` a sentence with the fix."""

    others: "tuple[SpecInvalid, ...]" = ()
    """Further errors of the same input. The message shows only the first."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class NotFound(BackfleetError):
    """The object does not exist. Retrying does not help."""


class Conflict(BackfleetError):
    """The state of the object does not allow this, or it has another owner."""


class Unavailable(BackfleetError):
    """Postgres or Kubernetes did not answer in time. The same call may work later."""


class Busy(Unavailable):
    """Kubernetes is too busy: it did nothing, and asks for a pause."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class DatabaseUnavailable(Unavailable):
    """Postgres did not answer or refused the connection. Its own text names host and user, so only the log has it."""

    @property
    def public(self) -> str:
        return (
            "Postgres does not answer, or refuses the connection. Nothing that was recorded is lost, and work goes on by "
            "itself when Postgres is back. Check that Postgres runs and that the database URL in the Secret is right. "
            "The log has the answer of Postgres."
        )


class NotMigrated(DatabaseUnavailable):
    """Postgres answers, but its schema is missing, of another version, or not readable. The migrations fix that."""

    @property
    def public(self) -> str:
        return (
            "The database is not migrated to this version, or may not be read. Run backfleet-migrate (restarting the "
            "operator does it). The log has the answer of Postgres."
        )


class ValuesRefused(BackfleetError):
    """Postgres refuses the values, and always will. The message is its own about them."""


class FenceLost(Unavailable):
    """Another operator of this installation took over. This one must not write any more."""


SENTENCE_LIMIT = 500


def sentence_of(error: Exception) -> str:
    """Return a text for everybody. Our errors explain themselves; any other is a defect, shown by kind and first line."""
    if isinstance(error, BackfleetError):
        return error.public[:SENTENCE_LIMIT]
    first_line = (str(error).splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first_line}. This is a defect of Backfleet. Report it with the operator's log."
