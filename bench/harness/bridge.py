"""CPU per bridged request: keep-alive HTTP/1.1, HTTP/2, full handshakes, downloads of 1 MiB."""
import sys

from . import procs
from .load import h2load, handshakes

# name: (requests at scale 1, requests of warm-up, what sends them)
CASES = {
    "h1-keepalive": (60_000, 6_000, lambda port, n: h2load(port, n, "--h1", "-c64")),
    "h2-to-h1": (60_000, 6_000, lambda port, n: h2load(port, n, "-c16", "-m16")),
    "handshakes": (4_000, 500, handshakes),
    "download-1m": (1_500, 64, lambda port, n: h2load(port, n, "--h1", "-c8", path="/1m.bin")),
}


def run(site, peers, options):
    """{case: {peer: {"us": [...], "rps": [...], "kib": [...]}}}, one entry per round."""
    cases = {name: CASES[name] for name in options.case or CASES}
    results = {name: {} for name in cases}
    for _ in range(options.rounds):
        for peer in peers:
            try:
                process, port = peer.start(site)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                continue
            try:
                for name, (count, warm, send) in cases.items():
                    sample = measure(process, port, send, max(64, int(count * options.scale)), warm, options.scale)
                    row = results[name].setdefault(peer.name, {"us": [], "rps": [], "kib": []})
                    for key, value in sample.items():
                        row[key].append(value)
            except RuntimeError as error:
                print(f"{peer.name}: {error}", file=sys.stderr)
            finally:
                procs.stop(process)
    return results


def measure(process, port, send, count, warm, scale):
    send(port, max(64, int(warm * scale)))
    pids = procs.tree(process.pid)
    before = procs.cpu_seconds(pids)
    rate = send(port, count)
    used = procs.cpu_seconds(pids) - before
    return {"us": used / count * 1e6, "rps": rate, "kib": procs.memory_kib(pids)}
