"""A Hub on 127.0.0.1 that takes Spaces: they are made, filled by commits, and given hardware."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.local_hub import LARGE, LocalHub, _Host

LARGEST = 10 * 2**20  # bytes that the Hub takes into git itself


@dataclass
class Space:
    """A Space: its files, and what was asked for it. `git` are the names of files inside git."""

    files: dict[str, bytes] = field(default_factory=dict)
    git: set[str] = field(default_factory=set)
    hardware: str | None = None
    private: bool = False
    commits: int = 0


class SpacesHub(LocalHub):
    """A LocalHub whose owners have a token each."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.owners = {"ann-token": "ann", "bob-token": "bob"}
        self.large: dict[str, bytes] = {}  # by sha256: what came by LFS
        self.cut: set[str] = set()  # sha256 of large files at which the connection is closed
        super().__init__()

    def handler(self) -> type[_Host]:
        return _SpacesHost


class _SpacesHost(_Host):
    """One connection to it."""

    hub: SpacesHub

    def do_POST(self) -> None:
        self._written()

    def do_PUT(self) -> None:
        self._written()

    def do_GET(self) -> None:
        token = self._token()
        path = urlsplit(self.path).path
        if path == "/api/whoami-v2":
            owner = self.hub.owners.get(token or "")
            if owner is None:
                return self._told(401, {"error": "Invalid user token."})
            return self._told(200, {"name": owner, "type": "user", "orgs": []})
        if match := re.fullmatch(r"/api/spaces/([^/]+/[^/]+)(/.*)?", path):
            return self._facts(match[1], match[2] or "")
        return super().do_GET()

    def _token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def _facts(self, name: str, rest: str) -> None:
        space = self.hub.spaces.get(name)
        if space is None:
            return self._told(
                404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
            )
        if rest.startswith("/tree/"):
            files = [
                {"type": "file", "path": path, "size": len(body), "oid": "0" * 40}
                for path, body in space.files.items()
            ]
            return self._told(200, files)
        return self._told(200, {"id": name, "sha": "0" * 40, "siblings": []})

    def _written(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        if not self.hub.open.is_set():
            self.close_connection = True
            return None
        if path.startswith("/large/"):
            return self._large(path.rsplit("/", 1)[1], body)
        if path == "/api/validate-yaml":
            return self._told(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self._made(json.loads(body))
        if match := re.fullmatch(r"/spaces/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body))
        match = re.fullmatch(
            r"/api/spaces/([^/]+/[^/]+)/(preupload|commit|hardware|settings)(/main)?", path
        )
        if match is None:
            return self._told(404, {"error": "Not found"})
        name = match[1]
        if self.hub.owners.get(self._token() or "") != name.split("/")[0]:
            return self._told(403, {"error": "You don't have the rights to write here"})
        return getattr(self, f"_{match[2]}")(self.hub.spaces[name], body)

    def _made(self, asked: dict[str, Any]) -> None:
        owner = self.hub.owners.get(self._token() or "")
        name = f"{asked.get('organization') or owner}/{asked['name']}"
        if name.split("/")[0] != owner:
            return self._told(403, {"error": "You don't have the rights to create here"})
        if asked.get("hardware") == "sundial":
            return self._told(400, {"error": "There is no hardware of that name"})
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        files = {"README.md": b"---\n", ".gitattributes": b""}
        self.hub.spaces[name] = Space(files, hardware=asked.get("hardware"), private=private)
        return self._told(200, {"url": f"{self.hub.url}/spaces/{name}"})

    def _preupload(self, space: Space, body: bytes) -> None:
        files = []
        for file in json.loads(body)["files"]:
            large = file["path"].endswith(LARGE) or file["size"] > LARGEST
            mode = "lfs" if large else "regular"
            files.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False})
        self._told(200, {"files": files})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for file in asked["objects"]:
            answer: dict[str, Any] = {"oid": file["oid"], "size": file["size"]}
            if file["oid"] not in self.hub.large:
                answer["actions"] = {"upload": {"href": f"{self.hub.url}/large/{file['oid']}"}}
            objects.append(answer)
        self._told(200, {"transfer": "basic", "objects": objects})

    def _large(self, digest: str, body: bytes) -> None:
        if digest in self.hub.cut:
            self.close_connection = True
            return None
        assert hashlib.sha256(body).hexdigest() == digest
        self.hub.large[digest] = body
        return self._told(200, {})

    def _commit(self, space: Space, body: bytes) -> None:
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                space.files[value["path"]] = base64.b64decode(value["content"])
                space.git.add(value["path"])
            elif entry["key"] == "lfsFile":
                space.files[value["path"]] = self.hub.large[value["oid"]]
            elif entry["key"] == "deletedFile":
                del space.files[value["path"]]
        space.commits += 1
        self._told(
            200,
            {
                "commitUrl": f"{self.hub.url}/spaces/a/b/commit/{'1' * 40}",
                "commitOid": "1" * 40,
                "success": True,
            },
        )

    def _hardware(self, space: Space, body: bytes) -> None:
        space.hardware = json.loads(body)["flavor"]
        self._told(200, {"stage": "BUILDING", "hardware": {"requested": space.hardware}})

    def _settings(self, space: Space, body: bytes) -> None:
        space.private = json.loads(body)["visibility"] == "private"
        self._told(200, {})

    def _chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _told(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._head(status, {"Content-Type": "application/json"} | (headers or {}), len(body))
        self.wfile.write(body)
