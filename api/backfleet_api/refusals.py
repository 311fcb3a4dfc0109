"""What the API refuses for reasons of its own or of Kubernetes; `errors` translates them like those of `core.errors`."""

from backfleet.core.errors import BackfleetError, Conflict, NotFound, SpecInvalid, as_sentence


class Unauthenticated(BackfleetError):
    """No token, or not the right one; `code` is the error of RFC 6750, empty where none was sent."""

    def __init__(self, message: str, code: str) -> None:
        self.code = code
        super().__init__(message)


class Forbidden(BackfleetError):
    """Asked by whom it may be, and still not allowed; `field` names what of the request, if it is one thing."""

    def __init__(self, field: str | None, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{problem}. {self.hint}")


class NameTaken(Conflict):
    """Another batch has the name that was asked for; `field` says where the name came from."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class ConfigMissing(NotFound):
    """No such config; `field` is the one of the request that names it."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        self.field = field
        self.problem = problem
        self.hint = as_sentence(hint)
        super().__init__(f"{field}: {problem}. {self.hint}")


class BodyUnreadable(SpecInvalid):
    """The body is no JSON object of the right kind: malformed, cut off."""


class BodyTooLarge(SpecInvalid):
    """The body is over the limit; what lies beyond it was not read."""


class BodyTooSlow(SpecInvalid):
    """The body did not arrive in time."""


class BodyOfAnotherKind(SpecInvalid):
    """The Content-Type is not JSON."""
