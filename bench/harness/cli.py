"""Command line: which peers, which cases, how long; then the tables."""
import argparse
import json
import pathlib
import resource
import subprocess
import sys

from . import bridge, cluster, idle, machine, peers, report, routes
from .site import Site

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITES = {"bridge": bridge.run, "idle": idle.run, "routes": routes.run, "cluster": cluster.run}


def main():
    options = parse()
    # Thousands of idle connections need as many descriptors, here and in every proxy.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if not options.no_build:
        subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    chosen = peers.chosen(options.peer, ROOT / "target/release/viaduct")
    facts = machine.facts(chosen)
    print(report.facts_table(facts))
    results, missed = {}, []
    with Site(options.backend or peers.find_nginx(), options.observed) as site:
        for suite in options.suite or SUITES:
            results[suite] = SUITES[suite](site, chosen, options)
            print(report.table(suite, results[suite]), flush=True)
            if suite == "cluster":
                missed += cluster.missed(results[suite])
    if options.json:
        document = {"machine": facts, "rounds": options.rounds, "scale": options.scale, "observed": options.observed,
                    "results": results}
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    for line in missed:
        print(f"limit missed: {line}", file=sys.stderr)
    return 0 if all(results.values()) and not missed else 1


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=sys.modules["harness"].__doc__)
    parser.add_argument("suite", nargs="*", help=f"{', '.join(SUITES)}; default: all")
    parser.add_argument("--peer", action="append", metavar="NAME=PATH", default=[],
                        help="compare with this binary; NAME begins with nginx, haproxy, envoy, caddy or viaduct "
                             "(default: every peer found on this machine)")
    parser.add_argument("--backend", metavar="PATH", help="nginx binary of the backend")
    parser.add_argument("--case", action="append", help="only this case of suite `bridge`")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; medians are reported")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests and connections")
    parser.add_argument("--connections", type=int, default=4000, help="of suite `idle`")
    parser.add_argument("--routes", type=int, default=10_000, help="of suites `routes` and `cluster`")
    parser.add_argument("--json", metavar="FILE", help="write every measurement here too")
    parser.add_argument("--observed", action="store_true",
                        help="every proxy writes a JSON access log and offers its metrics")
    parser.add_argument("--no-build", action="store_true", help="take the binaries under target/ as they are")
    options = parser.parse_args()
    if unknown := set(options.suite) - set(SUITES):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    return options
