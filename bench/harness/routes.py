"""What many routes cost Viaduct: per request, at start, and when one of them changes."""
import http.client
import ssl
import statistics
import time

from . import manifests, procs
from .load import h2load
from .site import HOST

CHANGES = 7
FIRST = "first.bench.test"


def run(site, peers, options):
    """{"routes": {number of routes: {"us": [...], "load_ms": [...], "change_ms": [...]}}}."""
    ours = [peer for peer in peers if peer.kind == "viaduct"]
    counts = (1, options.routes)
    results = {}
    for _ in range(options.rounds):
        for peer in ours:
            for count in counts:
                label = f"{count} routes" if len(ours) == 1 else f"{peer.name}, {count} routes"
                row = results.setdefault(label, {"us": [], "load_ms": [], "change_ms": []})
                for key, value in measure(site, peer, count, options.scale).items():
                    row[key].append(value)
    return {"routes": results}


def measure(site, peer, count, scale):
    hosts = [FIRST, *(f"r{n}.bench.test" for n in range(count - 1))]
    directory = site.dir / f"{peer.name}-{count}.d"
    manifests.bridge(site, directory, hosts)
    port = procs.free_port()
    started = time.monotonic()
    process = procs.start(
        f"{peer.name}-{count}", [peer.binary, "up", directory, "--entrypoint", f"websecure=127.0.0.1:{port}", "--workers", "1"],
        site.dir, procs.PROXY_CPU, port)
    try:
        client = Client(site, port)
        client.wait(hosts[-1], 200)
        load = time.monotonic() - started
        requests = max(64, int(30_000 * scale))
        host = hosts[len(hosts) // 2]
        h2load(port, max(64, requests // 10), "--h1", "-c64", host=host)
        pids = procs.tree(process.pid)
        before = procs.cpu_seconds(pids)
        h2load(port, requests, "--h1", "-c64", host=host)
        us = (procs.cpu_seconds(pids) - before) / requests * 1e6
        return {"us": us, "load_ms": load * 1000, "change_ms": statistics.median(changes(client, directory))}
    finally:
        procs.stop(process)


def changes(client, directory):
    """Milliseconds from a changed file to the first answer under the new rule."""
    for number in range(CHANGES):
        host = f"changed{number}.bench.test"
        aside = directory.parent / "route.new"
        aside.write_text(manifests.documents(manifests.route("web", host)))
        started = time.monotonic()
        aside.rename(directory / "route.yaml")
        client.wait(host, 200)
        yield (time.monotonic() - started) * 1000


class Connection(http.client.HTTPConnection):
    """TLS under a name that the certificate has, whatever the Host of a request."""

    def __init__(self, authority, port, name):
        super().__init__("127.0.0.1", port, timeout=10)
        self.context, self.name = ssl.create_default_context(cafile=authority), name

    def connect(self):
        super().connect()
        self.sock = self.context.wrap_socket(self.sock, server_hostname=self.name)


class Client:
    """One connection for questions in quick succession."""

    def __init__(self, site, port):
        self.connection = Connection(site.dir / "edge-ca.crt", port, HOST)

    def wait(self, host, status):
        deadline = time.monotonic() + 60
        while self.ask(host) != status:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{host} did not answer {status}")
            time.sleep(0.001)

    def ask(self, host):
        try:
            self.connection.request("GET", "/", headers={"Host": host})
            answer = self.connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return None
