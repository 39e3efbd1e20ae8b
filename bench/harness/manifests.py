"""The bridge as Kubernetes manifests, for `viaduct up`."""
import base64
import json

from .site import HOST


def bridge(site, directory, hosts=(HOST,)):
    """One backend behind one IngressRoute per host; the first has a file of its own."""
    directory.mkdir(exist_ok=True)
    (directory / "site.yaml").write_text(documents(
        secret("edge-tls", {"tls.crt": site.dir / "edge.crt", "tls.key": site.dir / "edge.key"}),
        secret("backend-ca", {"ca.crt": site.dir / "backend-ca.crt"}),
        {"apiVersion": "v1", "kind": "Service", "metadata": named("backend-svc"),
         "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "https", "port": 443}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
         "metadata": {**named("backend-svc-1"), "labels": {"kubernetes.io/service-name": "backend-svc"}},
         "addressType": "IPv4", "ports": [{"name": "https", "port": site.backend_port}],
         "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}]},
        {"apiVersion": "traefik.io/v1alpha1", "kind": "ServersTransport", "metadata": named("web-transport"),
         "spec": {"serverName": HOST, "rootCAs": [{"secret": "backend-ca"}], "maxIdleConnsPerHost": 512,
                  "disableHTTP2": True}},
    ))
    first, *others = hosts
    (directory / "route.yaml").write_text(documents(route("web", first)))
    (directory / "routes.yaml").write_text(documents(*(route(f"r{n}", host) for n, host in enumerate(others))))


def route(name, host):
    return {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": named(name), "spec": {
        "entryPoints": ["websecure"],
        "routes": [{"kind": "Rule", "match": f"Host(`{host}`)", "services": [
            {"name": "backend-svc", "port": 443, "scheme": "https", "serversTransport": "web-transport"}]}],
        "tls": {"secretName": "edge-tls"}}}


def secret(name, files):
    data = {key: base64.b64encode(path.read_bytes()).decode() for key, path in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": named(name), "data": data}


def named(name):
    return {"name": name, "namespace": "web"}


def documents(*objects):
    """JSON is YAML."""
    return "".join(f"---\n{json.dumps(object)}\n" for object in objects)
