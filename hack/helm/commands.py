"""Installs, upgrades, tests, renders and checks the chart without a `helm` program."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import helm_python
import yaml

from hack.helm.chart import CHART, render_texts
from hack.helm.progress import Pods, run_with_progress
from hack.helm.values import read_values

WAIT_SECONDS = 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Return 0, or 1 with the reason on standard error, or 130 after an interrupt."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except helm_python.HelmError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the release is marked as failed; run `upgrade --install` to continue")
        return 130


def say(message: str) -> None:
    """Write a message to standard error. Standard output is for results."""
    print(message, file=sys.stderr, flush=True)


def install(options: argparse.Namespace) -> int:
    """Install a release."""
    return _apply(options, "install")


def upgrade(options: argparse.Namespace) -> int:
    """Upgrade a release to this chart and these values."""
    with _config(options) as config:
        found = config.list(all_states=True, name_filter=f"^{options.release}$")
        state = _state(found[0]) if found else "absent"
        if options.take_over and state.startswith("pending-"):
            state = _take_over(config, options.release, state)
    return _apply(options, "install" if options.install and state == "absent" else "upgrade")


def uninstall(options: argparse.Namespace) -> int:
    """Remove a release. The CRD, custom resources and volume claims stay."""
    started = time.monotonic()
    with _config(options) as config:
        config.uninstall(
            options.release,
            ignore_not_found=options.ignore_not_found,
            wait="watcher" if options.wait else None,
            timeout=options.wait or WAIT_SECONDS,
        )
    if options.wait and (left := _pods(options).wait_gone(started + options.wait)):
        say(f"error: these pods still run after {options.wait} s: {', '.join(left)}")
        return 1
    say(f"{options.release} uninstalled in {time.monotonic() - started:.1f} s")
    return 0


def test(options: argparse.Namespace) -> int:
    """Run the test of a release: a batch of two combinations, from its creation to its results."""
    started = time.monotonic()
    pods = _pods(options)
    with _config(options) as config:
        say(f"-- test {options.release} in {options.namespace} (at most {options.wait or WAIT_SECONDS} s)")
        try:
            done = config.test(options.release, timeout=options.wait or WAIT_SECONDS, logs=True)
        except helm_python.HelmError:
            for line in pods.explain():
                say(line)
            raise
    # Helm returns the pod's log once per hook of the test.
    logs = dict.fromkeys(part.strip() for part in str(done.get("logs", "")).split("POD LOGS: "))
    print("\n".join(filter(None, logs)))
    say(f"   passed in {time.monotonic() - started:.1f} s")
    return 0


def status(options: argparse.Namespace) -> int:
    """Show the state of a release and of its pods."""
    with _config(options) as config:
        release = config.status(options.release)
    print(f"{release['name']}: {_state(release)}, revision {release.get('version', release.get('revision'))}")
    for name, state in _pods(options).states().items():
        print(f"  {name}: {state}")
    return 0


def template(options: argparse.Namespace) -> int:
    """Print the objects that an install creates. This needs no cluster, so generated secrets are new each time."""
    texts = render_texts(_values(options), name=options.release, namespace=options.namespace)
    print("\n".join(f"---\n# Source: {name}\n{text.strip()}" for name, text in texts.items()))
    return 0


def lint(options: argparse.Namespace) -> int:
    """Run Helm's linter. A warning also fails."""
    report = helm_python.lint(CHART, _values(options), strict=True)
    for message in report["messages"]:
        say(f"{message['path']}: {message['error']}")
    return 1 if any(message["severity"] > 1 for message in report["messages"]) else 0


