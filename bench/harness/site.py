"""What every proxy is measured between: certificates, a backend, a directory for files."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import procs

HOST = "web.example.com"
CONF = pathlib.Path(__file__).parent / "conf"


class Site:
    """Two CAs, one certificate of each, and nginx as the backend."""

    def __init__(self, nginx, observed=False):
        """`observed`: every proxy writes a JSON access log and offers its metrics."""
        self.nginx, self.observed = nginx, observed

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="viaduct-bench-"))
        os.chmod(self.dir, 0o755)
        make_certificates(self.dir)
        (self.dir / "www").mkdir()
        (self.dir / "www/1m.bin").write_bytes(os.urandom(1 << 20))
        self.backend_port, self.plain_port = procs.free_port(), procs.free_port()
        conf = self.fill("backend.conf", body="x" * 1024)
        self.backend = procs.start(
            "backend", [self.nginx, "-p", self.dir, "-c", conf, "-e", "stderr"],
            self.dir, cpu=procs.LOAD_CPU, port=self.backend_port)
        return self

    def __exit__(self, *_):
        procs.stop(self.backend)
        shutil.rmtree(self.dir, ignore_errors=True)

    def fill(self, name, **values):
        """Writes the template `conf/NAME` into the directory; returns its path."""
        values = {"dir": self.dir, "backend": self.backend_port, "plain": self.plain_port, **values}
        text = (CONF / name).read_text()
        if self.observed:
            values["metrics"] = procs.free_port()
            text = text.replace("#observed ", "")
        for key, value in values.items():
            text = text.replace("{{" + key + "}}", str(value))
        path = self.dir / (f"{values['port']}-{name}" if "port" in values else name)
        path.write_text(text)
        return path


def make_certificates(directory):
    """P-256 throughout: `edge.*` signed by `edge-ca`, `backend.*` by `backend-ca`."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    for name in ("edge", "backend"):
        for key in (f"{name}-ca", name):
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{key}.key")
        openssl("req", "-x509", "-new", "-key", f"{name}-ca.key", "-days", "30", "-subj", f"/CN={name} CA",
                "-out", f"{name}-ca.crt")
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={HOST}", "-out", f"{name}.csr")
        (directory / f"{name}.ext").write_text(f"subjectAltName=DNS:{HOST},DNS:*.bench.test\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{name}-ca.crt", "-CAkey", f"{name}-ca.key",
                "-CAcreateserial", "-days", "30", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        pair = (directory / f"{name}.crt").read_text() + (directory / f"{name}.key").read_text()
        (directory / f"{name}.pem").write_text(pair)
