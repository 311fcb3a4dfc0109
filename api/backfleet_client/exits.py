"""The exit codes of the command line. They are documented, and scripts rely on them."""

from backfleet.core.errors import BackfleetError, NotFound, SpecInvalid, Unavailable

EXIT_BATCH_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_UNAVAILABLE = 4
EXIT_TIMED_OUT = 5
EXIT_REFUSED = 6
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

EXIT_CODES = """\b
Exit codes:
  0    success; for watch and run --watch: the batch is complete
  1    watch, run --watch: the batch failed or was cancelled
  2    the command, the file or a value in it is not valid
  3    the batch or backtest does not exist
  4    the API, or the database behind it, does not answer
  5    watch: the batch has not ended within --timeout
  6    refused: the token is missing or wrong, writing is off, or the name is taken
  130  interrupted (Ctrl-C)
"""


class TimedOut(BackfleetError):
    """The batch did not end before the deadline."""


def exit_code(error: BackfleetError) -> int:
    """Return the exit code for this kind of error."""
    match error:
        case NotFound():
            return EXIT_NOT_FOUND
        case SpecInvalid():
            return EXIT_USAGE
        case TimedOut():
            return EXIT_TIMED_OUT
        case Unavailable():
            return EXIT_UNAVAILABLE
        case _:
            return EXIT_REFUSED
