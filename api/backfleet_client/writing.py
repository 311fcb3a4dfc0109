"""The commands that write: `run` and `cancel`.

The token comes from a file or the environment, never from the command line, where other processes could read it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from backfleet.core.errors import SpecInvalid, Unavailable
from backfleet_client.commands import namespace_option, output_option
from backfleet_client.converting import (
    WISHES,
    engine_option,
    name_of,
    read_config,
    strategy_option,
    symbols_option,
)
from backfleet_client.output import clean, render_json

if TYPE_CHECKING:
    from backfleet.configs.converting import Converted
    from backfleet_client.client import ApiClient

ENV_TOKEN = "BACKFLEET_API_TOKEN"  # noqa: S105 - a variable's name
MAX_TOKEN_BYTES = 4096

_api_url_option = click.option(
    "--api-url", metavar="URL", help="URL of the API. Default: --api-url before the command."
)
_token_option = click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help=f"File with the API's token. Default: {ENV_TOKEN}.",
)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--name", metavar="NAME", help="Name of the batch, instead of the file's.")
@click.option("--namespace", "-n", metavar="NAME", help="Namespace of the batch, instead of the file's or the API's.")
@engine_option
@strategy_option
@symbols_option
@click.option(
    "--max-concurrent", type=click.IntRange(1, 256), metavar="K", help="Maximum number of backtests that run at once."
)
@click.option("--dry-run", is_flag=True, help="Check the batch and count its backtests, without creating it.")
@click.option("--watch", is_flag=True, help="Follow the batch until it has ended, like `watch`.")
@output_option("table", "json")
@_token_option
@_api_url_option
@click.pass_context
def run(
    context: click.Context,
    /,
    file: IO[bytes],
    name: str | None,
    max_concurrent: int | None,
    dry_run: bool,
    **rest: Any,  # noqa: ANN401
) -> int:
    """Run the batch of FILE. - is standard input.

    FILE is a manifest of kind OptimizationBatch, only its spec, or a config for `convert`. The options --engine, --strategy
    and --symbols are for configs. If you run the same file under the same name again, no second batch is created.

    \b
    Examples:
      backfleet run manifests/examples/rsi-small.yaml --dry-run
      backfleet run manifests/examples/rsi-small.yaml --token-file ~/.backfleet-token --watch
      backfleet run configs/optimizations/test_config.yaml --watch
      backfleet run - --name again --max-concurrent 8 < spec.json
    """
    if dry_run and rest["watch"]:
        raise click.UsageError("--dry-run creates no batch for --watch to follow; use one of the two")
    found = _read_file(file, {name: rest[name] for name in WISHES})
    request: dict[str, Any] = {"batch": found.spec}
    if wanted := name or found.name:
        request["name"] = wanted
    if place := rest["namespace"] or found.namespace:
        request["namespace"] = place
    if max_concurrent is not None:
        request["max_concurrent"] = max_concurrent
    with _client(context, rest["api_url"], rest["token_file"]) as client:
        try:
            if dry_run:
                return _preview(client, request, rest["output"])
            return _run(client, request, rest["output"], rest["watch"])
        except SpecInvalid as error:
            raise found.in_file(error) from error


@click.command()
@click.argument("batch")
@namespace_option
@output_option("table", "json")
@_token_option
@_api_url_option
@click.pass_context
def cancel(
    context: click.Context,
    /,
    batch: str,
    namespace: str | None,
    output: str,
    token_file: Path | None,
    api_url: str | None,
) -> None:
    """Cancel a BATCH, by name or uid. Running backtests end, waiting backtests never start, and results stay.

    A batch that has already ended does not change, and the command succeeds.

    \b
    Examples:
      backfleet cancel rsi-small
      backfleet cancel rsi-small --token-file ~/.backfleet-token
    """
    with _client(context, api_url, token_file) as client:
        done = client.cancel_batch(batch, namespace)
    if output == "json":
        click.echo(render_json(done.model_dump(mode="json")))
    else:
        click.echo(clean(f"{done.name} ({done.batch_id}) was {done.state.value}: {done.message}"))


def read_token(environment: Mapping[str, str], path: Path | None) -> str | None:
    """Return the token of the file, else of the environment. SpecInvalid names the source and never its content."""
    where, text = ENV_TOKEN, environment.get(ENV_TOKEN, "")
    if path is not None:
        where = "--token-file"
        with path.open("rb") as file:
            text = file.read(MAX_TOKEN_BYTES).decode("ascii", "replace")
    token = text.strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SpecInvalid(where, "expected a token and nothing else, got other text", "write only the token there")
    return token or None


def _client(context: click.Context, api_url: str | None, token_file: Path | None) -> "ApiClient":
    from backfleet_client.client import ApiClient  # noqa: PLC0415 - late: see `commands`

    token = read_token(os.environ, token_file)
    return ApiClient(api_url or context.find_root().params["api_url"], token=token)


def _preview(client: "ApiClient", request: Mapping[str, Any], output: str) -> int:
    from backfleet_client.views import preview_text  # noqa: PLC0415 - late, like the client

    found = client.preview_batch(request)
    click.echo(render_json(found.model_dump(mode="json")) if output == "json" else preview_text(found))
    return 0


def _run(client: "ApiClient", request: Mapping[str, Any], output: str, is_watched: bool) -> int:
    from backfleet_client.views import submitted_text  # noqa: PLC0415 - late, like the client

    try:
        made = client.run_batch(request)
    except Unavailable as error:
        safe = (
            "run the command again, since the same name creates no second batch"
            if "name" in request
            else "check with `backfleet batches`"
        )
        raise Unavailable(f"{error}; the batch may or may not exist: {safe}") from error
    for warning in made.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    click.echo(render_json(made.model_dump(mode="json")) if output == "json" else submitted_text(made))
    if not is_watched:
        return 0
    from backfleet_client.following import watch_batch  # noqa: PLC0415 - late, like the client

    return watch_batch(client, made.batch_id, None, None)


@dataclass(frozen=True, slots=True)
class _Found:
    """The batch of a file. `in_file` maps an error of the API to the field or line of the file."""

    spec: dict[str, Any]
    name: str | None
    namespace: str | None
    in_file: Callable[[SpecInvalid], SpecInvalid]


def _read_file(file: IO[bytes], wishes: Mapping[str, str | None]) -> _Found:
    from backfleet.configs.converting import is_config  # noqa: PLC0415 - late, like the client
    from backfleet_client.manifests import MAX_FILE_BYTES, parse_manifest  # noqa: PLC0415 - late

    content = file.read(MAX_FILE_BYTES + 1)
    if is_config(content):
        converted = read_config(name_of(file), content, wishes)
        return _Found(converted.spec, None, None, lambda error: _in_config(error, converted))
    if any(each is not None for each in wishes.values()):
        raise click.UsageError("--engine, --strategy and --symbols are for configs; edit the manifest instead")
    manifest = parse_manifest(content)
    return _Found(manifest.spec, manifest.name, manifest.namespace, _in_spec)


def _in_spec(error: SpecInvalid) -> SpecInvalid:
    """Return the error with the field of the file. The request's `batch` is the file's `spec`."""
    path = error.field.removeprefix("batch")
    is_path = error.field.startswith("batch") and path[:1] in ("", ".", "[")
    return SpecInvalid(f"spec{path}" if is_path else error.field, error.problem, error.hint)


def _in_config(error: SpecInvalid, converted: "Converted") -> SpecInvalid:
    """Return the error with the config's line. An error outside of the batch stays as it is."""
    inner = _in_spec(error)
    return converted.in_config(inner) if inner.field.startswith("spec") else inner
