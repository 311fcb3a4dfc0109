"""The commands of `backfleet` that read: their options and output. Libraries that load slowly are imported late."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from backfleet.core.metrics import METRICS
from backfleet_client import views
from backfleet_client.exits import EXIT_CODES
from backfleet_client.output import clean, render_json, render_table, render_tsv

if TYPE_CHECKING:
    from backfleet_client.client import ApiClient

DEFAULT_API_URL = "http://127.0.0.1:8230"
ENV_API_URL = "BACKFLEET_API_URL"
STATES = ("pending", "counting", "running", "suspended", "complete", "failed", "cancelled")


def api_url_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--api-url` to a command, where it takes precedence, and pass the command a client."""

    @click.option("--api-url", metavar="URL", help=f"URL of the API. Default: {ENV_API_URL}, or {DEFAULT_API_URL}.")
    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, api_url: str | None, **arguments: object) -> object:
        # Imported here, since it takes half of the start-up time and --help does not need it.
        from backfleet_client.client import ApiClient  # noqa: PLC0415

        with ApiClient(api_url or context.find_root().params["api_url"]) as client:
            return command(client, **arguments)

    return run


def output_option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--output", "-o", type=click.Choice(formats), default=formats[0], show_default=True, help="Output format."
    )


namespace_option = click.option(
    "--namespace", "-n", metavar="NAME", help="The batch's namespace, if several have the name."
)


def _show_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only for --version

        try:
            text = version("backfleet")
        except PackageNotFoundError:
            text = "from a source tree that is not installed"
        click.echo(f"backfleet {text}")
        context.exit()


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--api-url", metavar="URL", envvar=ENV_API_URL, default=DEFAULT_API_URL, show_default=True, show_envvar=True,
    help="URL of the API.",
)  # fmt: skip
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli(api_url: str) -> None:
    """Run batches of backtests, follow them and show their ranked results.

    \b
    Examples:
      backfleet run batch.yaml --watch
      backfleet batches
      backfleet watch rsi-small --timeout 600
      backfleet results rsi-small --top 5 --passed
    """


@cli.command()
@click.option("--state", type=click.Choice(STATES), help="Only batches in this state.")
@click.option("--strategy", metavar="NAME", help="Only batches of this strategy.")
@click.option("--name", metavar="NAME", help="Only batches with this name.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Maximum number of batches."
)
@output_option("table", "tsv", "json")
@api_url_option
def batches(client: "ApiClient", limit: int, output: str, **query: str | None) -> None:
    """List batches, newest first.

    \b
    Examples:
      backfleet batches
      backfleet batches --state running --output json
    """
    found = client.collect_batches(limit, query)
    if output == "json":
        click.echo(render_json([batch.model_dump(mode="json") for batch in found]))
    elif output == "tsv":
        click.echo(render_tsv(*views.batch_rows(found)))
    else:
        click.echo(render_table(*views.batch_rows(found)) if found else "no batches")


@cli.command()
@click.argument("batch")
@namespace_option
@output_option("table", "json")
@api_url_option
def status(client: "ApiClient", batch: str, namespace: str | None, output: str) -> None:
    """Show the current state of one BATCH, by name or uid. Warnings about the installation go to standard error.

    \b
    Examples:
      backfleet status rsi-small
      backfleet status rsi-small --output json
    """
    found = client.get_batch(batch, namespace)
    click.echo(render_json(found.model_dump(mode="json")) if output == "json" else views.batch_text(found))
    for warning in client.read_warnings():
        click.echo(f"warning: {clean(warning)}", err=True)


@cli.command()
@click.argument("batch")
@namespace_option
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this time (exit code 5).")
@api_url_option
def watch(client: "ApiClient", batch: str, namespace: str | None, timeout: float | None) -> int:
    """Follow a BATCH, by name or uid, until it has ended.

    On a terminal, draw a progress bar. Elsewhere, write one line per change. The exit code is 0 if the batch is complete,
    and 1 if it failed or was cancelled. A short outage of the API does not end the command.

    \b
    Examples:
      backfleet watch rsi-small
      backfleet watch rsi-small --timeout 600 && backfleet results rsi-small
    """
    from backfleet_client.following import watch_batch  # noqa: PLC0415 - late: pydantic

    return watch_batch(client, batch, namespace, timeout)


@cli.command()
@click.argument("batch")
@namespace_option
@click.option(
    "--top", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Maximum number of results."
)
@click.option(
    "--order-by",
    type=click.Choice(list(METRICS)),
    metavar="METRIC",
    help="Metric to rank by. Default: the batch's objective.",
)
@click.option(
    "--direction", type=click.Choice(["maximize", "minimize"]), help="Default: the metric's better direction."
)
@click.option("--passed", is_flag=True, help="Only results that meet the success criteria.")
@output_option("table", "tsv", "json")
@api_url_option
def results(client: "ApiClient", batch: str, top: int, output: str, passed: bool, **query: str | None) -> None:
    """Show the ranked results of a BATCH, by name or uid, best first. The formats tsv and json have every metric.

    \b
    Examples:
      backfleet results rsi-small
      backfleet results rsi-small --order-by drawdown --top 5
      backfleet results rsi-small --passed --output tsv > passed.tsv
    """
    page = client.collect_results(batch, top, {**query, "passed": True if passed else None})
    if output == "json":
        click.echo(render_json(page.model_dump(mode="json")))
    elif output == "tsv":
        click.echo(render_tsv(*views.result_rows_in_full(page.results)))
    else:
        rows = views.result_rows(page.results, page.order.metric)
        click.echo(render_table(*rows) if page.results else "no results pass" if passed else "no results yet")
    for warning in page.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)


@cli.command()
@click.argument("backtest_id", metavar="ID")
@output_option("table", "json")
@api_url_option
def backtest(client: "ApiClient", backtest_id: str, output: str) -> None:
    """Show the parameters, attempts and metrics of one backtest. ID is <batch uid>-<index>.

    \b
    Example:
      backfleet backtest 3f2b7c1e-5a4d-4f6e-9b8a-0c1d2e3f4a5b-4
    """
    found = client.get_backtest(backtest_id)
    click.echo(render_json(found.model_dump(mode="json")) if output == "json" else views.backtest_text(found))
