"""Runs the site behind real proxies, configured by the very texts of docs/proxies.md; knows nothing of streams."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.services import Missing, Server

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "proxies.md"
UPSTREAM = "127.0.0.1:8000"
"""Where the application is, in the documented configurations."""

READ_TIMEOUT = 3
"""Seconds that the doors to the brisk application bear silence."""

TYPES = "text/event-stream application/json"
"""What is compressed: more than anybody should."""


def documented(language: str) -> str:
    """The configuration in that language that users are told."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


def change(text: str, changes: dict[str, str]) -> str:
    """What can't be the same here: addresses, files, the pace. Each must be there."""
    for old, new in changes.items():
        assert old in text, f"docs/proxies.md does not say {old!r} any more"
        text = text.replace(old, new)
    return text


# --- the application ---------------------------------------------------------------------


class Application(Server):
    """The site, served by uvicorn, that can be killed, paused and asked to stop."""

    def __init__(self, folder: Path, port: int, settings: dict[str, Any]) -> None:
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.proxies.site_settings",
            "RXSSE_TEST_SITE_DATABASE": str(folder / "site.sqlite3"),
            "RXSSE_TEST_SITE_SETTINGS": json.dumps(settings),
            "PYTHONPATH": str(ROOT),
        }
        assignments = [f"{name}={value}" for name, value in environment.items()]
        command = [sys.executable, "-m", "uvicorn", "--factory", "rxsse.asgi:get_asgi_application"]
        options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        super().__init__(["env", *assignments, *command, *options], port, folder)
        self.database = folder / "site.sqlite3"
        self.environment = os.environ | environment
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    def migrate(self) -> None:
        """Make its database."""
        command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--skip-checks", "--verbosity", "0"]
        subprocess.run(command, env=self.environment, check=True, cwd=ROOT)

    def answers(self) -> bool:
        try:
            return self._client.get("/page/").status_code == 200
        except httpx.TransportError:
            return False

    def ask_to_end(self) -> None:
        """What a deploy sends."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait_for_end(self) -> None:
        """Until it has ended by itself."""
        assert self._process is not None
        self._process.wait(20)
        self._process = None

    def ask(self, path: str, **parameters: Any) -> Any:
        """A plain view's answer, past every proxy."""
        response = self._client.get(path, params=parameters).raise_for_status()
        return response.json() if response.content else None

    def close(self) -> None:
        self.stop()
        self._client.close()


# --- what stands before it ---------------------------------------------------------------


class Certificate:
    """Made by itself, for this machine."""

    def __init__(self, folder: Path) -> None:
        self.chain, self.key = folder / "certificate.pem", folder / "key.pem"
        program = shutil.which("openssl")
        if program is None:
            raise Missing("no openssl: apt-get install openssl")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext"
        files = ["-out", str(self.chain), "-keyout", str(self.key)]
        subprocess.run([program, *make.split(), names, *files], check=True, capture_output=True)
        self.trust = ssl.create_default_context(cafile=str(self.chain))


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: a proxy, and how it is spoken to."""

    name: str
    calm: str
    """URL by which it leads to the application that is silent for a minute."""
    brisk: str
    """URL by which it leads to the one that marks; it bears three seconds of silence, if it minds silence at all."""
    http2: bool = False


@dataclass(frozen=True, slots=True)
class Applications:
    calm: Application
    brisk: Application


class Proxy(Server):
    """Listens on several ports."""

    def __init__(self, command: list[str], ports: list[int], folder: Path) -> None:
        super().__init__(command, ports[0], folder)
        self._ports = ports

    def answers(self) -> bool:
        return all(_listens(port) for port in self._ports)


NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  gzip on;
  gzip_types {types};
  {servers}
}}
"""


def _nginx(folder: Path, servers: list[str], ports: list[int]) -> Proxy:
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, types=TYPES, servers="\n".join(servers)))
    command = [program("nginx"), "-c", str(configuration), "-p", str(folder), "-e", str(folder / "early")]
    return Proxy(command, ports, folder)


def _nginx_server(port: int, upstream: int, certificate: Certificate | None, *, hurried: bool = False) -> str:
    text = documented("nginx")
    changes = {UPSTREAM: f"127.0.0.1:{upstream}", "application": f"application{port}"}
    if certificate is None:
        text = re.sub(r".*ssl_certificate.*\n", "", text)
        changes |= {"listen 443 ssl http2": f"listen 127.0.0.1:{port}"}
    else:
        changes |= {"listen 443": f"listen 127.0.0.1:{port}"}
        changes |= {"/etc/ssl/example.org.pem": str(certificate.chain)}
        changes |= {"/etc/ssl/example.org.key": str(certificate.key)}
    changes |= {"proxy_read_timeout 60s": f"proxy_read_timeout {READ_TIMEOUT}s"} if hurried else {}
    return change(text, changes)


def nginx(folder: Path, applications: Applications, certificate: Certificate) -> tuple[Proxy, list[Door]]:
    """Its process, and its doors."""
    clear, clear_brisk, secure, secure_brisk = ports = free_ports(4)
    servers = [
        _nginx_server(clear, applications.calm.port, None),
        _nginx_server(clear_brisk, applications.brisk.port, None, hurried=True),
        _nginx_server(secure, applications.calm.port, certificate),
        _nginx_server(secure_brisk, applications.brisk.port, certificate, hurried=True),
    ]
    return _nginx(folder, servers, ports), [
        Door("nginx-http1", f"http://127.0.0.1:{clear}", f"http://127.0.0.1:{clear_brisk}"),
        Door("nginx-tls", f"https://127.0.0.1:{secure}", f"https://127.0.0.1:{secure_brisk}"),
        Door("nginx-http2", f"https://127.0.0.1:{secure}", f"https://127.0.0.1:{secure_brisk}", http2=True),
    ]


