"""The entry point of the command line. Each error becomes a line on standard error, and the command one exit code."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from backfleet.core.errors import BackfleetError, SpecInvalid
from backfleet_client.commands import cli
from backfleet_client.converting import convert
from backfleet_client.exits import EXIT_INTERRUPTED, EXIT_PIPE_CLOSED, exit_code
from backfleet_client.output import clean
from backfleet_client.writing import cancel
from backfleet_client.writing import run as run_batch

cli.add_command(run_batch)
cli.add_command(cancel)
cli.add_command(convert)


def main() -> NoReturn:
    """Run the command of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        # Not cli.main: for a closed pipe it returns 1, which here means that a batch failed.
        with cli.make_context("backfleet", list(arguments)) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, a pager) has closed the pipe. Buffered output must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    except BackfleetError as error:
        for each in (error, *(error.others if isinstance(error, SpecInvalid) else ())):
            click.echo(f"backfleet: {clean(str(each))}", err=True)
        return exit_code(error)
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
