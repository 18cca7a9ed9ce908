"""A Hub on 127.0.0.1 for the real `huggingface_hub` client: it serves what a test publishes and
fails as the test asks.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from huggingface_hub import constants

from ganapps.errors import WeightsError
from ganapps.models import hub
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub import asking, disk, transfer

# kept by their sha256 and served by the second host, as the real Hub does
LARGE = (
    ".safetensors",
    ".pkl",
    ".pt",
    ".pth",
    ".bin",
)


@dataclass
class Repository:
    """The commits of one repository (files by commit), its branches, and who may read it."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    door: str = "open"  # open, gated, private, disabled


@dataclass(frozen=True)
class Request:
    """One request as it came in: `host` is "hub" or "cdn"."""

    method: str
    path: str
    host: str
    token: str | None
    range: str | None


@dataclass
class Faults:
    """What goes wrong, by file name. Lists are used up from the front, one entry per request."""

    # answers instead of the file; 0 serves it
    statuses: dict[str, list[int]] = field(default_factory=dict)
    # bytes after which the connection is closed
    cuts: dict[str, list[int]] = field(default_factory=dict)
    corrupt: set[str] = field(default_factory=set)  # one byte is wrong, the length is right
    # the second host takes the request and says nothing
    mute: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)  # the body stops coming after its first part
    pause: float = 0.0  # seconds between two parts
    part: int = 1 << 18  # bytes in a part
    login_page: bool = False  # every answer is a web page without the Hub's headers


class LocalHub:
    """Two servers, the Hub and its CDN, that run until `close`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults = Faults()
        self.requests: list[Request] = []
        self.open = threading.Event()
        self.open.set()
        self._servers = [
            ThreadingHTTPServer(
                ("127.0.0.1", 0), type("Host", (self.handler(),), {"hub": self, "host": host})
            )
            for host in ("hub", "cdn")
        ]
        hub, cdn = (server.server_port for server in self._servers)
        # clients before 2.0 tell hosts apart by name only
        self.url, self.cdn = (
            f"http://127.0.0.1:{hub}",
            f"http://localhost:{cdn}",
        )
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
            ).start()

    def handler(self) -> type[_Host]:
        """What answers its requests."""
        return _Host

    def publish(
        self, repo: str, files: dict[str, bytes], branch: str | None = None, door: str = "open"
    ) -> str:
        """A new commit with exactly these files; returns its 40 hexadecimal digits. `branch`: also
        refs/pr/N, or the commit's own digits.
        """
        content = "".join(
            f"{name} {hashlib.sha256(body).hexdigest()}\n" for name, body in sorted(files.items())
        )
        branch = branch or "main"
        commit = (
            branch
            if re.fullmatch("[0-9a-f]{40}", branch)
            else hashlib.sha1(f"{repo}\n{content}".encode()).hexdigest()
        )
        repository = self.repositories.setdefault(repo, Repository())
        repository.commits[commit], repository.branches[branch], repository.door = (
            files,
            commit,
            door,
        )
        return commit

    def close(self) -> None:
        self.open.clear()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def body_of(self, digest: str) -> tuple[str, bytes] | None:
        """Name and content of the published file with this sha256."""
        every = (
            item
            for r in self.repositories.values()
            for files in r.commits.values()
            for item in files.items()
        )
        return next((item for item in every if hashlib.sha256(item[1]).hexdigest() == digest), None)


class _Host(BaseHTTPRequestHandler):
    """One connection to one of the two hosts."""

    hub: LocalHub
    host: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Tests print nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if not self.hub.open.is_set():
            self.close_connection = True
            return
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        self.hub.requests.append(
            Request(self.command, self.path, self.host, token, self.headers.get("Range"))
        )
        try:
            if self.hub.faults.login_page:
                self._send(200, {}, b"<html>Please sign in</html>")
            elif self.host == "cdn":
                self._from_cdn(self.path.strip("/"))
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path):
                self._resolve(match[1], unquote(match[2]), unquote(match[3]), token)
            else:
                self._send(200 if self.path == "/" else 404, {})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _resolve(self, repo: str, revision: str, name: str, token: str | None) -> None:
        statuses = self.hub.faults.statuses.get(name)
        status = statuses.pop(0) if statuses else 0
        if status:
            return self._send(status, {})
        repository = self.hub.repositories.get(repo)
        refusal = _refusal(repository, token)
        if refusal:
            return self._refuse(*refusal)
        commit = repository.branches.get(revision, revision)
        if commit not in repository.commits:
            return self._refuse(404, "RevisionNotFound")
        if name not in repository.commits[commit]:
            return self._refuse(404, "EntryNotFound")
        return self._found(commit, name, repository.commits[commit][name])

    def _found(self, commit: str, name: str, body: bytes) -> None:
        if not name.endswith(LARGE):
            git = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
            return self._file(name, body, {"X-Repo-Commit": commit, "ETag": f'"{git}"'})
        digest = hashlib.sha256(body).hexdigest()
        return self._send(
            302,
            {
                "X-Repo-Commit": commit,
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(body)),
                "X-Xet-Hash": digest,
                "X-Xet-Refresh-Route": f"{self.hub.url}/api/xet",
                "Location": f"{self.hub.cdn}/{digest}",
            },
        )

    def _from_cdn(self, digest: str) -> None:
        found = self.hub.body_of(digest)
        if found is None:
            return self._send(404, {})
        return self._file(*found, {"ETag": f'"{digest}"'})

    def _file(self, name: str, body: bytes, headers: dict[str, str]) -> None:
        if self.command == "GET":
            self._wait_while(self.hub.faults.mute, name)
        if name in self.hub.faults.corrupt:
            body = bytes([body[0] ^ 255]) + body[1:]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(asked[1]) if asked else 0
        if asked:
            headers = headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        self._head(206 if asked else 200, headers, len(body) - start)
        if self.command == "GET":
            self._body(name, body[start:])

    def _body(self, name: str, body: bytes) -> None:
        faults = self.hub.faults
        end = faults.cuts[name].pop(0) if faults.cuts.get(name) else len(body)
        for at in range(0, min(end, len(body)), faults.part):
            self.wfile.write(body[at : min(at + faults.part, end)])
            time.sleep(faults.pause)
            self._wait_while(faults.silent, name)
        self.close_connection = end < len(body)

    def _wait_while(self, names: set[str], name: str) -> None:
        while name in names and self.hub.open.is_set():
            time.sleep(0.02)

    def _refuse(self, status: int, code: str) -> None:
        header = {"X-Error-Message": code} if code.startswith("Access") else {"X-Error-Code": code}
        self._send(status, header)

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self._head(status, headers, len(body))
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(length)}).items():
            self.send_header(name, value)
        self.end_headers()


def _refusal(repository: Repository | None, token: str | None) -> tuple[int, str] | None:
    """Status and code with which the Hub keeps its door shut: it does not tell a stranger a missing
    repository from a private one.
    """
    door = repository.door if repository else "missing"
    if door == "disabled":
        return 403, "Access to this resource is disabled."
    if door == "gated" and token != "accepted":
        return 403 if token else 401, "GatedRepo"
    if door == "missing" or (door == "private" and token != "accepted"):
        return 404 if token else 401, "RepoNotFound"
    return None


def point_client_at(monkeypatch: Any, url: str, cache: Path) -> None:
    """The client reads its environment once, at import: this sets what it read then."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_TOKEN_PATH": f"{cache}-token",
        "AGENT_HARNESSES_PATH": f"{cache}-harnesses.json",
        "HF_HUB_OFFLINE": False,
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value, raising=False)


