"""Memory per idle TLS connection: many keep-alive connections with one request each, then silence."""
import socket
import ssl
import sys
import time

from . import procs
from .site import HOST

WARM = 50


def run(site, peers, options):
    """{"idle": {peer: {"bytes": [...], "base_kib": [...]}}}."""
    count = max(50, int(options.connections * options.scale))
    results = {}
    for peer in peers:
        try:
            process, port = peer.start(site)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            continue
        try:
            results[peer.name] = measure(site, process, port, count)
        finally:
            procs.stop(process)
    return {"idle": results}


def measure(site, process, port, count):
    context = ssl.create_default_context(cafile=site.dir / "edge-ca.crt")
    held = [connect(context, port) for _ in range(WARM)]
    base = settled(process)
    held += [connect(context, port) for _ in range(count)]
    grown = settled(process) - base
    for connection in held:
        connection.close()
    return {"bytes": [grown * 1024 / count], "base_kib": [base]}


def connect(context, port):
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname=HOST)
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    answer = b""
    while b"x" * 1024 not in answer:
        received = connection.recv(65536)
        if not received:
            raise RuntimeError(f"closed after {answer[:200]!r}")
        answer += received
    return connection


def settled(process):
    """Memory when it has not changed for a second (allocators give back late), at most ten later."""
    last, same, deadline = None, 0, time.monotonic() + 10
    while same < 4 and time.monotonic() < deadline:
        time.sleep(0.25)
        now = procs.memory_kib(procs.tree(process.pid))
        same, last = (same + 1, last) if now == last else (0, now)
    return last
