"""h2load on the load's CPU. A lost request fails the measurement."""
import re
import subprocess

from . import procs
from .site import HOST


def h2load(port, requests, *arguments, path="/", host=HOST):
    """Sends `requests` and returns requests per second."""
    command = ["taskset", "-c", procs.LOAD_CPU, "h2load", *arguments, "-t1", "-n", str(requests),
               "--connect-to", f"127.0.0.1:{port}", f"https://{host}{path}"]
    output = subprocess.run(command, check=True, text=True, capture_output=True).stdout
    ok = re.search(r"status codes: (\d+) 2xx", output)
    if not ok or int(ok.group(1)) != requests:
        raise RuntimeError(f"lost requests:\n{output}")
    number, unit = re.search(r"finished in ([\d.]+)(ms|us|s|m)\b", output).groups()
    return requests / (float(number) * {"s": 1, "ms": 1e-3, "us": 1e-6, "m": 60}[unit])


def handshakes(port, connections):
    """So many connections with one request each; h2load resumes no session, so each handshake is a
    full one."""
    at_once = min(connections, 500)
    rates = [h2load(port, at_once, "--h1", f"-c{at_once}") for _ in range(max(1, connections // at_once))]
    return sum(rates) / len(rates)