# What the tests of hub, disk and transfer share

WEIGHTS = os.urandom(300_000)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
FILE = "m/faces.safetensors"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache and empty shipped folder, and nothing remembered from the test before."""
    monkeypatch.setattr(disk, "WEIGHTS", tmp_path / "weights")
    monkeypatch.delenv("GANAPPS_WEIGHTS", raising=False)
    (tmp_path / "weights").mkdir()
    disk._hashes.clear()
    asking._reached.clear()
    asking._given_up.clear()
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch, cache) -> Iterator[LocalHub]:
    """A LocalHub that this process's client talks to."""
    running = LocalHub()
    point_client_at(monkeypatch, running.url, cache)
    yield running
    running.close()


@pytest.fixture
def hurry(monkeypatch):
    """The client's pauses between its tries, and ours, a hundred times shorter."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 100))
    monkeypatch.setattr(transfer, "PAUSES", (0.02, 0.02))


def row(*sources: Source) -> Checkpoint:
    return Checkpoint(
        id="faces",
        title="Faces",
        task="faces",
        network="stylegan2",
        sources=sources,
        format="safetensors",
        licence="MIT",
        commercial="yes",
        trained_on="heads",
        paper="none",
        parameters=1,
        data="heads",
    )


def source(commit: str | None = None, repo: str = "ann/faces", file: str = FILE, **facts) -> Source:
    return Source(file, repo, commit, **facts)


def finish(steps) -> tuple[hub.Located, list[hub.Progress]]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return end.value, seen


def fetched(*sources: Source, offline: bool = False) -> hub.Located:
    return finish(hub.fetch(row(*sources), offline))[0]


def refusal(*sources: Source, offline: bool = False) -> str:
    with pytest.raises(WeightsError) as caught:
        fetched(*sources, offline=offline)
    return str(caught.value)


def partial_files(cache: Path) -> list[Path]:
    return list(cache.rglob("*.incomplete"))
