"""Runs LEAN's image, or reads finished results folders, and checks the rules of docs/lean.md."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backfleet.core.backtests import Ending, Failure
from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.lean.logs import read_logs
from hack.cluster.kubectl import Kubectl
from hack.cluster.progress import ClusterError, say
from hack.verify_lean.cases import Case, cases
from hack.verify_lean.folders import verify_folders
from hack.verify_lean.manifests import settings_of
from hack.verify_lean.runners import ClusterRunner, DockerRunner, Runner
from hack.verify_lean.warm import Fingerprints, warm_case

WARM_FACTOR = 2
"""How much longer a warm backtest may take than a hanging one: the first ones of a process are slow."""
NO_PLACE = """\
LEAN's image needs a place to run: start a Docker engine, or name a cluster that can pull the image
(--context CONTEXT, BACKFLEET_CONTEXT=CONTEXT, or --kubeconfig FILE)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0 if every rule holds, 1 if one does not, and 2 if the cases could not run."""
    options = parse(arguments)
    if options.folder:
        return verify_folders(options.folder)
    try:
        runner = choose_runner(options)
        settings = settings_of(options.image, is_restricted=options.restricted)
        every = cases(options.hang_seconds)
        every = (*every, warm_case(every, WARM_FACTOR * options.hang_seconds))
        chosen = [case for case in every if not options.only or case.name in options.only]
        say(
            f"-- {settings.engines['lean'].image}: {len(chosen)} cases; the first pull of the image takes more than 10 GB"
        )
        with tempfile.TemporaryDirectory(prefix="verify-lean-", ignore_cleanup_errors=True) as folder:
            results, versions, known = list[bool](), set[str | None](), Fingerprints()
            for case, is_killed in runner.run(chosen, settings, Path(folder)):
                for position, member in enumerate(case.members or (case,)):
                    there = Path(folder) / case.name / f"results/{position}"
                    results.append(check_case(member, there, is_killed, known, "warm " if case.members else ""))
                    versions.add(read_logs(there).engine_version)
    except (ClusterError, subprocess.SubprocessError, OSError) as error:
        say(f"error: {error}")
        return 2
    bad = results.count(False)
    print(f"\nLEAN {', '.join(sorted(filter(None, versions))) or 'of an unknown version'}")
    print(f"{len(results) - bad} of {len(results)} rules hold")
    return 1 if bad or not results else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python hack/verify_lean", description=__doc__)
    parser.add_argument("--image", help="another build of LEAN (default: the chart's)")
    parser.add_argument(
        "--context", default=os.environ.get("BACKFLEET_CONTEXT") or None, help="run in the cluster of this context"
    )
    parser.add_argument("--kubeconfig", type=Path, help="run in the cluster of this kubeconfig file")
    parser.add_argument("--folder", type=Path, help="check finished results folders of LEAN instead of running it")
    parser.add_argument("--namespace", default="default", help="namespace of the pods (default: default)")
    parser.add_argument("--restricted", action="store_true", help="run LEAN as user 10001 with a read-only root")
    parser.add_argument("--only", action="append", metavar="CASE", help="run only this case; can be repeated")
    parser.add_argument("--hang-seconds", type=int, default=60, help="end a hanging run after this time (default: 60)")
    parser.add_argument("--deadline-seconds", type=int, default=3600, help="limit for all cases, including the pull")
    return parser.parse_args(arguments)


def choose_runner(options: argparse.Namespace) -> Runner:
    """Return the named cluster, or else Docker."""
    if options.kubeconfig or options.context:
        kubectl = Kubectl(options.kubeconfig, options.context)
        return ClusterRunner(kubectl, options.namespace, options.deadline_seconds)
    is_there = shutil.which("docker") is not None
    if not is_there or subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode:
        raise ClusterError(NO_PLACE)
    return DockerRunner(options.deadline_seconds)


def check_case(case: Case, folder: Path, is_killed: bool, known: Fingerprints | None = None, kind: str = "") -> bool:
    """Compare the outcome of a case with its rule and with its earlier runs, and print whether they agree."""
    if is_killed:
        ending: Ending = Failure(reason=FailureReason.OOM_KILLED, message="the container was killed at its limit")
        exit_code: int | None = 137
    else:
        outcome = LeanEngine().outcome(folder, case.request)
        ending, exit_code = outcome.ending, outcome.exit_code
    problems = list(case.problems(ending, exit_code))
    problem = known.problem(case.name, ending) if known else None
    problems += [problem] if problem else []
    got = ending.reason.value if isinstance(ending, Failure) else "succeeded"
    print(
        f"{'FAIL' if problems else 'ok  '} {kind + case.name:<23}{got:<20}exit {exit_code!s:<5}{case.rule}", flush=True
    )
    for problem in problems:
        print(f"       {problem}", flush=True)
    return not problems


if __name__ == "__main__":
    sys.exit(main())
