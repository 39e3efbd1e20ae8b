"""A Kubernetes cluster of many routes: from its lists to the first answer, from a changed endpoint to it, and memory."""
import http.client
import http.server
import json
import pathlib
import statistics
import subprocess
import threading
import time

from . import procs
from .routes import Connection

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / "target/debug/examples/cluster"
CHANGES = 15
# (key, limit, what it is, whether it holds for these many routes)
LIMITS = [
    ("ready_ms", 2000, "lists to first answer, ms", lambda routes: routes == 1000),
    ("change_ms", 100, "changed endpoint to first answer, ms", lambda routes: routes <= 10_000),
    ("mib", 150, "resident, MiB", lambda routes: routes <= 10_000),
]


def run(site, peers, options):
    """{"cluster": {number of routes: {"change_ms": [...], "cpu_ms": [...], "ready_ms": [...], "mib": [...], "peak_mib": [...]}}}."""
    ours = [peer for peer in peers if peer.kind == "viaduct"]
    build = ["cargo", "build", "--quiet", "-p", "viaduct-testkit", "--example", "cluster"]
    if not options.no_build:
        subprocess.run(build, cwd=ROOT, check=True)
    results = {}
    for _ in range(options.rounds):
        for peer in ours:
            for count in dict.fromkeys((min(1000, options.routes), options.routes)):
                label = f"{count} routes" if len(ours) == 1 else f"{peer.name}, {count} routes"
                row = results.setdefault(label, {"routes": count})
                for key, value in measure(site, peer, count).items():
                    row.setdefault(key, []).append(value)
    return {"cluster": results}


def missed(cases):
    """One line for each limit that a median is above of."""
    for label, row in cases["cluster"].items():
        for key, limit, told, counts in LIMITS:
            if counts(row["routes"]) and statistics.median(row[key]) > limit:
                yield f"{label}: {told}: {statistics.median(row[key]):.1f}, which is above {limit}"


def measure(site, peer, count):
    backends = [Backend(body) for body in (b"one", b"two")]
    with Cluster(count, backends[0].port) as cluster:
        port = procs.free_port()
        process = procs.start(f"{peer.name}-cluster-{count}", [peer.binary, *arguments(cluster, port)],
                              site.dir, procs.PROXY_CPU, port)
        try:
            wait(Client(cluster, port, f"r{count - 1}.bench.test"), lambda answer: answer == b"one")
            ready = time.time() - cluster.ask("listed")
            client = Client(cluster, port, "r0.bench.test")
            wait(client, lambda answer: answer == b"one")
            pids = procs.tree(process.pid)
            times, cpu = [], []
            for number in range(CHANGES):
                time.sleep(0.3)  # the change before is over, whatever it left to do
                target = backends[(number + 1) % 2]
                before = procs.cpu_seconds(pids)
                changed = cluster.ask(f"endpoint {target.port}")
                wait(client, lambda answer: answer == target.body)
                times.append((time.time() - changed) * 1000)
                time.sleep(0.3)
                cpu.append((procs.cpu_seconds(pids) - before) * 1000)
            memory = status(process.pid)
            return {"change_ms": statistics.median(times), "cpu_ms": statistics.median(cpu), "ready_ms": ready * 1000,
                    "mib": memory["VmRSS"] / 1024, "peak_mib": memory["VmHWM"] / 1024}
        finally:
            procs.stop(process)
            for backend in backends:
                backend.stop()


def arguments(cluster, port):
    return [
        f"--entryPoints.websecure.address=127.0.0.1:{port}", "--entryPoints.websecure.http.tls=true",
        "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false", "--viaduct.workers=1",
        "--viaduct.allowLoopbackEndpoints=true", "--providers.providersThrottleDuration=0s",
        "--providers.kubernetesCRD=true", f"--providers.kubernetesCRD.endpoint={cluster.url}",
        f"--providers.kubernetesCRD.token={cluster.token}", f"--providers.kubernetesCRD.certAuthFilePath={cluster.ca}",
    ]


def status(pid):
    """KiB of what /proc says of a process."""
    with open(f"/proc/{pid}/status") as file:
        fields = (line.split() for line in file)
        return {field[0].rstrip(":"): int(field[1]) for field in fields if field[0].startswith("Vm")}


def wait(client, fits):
    deadline = time.monotonic() + 120
    while not fits(client.ask()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{client.host} does not answer as it should")


class Cluster:
    """The tests' API server with so many routes, in a process of its own."""

    def __init__(self, count, port):
        self.command = ["taskset", "-c", procs.LOAD_CPU, str(SERVER), str(count), str(port)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = self.line()
        self.url, self.token, self.ca, self.front = (told[key] for key in ("url", "token", "ca", "front"))
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the cluster has ended")
        return json.loads(line)

    def ask(self, order):
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return self.line()["at"]


class Client:
    """Asks for one host, over one connection as long as it holds."""

    def __init__(self, cluster, port, host):
        self.host, self.connection = host, Connection(cluster.front, port, host)

    def ask(self):
        """The body of an answer, if it is a good one."""
        try:
            self.connection.request("GET", "/", headers={"Host": self.host})
            answer = self.connection.getresponse()
            body = answer.read()
            return body if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return None


class Backend:
    """Says who it is."""

    def __init__(self, body):
        self.body = body

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Its answers are two writes, and the second would wait for the acknowledgement of the first.
            disable_nagle_algorithm = True

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
