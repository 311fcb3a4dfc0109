"""The command `convert`, and a config as a batch to run; libraries that take long to load are imported late."""

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
"""What the command line may say in place of a config."""
STANDARD_INPUT = "standard input"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]+")
"""A word that no reader of YAML takes for a number; PyYAML itself quotes true, no and their like."""

engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), help="Who computes, in place of the config's; without either it is lean."
)
strategy_option = click.option(
    "--strategy", metavar="NAME", help="Whose config it is, in place of the config's; LEAN's own names none."
)
symbols_option = click.option(
    "--symbols", metavar="SPY,QQQ", help="What is traded, in place of the config's and the catalog's; commas between."
)


@click.command()
@click.argument("config", type=click.File("rb"))
@engine_option
@strategy_option
@symbols_option
@click.option("--name", metavar="NAME", help="The batch's name; by default the file's, in lower case.")
@click.option("--namespace", "-n", metavar="NAME", help="The batch's namespace; by default none is written.")
@output_option("yaml", "json")
def convert(config: IO[bytes], name: str | None, namespace: str | None, output: str, **wishes: str | None) -> None:
    """Print the OptimizationBatch that a CONFIG becomes; - is standard input.

    CONFIG is a researcher's YAML (strategy, optimization, success_criteria, backtest) or LEAN's own optimizer config.
    Warnings go to standard error; what cannot be meant is an error that names file, line and what to write instead.

    \b
    Examples:
      backfleet convert configs/optimizations/test_config.yaml
      backfleet convert my-config.yaml --engine bars --name mine | kubectl apply -f -
      backfleet convert my-config.yaml --symbols SPY,QQQ
    """
    from backfleet.configs.documents import MAX_CONFIG_BYTES  # noqa: PLC0415 - late: yaml
    from backfleet.core.names import name_stem  # noqa: PLC0415 - late

    file = name_of(config)
    found = read_config(file, config.read(MAX_CONFIG_BYTES + 1), wishes)
    stem = found.spec["strategy"]["name"] if file == STANDARD_INPUT else PurePath(file).stem
    metadata = {"name": name_stem(stem) if name is None else _parse_name(name, "--name")}
    if namespace is not None:
        metadata["namespace"] = _parse_name(namespace, "--namespace")
    manifest = {"apiVersion": wire.API_VERSION, "kind": wire.KIND, "metadata": metadata, "spec": found.spec}
    click.echo(render_json(manifest) if output == "json" else _render_yaml(manifest).rstrip("\n"))


def name_of(file: IO[bytes]) -> str:
    """A file as errors call it."""
    name = str(getattr(file, "name", "<stdin>"))
    return STANDARD_INPUT if name == "<stdin>" else name


def read_config(file: str, content: bytes, wishes: Mapping[str, str | None]) -> "Converted":
    """The config as a batch, with the `WISHES` of the command line; its warnings go to standard error."""
    from backfleet import catalog  # noqa: PLC0415 - late
    from backfleet.configs.converting import Wishes, convert  # noqa: PLC0415 - late: pydantic, yaml

    symbols = None if wishes["symbols"] is None else tuple(each.strip() for each in wishes["symbols"].split(","))
    asked = Wishes(file=file, engine=wishes["engine"], strategy=wishes["strategy"], symbols=symbols)
    found = convert(content, catalog.load(), asked)
    for warning in found.warnings:
        click.echo(clean(f"warning: {file}: {warning}"), err=True)
    return found


def _parse_name(text: str, option: str) -> str:
    from backfleet_api.submission import NAME_PATTERN  # noqa: PLC0415 - late: pydantic

    if len(text) > 253 or not re.fullmatch(NAME_PATTERN, text):
        raise SpecInvalid(option, f"{text!r} is not a name in Kubernetes", "use a-z, 0-9, - and .")
    return text


def _render_yaml(manifest: dict[str, Any]) -> str:
    """Sections in blocks, their ends in one line each; texts that some reader of YAML takes for more are quoted."""
    import yaml  # noqa: PLC0415 - late

    class Dumper(yaml.SafeDumper):
        pass

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        # Kubernetes' reader takes 1e5 for a number and Y for true, PyYAML takes neither.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _PLAIN.fullmatch(text) else '"')

    Dumper.add_representer(str, represent_text)
    text: str = yaml.dump(
        manifest, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True
    )
    return text
