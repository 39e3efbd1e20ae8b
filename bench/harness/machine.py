"""What a figure was measured on and with."""
import os
import platform
import re
import subprocess


def facts(peers):
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "h2load": version("h2load", "--version"),
        "openssl": version("openssl", "version"),
        "peers": {peer.name: version(peer.binary, *VERSION.get(peer.kind, ["--version"])) for peer in peers},
    }


def cpu_name():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"model name\s*:\s*(.+)", file.read())
    return found.group(1) if found else platform.machine()


def version(binary, *arguments):
    """The first line that has a number in it."""
    try:
        done = subprocess.run([binary, *arguments], text=True, capture_output=True, timeout=20)
    except OSError as error:
        return str(error)
    lines = (done.stdout + done.stderr).splitlines()
    return next((line.split(": ", 1)[-1].strip() for line in lines if re.search(r"\d+\.\d+", line)), "unknown")


VERSION = {"nginx": ["-v"], "haproxy": ["-v"], "caddy": ["version"], "viaduct": ["version"]}