def _apply(options: argparse.Namespace, verb: str) -> int:
    started = time.monotonic()
    values = _values(options)
    special: dict[str, Any] = {"create_namespace": options.create_namespace}
    if verb == "upgrade":
        special = {"reuse_values": options.reuse_values}
    with _config(options) as config, helm_python.HelmContext() as context:

        def work() -> dict[str, Any]:
            action = config.install if verb == "install" else config.upgrade
            wait = "watcher" if options.wait else None
            return action(
                CHART, options.release, values, context=context, namespace=options.namespace,
                wait=wait, timeout=options.wait or WAIT_SECONDS, **special,
            )  # fmt: skip

        pods = _pods(options)
        say(
            f"-- {verb} {options.release} in {options.namespace}"
            + (f" (at most {options.wait} s)" if options.wait else "")
        )
        try:
            release = run_with_progress(work, pods, context.cancel)
        except helm_python.HelmError as error:
            for line in pods.explain():
                say(line)
            if "another operation" in str(error):
                say(
                    "if no other command is running, an earlier one was killed; run `upgrade --install --take-over` to clean up"
                )
            raise
    say(f"   {_state(release)} in {time.monotonic() - started:.1f} s")
    print(_notes(release))
    return 0


def _take_over(config: helm_python.Config, release: str, state: str) -> str:
    """Undo the unfinished work of a killed command, for which Helm would wait forever. Return the state after that."""
    say(f"   {release} is {state}: cleaning up after a killed command")
    if state == "pending-install":
        config.uninstall(release)
        return "absent"
    config.rollback(release)
    return "deployed"


def _state(release: dict[str, Any]) -> str:
    info = release.get("info")
    found = info.get("status") if isinstance(info, dict) else release.get("status")
    return str(found)


def _notes(release: dict[str, Any]) -> str:
    info = release.get("info")
    return str((info.get("notes") if isinstance(info, dict) else release.get("notes")) or "").strip()


def _values(options: argparse.Namespace) -> dict[str, Any]:
    try:
        return read_values(options.values, options.set, options.set_string, options.set_json)
    except (OSError, yaml.YAMLError) as error:
        raise SystemExit(f"values: {error}") from error


def _config(options: argparse.Namespace) -> helm_python.Config:
    return helm_python.Config(
        kubeconfig_path=options.kubeconfig, kube_context=options.kube_context, namespace=options.namespace
    )


def _pods(options: argparse.Namespace) -> Pods:
    return Pods(options.kubeconfig, options.kube_context, options.namespace, options.release)


def _parser() -> argparse.ArgumentParser:
    release = argparse.ArgumentParser(add_help=False)
    release.add_argument("release", nargs="?", default="backfleet", help="default: backfleet")
    release.add_argument("-n", "--namespace", default="default")
    cluster = argparse.ArgumentParser(add_help=False)
    cluster.add_argument("--kubeconfig", type=Path, help="default: $KUBECONFIG, ~/.kube/config")
    cluster.add_argument("--kube-context")
    cluster.add_argument(
        "--wait", type=int, metavar="SECONDS", help="wait at most this long until pods are ready (or gone)"
    )
    values = argparse.ArgumentParser(add_help=False)
    values.add_argument("-f", "--values", type=Path, action="append", default=[], metavar="FILE")
    for name in ("--set", "--set-string", "--set-json"):
        values.add_argument(name, action="append", default=[], metavar="KEY=VALUE")

    parser = argparse.ArgumentParser(prog="hack/helm", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        each = commands.add_parser(name, parents=parents, help=command.__doc__, description=command.__doc__)
        each.set_defaults(command=command)
        return each

    installing = add("install", install, release, cluster, values)
    upgrading = add("upgrade", upgrade, release, cluster, values)
    upgrading.add_argument("--install", action="store_true", help="install the release if it does not exist")
    upgrading.add_argument("--reuse-values", action="store_true", help="start from the values of the last revision")
    upgrading.add_argument("--take-over", action="store_true", help="clean up after a killed command")
    for each in (installing, upgrading):
        each.add_argument("--create-namespace", action="store_true")
    add("uninstall", uninstall, release, cluster).add_argument("--ignore-not-found", action="store_true")
    add("test", test, release, cluster)
    add("status", status, release, cluster)
    add("template", template, release, values)
    add("lint", lint, values)
    return parser


if __name__ == "__main__":
    sys.exit(main())