def nginx_before(pushpin: Proxy, folder: Path, certificate: Certificate) -> tuple[Proxy, list[Door]]:
    """For HTTP/2, which Pushpin doesn't speak."""
    (port,) = free_ports(1)
    return _nginx(folder, [_nginx_server(port, pushpin.port, certificate)], [port]), [
        Door("nginx+pushpin-http2", f"https://127.0.0.1:{port}", f"https://localhost:{port}", http2=True)
    ]


CADDY = """
{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
"""

HURRIED = """reverse_proxy 127.0.0.1:8000 {
		transport http {
			read_timeout %ds
		}
	}"""


def caddy(folder: Path, applications: Applications, certificate: Certificate) -> tuple[Proxy, list[Door]]:
    text = documented("caddyfile")
    ports = free_ports(4)
    tls = "tls /etc/ssl/example.org.pem /etc/ssl/example.org.key"

    def site(number: int, upstream: int, *, clear: bool, hurried: bool) -> str:
        scheme = "http" if clear else "https"
        names = [f"{scheme}://{name}:{ports[number]}" for name in ("127.0.0.1", "localhost")]
        changes = {"example.org {": f"{', '.join(names)} {{\n\tbind 127.0.0.1"}
        changes |= {tls: "" if clear else f"tls {certificate.chain} {certificate.key}"}
        changes |= {f"reverse_proxy {UPSTREAM}": HURRIED % READ_TIMEOUT} if hurried else {}
        return change(text, {**changes, UPSTREAM: f"127.0.0.1:{upstream}"})

    calm, brisk = applications.calm.port, applications.brisk.port
    sites = [
        site(0, calm, clear=True, hurried=False),
        site(1, brisk, clear=True, hurried=True),
        site(2, calm, clear=False, hurried=False),
        site(3, brisk, clear=False, hurried=True),
    ]
    configuration = folder / "Caddyfile"
    configuration.write_text(CADDY + "\n".join(sites))
    environment = [f"{name}={folder}" for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")]
    command = ["env", *environment, program("caddy"), "run", "--config", str(configuration), "--adapter", "caddyfile"]
    clear, clear_brisk, through, through_brisk = ports
    return Proxy(command, ports, folder), [
        Door("caddy-http1", f"http://127.0.0.1:{clear}", f"http://127.0.0.1:{clear_brisk}"),
        Door("caddy-tls", f"https://127.0.0.1:{through}", f"https://127.0.0.1:{through_brisk}"),
        Door("caddy-http2", f"https://127.0.0.1:{through}", f"https://127.0.0.1:{through_brisk}", http2=True),
    ]


class Pushpin(Proxy):
    stopped_by = signal.SIGTERM  # it has processes of its own to stop

    def answers(self) -> bool:
        """It listens before those of its processes that ask the application are there: until then it is 502."""
        try:
            return super().answers() and httpx.get(f"http://127.0.0.1:{self.port}/page/", trust_env=False).is_success
        except httpx.TransportError:
            return False


def pushpin(folder: Path, applications: Applications, certificate: Certificate) -> tuple[Pushpin, list[Door]]:
    """It leads to the brisk application whoever asks for ``localhost``."""
    clear, secure, publishing = free_ports(3)
    changes = {"rundir=/run/pushpin": f"rundir={folder}/run", "logdir=/var/log/pushpin": f"logdir={folder}/logs"}
    changes |= {"http_port=80": f"http_port=127.0.0.1:{clear}", "https_ports=443": f"https_ports=127.0.0.1:{secure}"}
    changes |= {"push_in_http_port=5561": f"push_in_http_port={publishing}"}
    configuration = folder / "pushpin.conf"
    configuration.write_text(change(documented("ini"), changes))
    routes = change(documented("text"), {UPSTREAM: f"127.0.0.1:{applications.calm.port}"})
    (folder / "routes").write_text(f"localhost 127.0.0.1:{applications.brisk.port}\n{routes}")
    certificates = folder / "runner" / "certs"
    certificates.mkdir(parents=True)
    shutil.copy(certificate.chain, certificates / f"default_{secure}.crt")
    shutil.copy(certificate.key, certificates / f"default_{secure}.key")
    (folder / "run").mkdir()
    (folder / "logs").mkdir()
    command = [program("pushpin"), f"--config={configuration}"]
    return Pushpin(command, [clear, secure], folder), [
        Door("pushpin-http1", f"http://127.0.0.1:{clear}", f"http://localhost:{clear}"),
        Door("pushpin-tls", f"https://127.0.0.1:{secure}", f"https://localhost:{secure}"),
    ]


def free_ports(count: int) -> list[int]:
    """All different, as those that are asked for one by one need not be."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def program(name: str) -> str:
    """Where it is; raises `Missing`."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"no {name}: apt-get install {name}")
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"rxsse-{name}-") as found:
        yield Path(found)
