"""The command `convert`, and reading a config as a batch to run. Libraries that load slowly are imported late."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any

import click

from backfleet.core import wire
from backfleet.core.errors import SpecInvalid
from backfleet_client.commands import output_option
from backfleet_client.output import clean, render_json

if TYPE_CHECKING:
    from backfleet.configs.converting import Converted

ENGINES = ("bars", "lean", "noop")
WISHES = ("engine", "strategy", "symbols")
"""Options of the command line that take precedence over the config."""
STANDARD_INPUT = "standard input"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]+")
"""A word that no YAML parser reads as a number. PyYAML itself quotes true, no and the like."""

engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), help="Engine, instead of the config's. Default: the config's, or lean."
)
strategy_option = click.option(
    "--strategy", metavar="NAME", help="Strategy, instead of the config's. LEAN's own config may name none."
)
symbols_option = click.option(
    "--symbols", metavar="SPY,QQQ", help="Symbols, instead of the config's or the catalog's, separated by commas."
)


@click.command()
@click.argument("config", type=click.File("rb"))
@engine_option
@strategy_option
@symbols_option
@click.option("--name", metavar="NAME", help="Name of the batch. Default: the file's name in lower case.")
@click.option("--namespace", "-n", metavar="NAME", help="Namespace of the batch. Default: none.")
@output_option("yaml", "json")
def convert(config: IO[bytes], name: str | None, namespace: str | None, output: str, **wishes: str | None) -> None:
    """Convert a CONFIG to an OptimizationBatch and print it. - is standard input.

    CONFIG is a researcher's YAML (strategy, optimization, success_criteria, backtest) or LEAN's own optimizer config.
    Warnings and errors go to standard error. An error names the file, the line and the fix.

    \b
    Examples:
      backfleet convert configs/optimizations/test_config.yaml
      backfleet convert my-config.yaml --engine bars --name mine | kubectl apply -f -
      backfleet convert my-config.yaml --symbols SPY,QQQ
    """
    from backfleet.configs.documents import MAX_CONFIG_BYTES  # noqa: PLC0415 - late: yaml
    from backfleet.core.spec.batch_names import name_stem  # noqa: PLC0415 - late

    file = name_of(config)
    found = read_config(file, config.read(MAX_CONFIG_BYTES + 1), wishes)
    stem = found.spec["strategy"]["name"] if file == STANDARD_INPUT else PurePath(file).stem
    metadata = {"name": name_stem(stem) if name is None else _parse_name(name, "--name")}
    if namespace is not None:
        metadata["namespace"] = _parse_name(namespace, "--namespace")
    manifest = {"apiVersion": wire.API_VERSION, "kind": wire.KIND, "metadata": metadata, "spec": found.spec}
    click.echo(render_json(manifest) if output == "json" else _render_yaml(manifest).rstrip("\n"))


def name_of(file: IO[bytes]) -> str:
    """Return the name of a file for messages."""
    name = str(getattr(file, "name", "<stdin>"))
    return STANDARD_INPUT if name == "<stdin>" else name


def read_config(file: str, content: bytes, wishes: Mapping[str, str | None]) -> "Converted":
    """Convert a config with the `WISHES` of the command line. Write its warnings to standard error."""
    from backfleet import catalog  # noqa: PLC0415 - late
    from backfleet.configs.converting import Wishes, convert  # noqa: PLC0415 - late: pydantic, yaml

    symbols = None if wishes["symbols"] is None else tuple(each.strip() for each in wishes["symbols"].split(","))
    asked = Wishes(file=file, engine=wishes["engine"], strategy=wishes["strategy"], symbols=symbols)
    found = convert(content, catalog.load(), asked)
    for warning in found.warnings:
        click.echo(clean(f"warning: {file}: {warning}"), err=True)
    return found


def _parse_name(text: str, option: str) -> str:
    from backfleet_api.schemas.writing import NAME_PATTERN  # noqa: PLC0415 - late: pydantic

    if len(text) > 253 or not re.fullmatch(NAME_PATTERN, text):
        raise SpecInvalid(option, f"expected a name in Kubernetes, got {text!r}", "use a-z, 0-9, - and .")
    return text


def _render_yaml(manifest: dict[str, Any]) -> str:
    """Write YAML with the innermost values on one line each. Quote texts that some YAML parser reads as another type."""
    import yaml  # noqa: PLC0415 - late

    class Dumper(yaml.SafeDumper):
        pass

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        # Kubernetes reads 1e5 as a number and Y as true, but PyYAML does not.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _PLAIN.fullmatch(text) else '"')

    Dumper.add_representer(str, represent_text)
    text: str = yaml.dump(
        manifest, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True
    )
    return text
