"""Makes, inspects and deletes a local Kubernetes for the demo and the tests."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hack import vendor
from hack.cluster.borrowed import KindCluster, NamedContext
from hack.cluster.forward import Forward, keep_forward, start_forward
from hack.cluster.hermetic import HermeticCluster
from hack.cluster.layout import Layout, layout_for
from hack.cluster.node import run_node
from hack.cluster.progress import ClusterError, say
from hack.cluster.providers import (
    CONTEXT,
    HERMETIC,
    KIND,
    Provider,
    choose_provider,
    look_around,
    refuse_unfit,
    remember_choice,
    remembered_choice,
)

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LOG_LINES = 15


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python hack/cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--name", default="demo", help="the cluster's name (default: demo)")
    shared.add_argument("--context", help="use the cluster of this context instead of making one")
    named = {
        "preflight": "show which provider `up` would use, and what it lacks here",
        "up": "make the cluster, or repair and keep the existing one",
        "down": "delete the cluster and everything that it left",
        "status": "print the cluster's state as JSON; exit with 1 unless it is ready",
        "kubeconfig": "print the path of the cluster's kubeconfig",
        "build-images": "build and load the Dockerfile's targets, print the images by target as JSON",
    }
    found = {name: commands.add_parser(name, parents=[shared], help=what) for name, what in named.items()}
    found["build-images"].add_argument(
        "--for-tests", action="store_true", help="also build the images that only tests use"
    )
    load = commands.add_parser("load-image", parents=[shared], help="load a docker archive")
    load.add_argument("archive", type=Path)
    forward = commands.add_parser(
        "forward", parents=[shared], help="forward a port of 127.0.0.1 to a Service until `down`"
    )
    _add_forward_options(forward)
    keep = commands.add_parser("keep-forward")
    _add_forward_options(keep)
    keep.add_argument("--name")
    keep.add_argument("--alive", type=Path)
    keep.add_argument("--command", dest="kubectl", nargs=argparse.REMAINDER)
    node = commands.add_parser("node")
    node.add_argument("--name", required=True)
    node.add_argument("--state", type=Path, required=True)
    node.add_argument("--binaries", type=Path, required=True)
    return parser


def _add_forward_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--service", required=True)
    parser.add_argument("--service-port", default="80", help="the Service's port or its name")
    parser.add_argument("--port", type=int, required=True, help="the port on 127.0.0.1")


def main(arguments: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(arguments)
    # A root shell opened by plain `su` has no sbin on its path.
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    try:
        return run(options)
    except KeyboardInterrupt:
        say("interrupted; run the same command again to continue, or `down` to delete the cluster")
        return 130
    except ClusterError as error:
        say(f"error: {error}")
        if error.log is not None:
            _show_log(error.log)
        return 1


def _show_log(log: Path) -> None:
    say(f"log: {log}")
    if log.exists():
        for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
            say(f"  | {line[:300]}")


def run(options: argparse.Namespace) -> int:
    match options.command:
        case "node":
            run_node(Layout(options.name, options.state), options.binaries)
        case "keep-forward":
            keep_forward(options.kubectl, _forward(options), options.alive)
        case "up":
            provider = _provider(options, is_said=True)
            provider.up()
            say(f"-- ready: export KUBECONFIG={provider.layout.kubeconfig}")
        case "preflight":
            _provider(options, is_said=True)
        case "down":
            _provider(options, is_said=False).down()
        case "status":
            status = _provider(options, is_said=False).status()
            print(json.dumps(status, indent=2))
            return 0 if status["ready"] else 1
        case "kubeconfig":
            print(_existing(options).layout.kubeconfig)
        case "build-images":
            vendor.fill_or_explain()
            built = _existing(options).build_images(REPOSITORY, for_tests=options.for_tests)
            print(json.dumps(built, indent=2))
        case "load-image":
            _existing(options).load_archive(options.archive)
        case "forward":
            cluster = _existing(options)
            record = cluster.alive_record()
            start_forward(cluster.layout, cluster.kubectl, _forward(options), record)
    return 0


def _forward(options: argparse.Namespace) -> Forward:
    return Forward(options.namespace, options.service, options.service_port, options.port)


def _existing(options: argparse.Namespace) -> Provider:
    provider = _provider(options, is_said=False)
    if not provider.layout.kubeconfig.exists():
        name = provider.layout.name
        raise ClusterError(f"cluster {name} does not exist; run: python hack/cluster up --name {name}")
    return provider


def _provider(options: argparse.Namespace, is_said: bool) -> Provider:
    """Return the provider of an earlier `up`, or choose one for this machine."""
    layout = layout_for(options.name)
    seen = look_around(options.context, os.environ)
    choice = choose_provider(seen, remembered_choice(layout))
    if is_said:
        say(f"-- provider: {choice.provider}: {choice.reason}")
    if choice.provider == HERMETIC:
        refuse_unfit(seen)
    if options.command == "up" and choice.provider != CONTEXT:
        remember_choice(layout, choice)
    if choice.provider == CONTEXT:
        return NamedContext(layout, choice.context or "")
    return KindCluster(layout) if choice.provider == KIND else HermeticCluster(layout)


if __name__ == "__main__":
    sys.exit(main())
