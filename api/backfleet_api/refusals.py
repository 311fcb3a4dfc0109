"""Errors of the API and of Kubernetes that `core.errors` does not have. `http.errors` translates both."""

from backfleet.core.errors import BackfleetError, Conflict, NotFound, SpecInvalid, as_sentence


class Unauthenticated(BackfleetError):
    """The token is missing or not valid. `code` is the error of RFC 6750, empty if no token was sent."""

    def __init__(self, message: str, code: str) -> None:
        self.code = code
        super().__init__(message)


class Forbidden(BackfleetError):
    """The caller has access, but not to this. `field` names the field of the request, if it is one field."""

    def __init__(self, field: str | None, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{problem}. {self.hint}")


class NameTaken(Conflict):
    """Another batch has the requested name. `field` says where the name came from."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class CursorElsewhere(Conflict):
    """The cursor belongs to another query. `field` is the parameter."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class ParameterMissing(NotFound):
    """The batch has no such parameter or value, or no order of it. `field` is the field of the request that names it."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class ConfigMissing(NotFound):
    """The config does not exist. `field` is the field of the request that names it."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class BodyUnreadable(SpecInvalid):
    """The body is not a JSON object, or was cut off."""


class BodyTooLarge(SpecInvalid):
    """The body is over the limit. The rest of it was not read."""


class BodyTooSlow(SpecInvalid):
    """The body did not arrive in time."""


class BodyOfAnotherKind(SpecInvalid):
    """The Content-Type is not application/json."""
