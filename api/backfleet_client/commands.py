"""The command line `backfleet`: what each command takes and shows. Libraries that take long to load are imported late."""

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
    """`--api-url` on a command too, where it wins over the one before the command; the command gets a client that reads."""

    @click.option("--api-url", metavar="URL", help=f"The API's address; {ENV_API_URL}, or {DEFAULT_API_URL}.")
    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, api_url: str | None, **arguments: object) -> object:
        # Imported here: half of the start-up time, and --help needs none of it.
        from backfleet_client.client import ApiClient  # noqa: PLC0415

        with ApiClient(api_url or context.find_root().params["api_url"]) as client:
            return command(client, **arguments)

    return run


def output_option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--output", "-o", type=click.Choice(formats), default=formats[0], show_default=True, help="How it is written."
    )


namespace_option = click.option(
    "--namespace", "-n", metavar="NAME", help="Of which namespace, where a name is not enough."
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
    help="The API's address.",
)  # fmt: skip
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def cli(api_url: str) -> None:
    """Run batches of backtests, watch them and read their ranked results.

    \b
    Examples:
      backfleet run batch.yaml --watch
      backfleet batches
      backfleet watch rsi-small --timeout 600
      backfleet results rsi-small --top 5 --passed
    """


@cli.command()
@click.option("--state", type=click.Choice(STATES), help="Only batches in that state.")
@click.option("--strategy", metavar="NAME", help="Only batches of that strategy.")
@click.option("--name", metavar="NAME", help="Only batches of that name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
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
    """Show one BATCH (its name or uid) as it is now; what is wrong with the installation goes to standard error.

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
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Give up after so long (exit code 5).")
@api_url_option
def watch(client: "ApiClient", batch: str, namespace: str | None, timeout: float | None) -> int:
    """Follow a BATCH (its name or uid) until it has ended.

    A bar on a terminal, one line per change elsewhere. Exit code 0 when the batch is complete, 1 when it failed or was
    cancelled. A short outage of the API does not end it.

    \b
    Examples:
      backfleet watch rsi-small
      backfleet watch rsi-small --timeout 600 && backfleet results rsi-small
    """
    from backfleet_client.following import watch_batch  # noqa: PLC0415 - pydantic, late

    return watch_batch(client, batch, namespace, timeout)


@cli.command()
@click.argument("batch")
@namespace_option
@click.option("--top", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many.")
@click.option("--order-by", type=click.Choice(list(METRICS)), metavar="METRIC", help="Default: the batch's objective.")
@click.option("--direction", type=click.Choice(["maximize", "minimize"]), help="Default: the better one of the metric.")
@click.option("--passed", is_flag=True, help="Only results that meet the success criteria.")
@output_option("table", "tsv", "json")
@api_url_option
def results(client: "ApiClient", batch: str, top: int, output: str, passed: bool, **query: str | None) -> None:
    """Show the ranked results of a BATCH (its name or uid), best first; tsv and json have every metric.

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
        click.echo(render_table(*rows) if page.results else "no results" + (" that pass" if passed else " yet"))
    for warning in page.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)


@cli.command()
@click.argument("backtest_id", metavar="ID")
@output_option("table", "json")
@api_url_option
def backtest(client: "ApiClient", backtest_id: str, output: str) -> None:
    """Show one backtest by its ID, <batch uid>-<index>: parameters, attempts, metrics.

    \b
    Example:
      backfleet backtest 3f2b7c1e-5a4d-4f6e-9b8a-0c1d2e3f4a5b-4
    """
    found = client.get_backtest(backtest_id)
    click.echo(render_json(found.model_dump(mode="json")) if output == "json" else views.backtest_text(found))
