"""From a row to a checked file: places in their order, wrong files, and every refusal its
sentence.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from ganapps.errors import UserError
from ganapps.models import hub
from ganapps.models.catalog import Source
from ganapps.models.hub import disk, transfer
from tests.local_hub import (
    FILE,
    SHA256,
    WEIGHTS,
    cache,
    fetched,
    finish,
    hurry,
    partial_files,
    point_client_at,
    refusal,
    row,
    server,
    source,
)

__all__ = ["cache", "hurry", "server"]  # fixtures


# Places, in their order


def test_a_shipped_file_is_found_with_no_network(cache, monkeypatch):
    point_client_at(monkeypatch, "http://127.0.0.1:9", cache)
    (disk.WEIGHTS / "faces.safetensors").write_bytes(WEIGHTS)
    shipped = Source("faces.safetensors", sha256=SHA256, size=len(WEIGHTS))
    assert hub.here(row(shipped)) == hub.Located(
        disk.WEIGHTS / "faces.safetensors", shipped, None, SHA256
    )
    assert fetched(shipped) == hub.here(row(shipped))
    assert fetched(Source("faces.safetensors")).sha256 == SHA256


def test_a_shipped_folder_is_found_whole(cache):
    (disk.WEIGHTS / "tiny/unet").mkdir(parents=True)
    (disk.WEIGHTS / "tiny/model_index.json").write_bytes(b"{}")
    assert fetched(Source("tiny")).path == disk.WEIGHTS / "tiny"
    assert "missing" in refusal(Source("tiny", files=("model_index.json", "unet/config.json")))
    (disk.WEIGHTS / "tiny/unet/config.json").write_bytes(b"[]")
    whole = fetched(Source("tiny", files=("unet/config.json", "model_index.json")))
    listing = "".join(
        f"{hashlib.sha256(body).hexdigest()}  {name}\n"
        for name, body in (("model_index.json", b"{}"), ("unet/config.json", b"[]"))
    )
    assert whole.sha256 == hashlib.sha256(listing.encode()).hexdigest()


def test_the_persons_own_folder_wins(cache, server, monkeypatch, tmp_path):
    own = tmp_path / "own"
    monkeypatch.setenv("GANAPPS_WEIGHTS", str(own))
    (own / "ann/faces/m").mkdir(parents=True)
    for place in (
        disk.WEIGHTS / "a.pt",
        own / "a.pt",
        own / "ann/faces" / FILE,
        own / "other.safetensors",
    ):
        place.write_bytes(WEIGHTS)
    assert fetched(Source("a.pt")).path == own / "a.pt"
    (disk.WEIGHTS / "b.pt").write_bytes(WEIGHTS)
    assert fetched(Source("b.pt")).path == disk.WEIGHTS / "b.pt"
    assert fetched(source("0" * 40)).path == own / "ann/faces" / FILE
    assert (
        fetched(source(repo="bob/x", file="m/other.safetensors", sha256=SHA256)).path
        == own / "other.safetensors"
    )
    assert hub.here(row(source(repo="bob/x", file="m/other.safetensors"))) is None, (
        "a bare name that nothing vouches for"
    )
    assert server.requests == []


def test_a_truncated_file_is_not_here_and_is_named(cache):
    (disk.WEIGHTS / "a.pt").write_bytes(WEIGHTS[:-1])
    assert hub.here(row(Source("a.pt", size=len(WEIGHTS)))) is None
    assert refusal(Source("a.pt", size=len(WEIGHTS))) == (
        f"{disk.WEIGHTS / 'a.pt'} has 299999 bytes, but the file of Faces has 300000: it is "
        "another file and was not used."
    )


def test_a_wrong_file_of_ones_own_is_named_and_kept(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("GANAPPS_WEIGHTS", str(tmp_path))
    (tmp_path / "a.pt").write_bytes(WEIGHTS[::-1])
    (disk.WEIGHTS / "a.pt").write_bytes(WEIGHTS)
    located = fetched(Source("a.pt", sha256=SHA256))
    assert located.path == disk.WEIGHTS / "a.pt" and (tmp_path / "a.pt").exists()
    assert [template.format(**values) for template, values in located.changes] == [
        f"{tmp_path / 'a.pt'} is not the file of Faces: its sha256 is another one, so it was not "
        "used. Replace the file, or correct "
        "the row."
    ]


# The Hub's cache


def test_pinned_and_cached_costs_no_request(server):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    first = fetched(source(commit))
    assert (
        first.revision == commit and first.sha256 == SHA256 and first.path.read_bytes() == WEIGHTS
    )
    server.requests.clear()
    assert fetched(source(commit)) == first
    assert fetched(source(commit), offline=True) == first
    assert hub.here(row(source(commit))).path == first.path
    assert server.requests == []


def test_the_window_can_ask_quickly_what_is_here(server):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    assert hub.here(row(source(commit))) is None
    fetched(source(commit))
    start = time.perf_counter()
    for _ in range(100):
        assert hub.here(row(source(repo="no/where"), source(commit))).revision == commit
    assert time.perf_counter() - start < 1


def test_a_branch_is_asked_for_what_is_newer(server, cache):
    old = server.publish("ann/faces", {FILE: WEIGHTS})
    assert fetched(source()).revision == old
    assert fetched(source()).revision == old
    new = server.publish("ann/faces", {FILE: WEIGHTS[::-1]})
    located = fetched(source("main"))
    assert located.revision == new and located.path.read_bytes() == WEIGHTS[::-1]
    server.faults.statuses[FILE] = [404] * 9
    assert fetched(source(), offline=True).changes == ()
    assert [t.format(**v) for t, v in fetched(source()).changes] == [
        f"The Hub answered 404 for {FILE} of ann/faces: it has trouble of its own, so try again "
        "later.",
        "A newer ann/faces could not be fetched, so the copy on this machine was used.",
    ]


def test_what_another_commit_brought_is_not_fetched_again(server):
    fetched(source(server.publish("ann/faces", {FILE: WEIGHTS})))
    commit = server.publish("ann/faces", {FILE: WEIGHTS, "readme": b"new"})
    server.requests.clear()
    located, seen = finish(hub.fetch(row(source(commit))))
    assert located.revision == commit and {(p.total, str(p)) for p in seen} == {
        (0, "Asking the Hub for Faces")
    }
    assert {r.method for r in server.requests} == {"HEAD"}


def test_a_file_is_read_once_in_a_process(server, monkeypatch):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    fetched(source(commit))
    monkeypatch.setattr(disk, "_parts", None)
    assert fetched(source(commit)).sha256 == SHA256


@pytest.mark.parametrize("file", [FILE, "config.json"])
@pytest.mark.parametrize("offline", [False, True])
def test_a_cached_file_that_rotted_is_deleted_and_fetched_anew(server, cache, file, offline):
    """By the hash under which the Hub's cache keeps it: a sha256 for large files, a git name for
    small ones.
    """
    commit = server.publish("ann/faces", {file: WEIGHTS})
    path = fetched(source(commit, file=file)).path
    path.resolve().write_bytes(WEIGHTS[::-1])
    sentence = (
        f"The copy of {file} from ann/faces on this machine was damaged (not the expected sha256), "
        "so it was deleted: try "
        "again to fetch it anew."
    )
    if offline:
        assert refusal(source(commit, file=file), offline=True).startswith(
            "Faces is not on this machine and the app is offline"
        )
        assert not list(cache.rglob("blobs/*"))
        return
    located = fetched(source(commit, file=file))
    assert located.path.read_bytes() == WEIGHTS
    assert [t.format(**v) for t, v in located.changes] == [sentence]


def test_a_folder_is_fetched_checked_and_found(server, cache):
    files = {
        "unet/model.safetensors": WEIGHTS,
        "unet/config.json": b"{}",
        "model_index.json": b"[]",
        "unet/model.bin": b"never",
    }
    commit = server.publish("ann/ddpm", files)
    wanted = Source(
        "",
        "ann/ddpm",
        commit,
        files=("unet/model.safetensors", "unet/config.json", "model_index.json"),
    )
    located, seen = finish(hub.fetch(row(wanted)))
    assert (
        seen[0].total == len(WEIGHTS) + 4
        and (located.path / "unet/model.safetensors").read_bytes() == WEIGHTS
    )
    assert not (located.path / "unet/model.bin").exists()
    server.requests.clear()
    assert (
        fetched(wanted) == located
        and hub.here(row(wanted)).path == located.path
        and server.requests == []
    )
    (located.path / "model_index.json").resolve().write_bytes(b"()")
    assert len(fetched(wanted).changes) == 1
    assert [r.path.rpartition("/")[2] for r in server.requests if r.method == "GET"] == [
        "model_index.json"
    ]
    assert "no file none.json" in refusal(
        Source("", "ann/ddpm", commit, files=("model_index.json", "none.json"))
    )


def test_the_size_can_be_asked_for(server):
    """Of the first source that the Hub has; None where nobody knows."""
    server.publish("bob/copy", {FILE: WEIGHTS, "a.json": b"{}"})
    missing = source(repo="no/where")
    assert hub.size(row(Source("shipped.pt"), missing, source(repo="bob/copy"))) == len(WEIGHTS)
    assert hub.size(row(Source("", "bob/copy", files=(FILE, "a.json")))) == len(WEIGHTS) + 2
    assert hub.size(row(missing, source(file="../x"))) is None
    assert not [r for r in server.requests if r.method == "GET" and "api" not in r.path]


# The sources, one after another


def test_the_next_source_serves_and_the_report_can_say_so(server):
    server.publish("bob/copy", {FILE: WEIGHTS})
    located = fetched(source("0" * 40), source(repo="bob/copy"))
    assert located.source.repo == "bob/copy"
    assert [t.format(**v) for t, v in located.changes] == [
        "There is no repository ann/faces on the Hub, or it is private: check the name, or set "
        "HF_TOKEN to a token that may read it.",
        f"So the model came from its next source, bob/copy:{FILE}.",
    ]


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size": 7}])
def test_where_a_place_holds_another_file_the_next_source_serves(server, wrong):
    server.publish("ann/faces", {FILE: WEIGHTS[::-1]})
    commit = server.publish("bob/copy", {FILE: WEIGHTS})
    located = fetched(
        source(**{"sha256": SHA256, **wrong}), source(commit, repo="bob/copy", sha256=SHA256)
    )
    assert (
        located.source.repo == "bob/copy"
        and located.revision == commit
        and located.sha256 == SHA256
    )
    said = [t.format(**v) for t, v in located.changes]
    assert (
        len(said) == 2
        and "another" in said[0]
        and said[1] == f"So the model came from its next source, bob/copy:{FILE}@{commit}."
    )
    assert [r.path for r in server.requests if r.host == "cdn" and r.method == "GET"] == [
        f"/{SHA256}"
    ], "and the other one is not fetched"


def test_a_proposal_that_was_never_merged_is_a_source(server):
    server.publish("ann/faces", {"readme": b"no weights here"})
    commit = server.publish("ann/faces", {FILE: WEIGHTS}, "refs/pr/7")
    located = fetched(source("refs/pr/7"))
    assert located.revision == commit and located.path.read_bytes() == WEIGHTS
    assert (
        hub.here(row(source("refs/pr/7"))).path
        == located.path
        == fetched(source("refs/pr/7"), offline=True).path
    )


def test_what_is_here_comes_before_what_must_be_fetched(server):
    commit = server.publish("bob/copy", {FILE: WEIGHTS})
    fetched(source(commit, repo="bob/copy"))
    server.requests.clear()
    located = fetched(source("0" * 40), source(commit, repo="bob/copy"))
    assert located.source.repo == "bob/copy" and located.changes == () and server.requests == []


# Refusals


@pytest.mark.parametrize(
    "door, sentence",
    [
        (
            "gated",
            "ann/faces is gated: accept its terms on {url}/ann/faces, set HF_TOKEN to a token of "
            "that account, and start again.",
        ),
        (
            "private",
            "There is no repository ann/faces on the Hub, or it is private: check the name, or set "
            "HF_TOKEN to a token that may "
            "read it.",
        ),
        ("disabled", "ann/faces has been disabled on the Hub: choose another model."),
    ],
)
def test_a_shut_door_is_named(server, door, sentence):
    server.publish("ann/faces", {FILE: WEIGHTS}, door=door)
    assert refusal(source()) == sentence.format(url=server.url)


def test_what_the_hub_does_not_have_is_named(server):
    server.publish("ann/faces", {FILE: WEIGHTS})
    page = f"{server.url}/ann/faces"
    assert refusal(source(repo="no/where")).startswith(
        "There is no repository no/where on the Hub, or it is private"
    )
    assert (
        refusal(source("v9"))
        == f"ann/faces has no revision v9: take a branch, tag or commit that is listed on {page}."
    )
    assert (
        refusal(source(file="b.pt"))
        == f"ann/faces has no file b.pt at revision main: look up its name on {page}."
    )
    assert (
        refusal(source(file="../b.pt"))
        == "ann/faces:../b.pt is not a place on the Hub: correct the row of Faces."
    )
    assert hub.here(row(source(file="../b.pt"))) is None


@pytest.mark.parametrize(
    "status, sentence",
    [
        (
            403,
            "The Hub does not let this token read ann/faces (HTTP 403): renew HF_TOKEN, or unset "
            "it for a public model.",
        ),
        (
            429,
            f"The Hub asks for a pause before it sends {FILE} of ann/faces (too many requests): "
            "wait some minutes; with HF_TOKEN set "
            "it allows more.",
        ),
        (
            500,
            f"The Hub answered 500 for {FILE} of ann/faces: it has trouble of its own, so try "
            "again later.",
        ),
    ],
)
def test_an_answer_that_is_no_file_is_named(server, hurry, status, sentence):
    server.publish("ann/faces", {FILE: WEIGHTS})
    server.faults.statuses[FILE] = [status] * 9
    assert refusal(source()) == sentence


def test_trouble_between_the_look_and_the_download_is_named(server, hurry):
    server.publish("ann/faces", {FILE: WEIGHTS})
    server.faults.statuses[FILE] = [0, *[503] * 20]
    assert refusal(source()).startswith(f"The Hub answered 503 for {FILE} of ann/faces")


def test_a_branch_that_moves_under_a_download_is_named(server, monkeypatch):
    files = {"a.json": b"1", "b.json": b"2"}
    server.publish("ann/faces", files)
    download = transfer.hf_hub_download

    def moving(repo, file, **rest):
        path = download(repo, file, **rest)
        server.publish("ann/faces", files | {"c.json": b"3"})
        return path

    monkeypatch.setattr(transfer, "hf_hub_download", moving)
    assert refusal(Source("", "ann/faces", files=("a.json", "b.json"))) == (
        "ann/faces was changed while Faces was being fetched: try again."
    )


def test_a_login_page_is_not_the_hub(server):
    server.faults.login_page = True
    assert refusal(source()) == (
        f"What answers at {server.url} is not the Hub, perhaps the login page of a network: sign "
        "in there, "
        "or correct HF_ENDPOINT."
    )


def test_offline_and_not_here_is_named(server, monkeypatch):
    sentence = (
        "Faces is not on this machine and the app is offline: choose a model that is here, or "
        "start the app without "
        f"--offline and HF_HUB_OFFLINE to fetch {FILE} from ann/faces."
    )
    assert refusal(source(), offline=True) == sentence
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal(source()) == sentence and not hub.reachable()
    assert server.requests == []


def test_a_missing_shipped_file_is_named(cache):
    assert refusal(Source("gone.pt")) == (
        "The file gone.pt of Faces, which comes with this app, is missing: fetch the app's weights "
        "folder again."
    )


def test_cut_off_again_and_again_is_named(server, hurry, cache):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    server.faults.cuts[FILE] = [1000] * 20
    assert refusal(source(commit)) == (
        f"The download of {FILE} from ann/faces was cut off again and again: check the connection "
        "and "
        "try again."
    )
    assert partial_files(cache) == []


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("known", [None, SHA256], ids=["as announced", "as the row says"])
def test_a_corrupt_download_is_not_kept(server, cache, monkeypatch, known, links):
    """The client accepts any bytes of the right number. Without links (Windows) its cache does not
    keep the Hub's hash.
    """
    monkeypatch.setattr(huggingface_hub.file_download, "are_symlinks_supported", lambda *_: links)
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    server.faults.corrupt.add(FILE)
    assert "was damaged (not the expected sha256), so it was deleted" in refusal(
        source(commit, sha256=known)
    )
    assert not list(cache.rglob("blobs/*")) and hub.here(row(source(commit))) is None


def test_another_file_than_the_row_means_is_not_even_fetched(server):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    assert refusal(source(commit, sha256="0" * 64)).startswith(
        f"ann/faces:{FILE} is not the file of Faces: its sha256 is another"
    )
    assert refusal(source(commit, size=7)) == (
        f"ann/faces:{FILE} has 300000 bytes, but the file of Faces has 7: it is another file "
        "and was not used."
    )
    assert not [r for r in server.requests if r.host == "cdn"]


def test_a_full_disk_is_named_before_and_during(server, cache, monkeypatch):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=60_000_000))
    assert refusal(source(commit)) == (
        f"Faces needs 0.3 MB, and {cache} has only 60.0 MB free: make room there, or set HF_HOME "
        "to a "
        "folder on a larger disk."
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**12))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(huggingface_hub.file_download, "http_get", full)
    assert refusal(source(commit)) == (
        f"The disk became full before Faces was complete: make room in {cache}, or set HF_HOME to "
        "a "
        "folder on a larger disk."
    )
    assert partial_files(cache) == []


def test_a_cache_that_cant_be_written_is_named(server, cache, monkeypatch):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    cache.write_bytes(b"a file where the folder should be")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
    assert refusal(source(commit)) == (
        f"Faces can't be written to {cache / 'hub'} (Not a directory): set HF_HOME to a folder "
        "that "
        "can be written."
    )


@pytest.mark.parametrize("file", [FILE, "config.json"])
def test_a_damaged_copy_that_cant_be_deleted_is_named(server, monkeypatch, file):
    commit = server.publish("ann/faces", {file: WEIGHTS})
    path = fetched(source(commit, file=file)).path
    path.resolve().write_bytes(WEIGHTS[::-1])

    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", read_only)
    assert refusal(source(commit, file=file)) == (
        f"The copy of {file} from ann/faces on this machine is damaged (not the expected "
        f"sha256): delete {path}."
    )


def test_a_file_that_cant_be_read_is_named(cache, monkeypatch):
    (disk.WEIGHTS / "a.pt").write_bytes(WEIGHTS)

    def rotten(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "_parts", rotten)
    assert refusal(Source("a.pt")) == (
        f"{disk.WEIGHTS / 'a.pt'} can't be read (Input/output error): check its permissions and "
        "the "
        "disk."
    )


def test_when_all_sources_fail_the_first_one_is_named(server):
    server.publish("ann/faces", {})
    reason = (
        f"ann/faces has no file {FILE} at revision main: look up its name on "
        f"{server.url}/ann/faces."
    )
    assert refusal(source()) == reason
    assert refusal(source(), source(repo="no/where"), Source("gone.pt")) == (
        f"{reason} Other sources of Faces that failed too: 2."
    )


# What a person types


@pytest.mark.parametrize(
    "text, meant",
    [
        ("ann/faces:model.pkl", Source("model.pkl", "ann/faces")),
        (
            " ann/faces:a/b c/model (1).pkl@refs/pr/3 ",
            Source("a/b c/model (1).pkl", "ann/faces", "refs/pr/3"),
        ),
        ("ann/faces_2.0-x:m.pt@" + "a" * 40, Source("m.pt", "ann/faces_2.0-x", "a" * 40)),
        (
            "https://huggingface.co/ann/faces/blob/main/a/model%20(1).pkl",
            Source("a/model (1).pkl", "ann/faces", "main"),
        ),
        (
            "huggingface.co/ann/faces/resolve/refs%2Fpr%2F3/m.pt?download=true",
            Source("m.pt", "ann/faces", "refs/pr/3"),
        ),
        ("http://hf.co/ann/faces/raw/v1.0/m.pt", Source("m.pt", "ann/faces", "v1.0")),
    ],
)
def test_a_typed_place_is_understood(text, meant):
    assert hub.parse(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model.pkl",
        "ann/faces",
        "ann/faces:",
        "faces:m.pt",
        "ann/faces:../m.pt",
        "ann/faces:/etc/passwd",
        "ann/faces:a//b",
        "ann/faces:a\\b.pt",
        "../..:m.pt",
        "ann/..:m.pt",
        "ann/fa--ces:m.pt",
        "ann/faces.git:m.pt",
        "-ann/faces:m.pt",
        "ann/b/c:m.pt",
        "ann/faces:m.pt@",
        "ann/faces:m.pt@../x",
        "ann/faces:m.pt@-x",
        "ann/faces:m.pt@a b",
        "ann/faces:m\x00.pt",
        "ann/faces:m\n.pt",
        "ann/fäces:m.pt",
        "ann/faces:~/m.pt",
        "ann/faces:m.pt?download=1",
        "ann/" + "f" * 99 + ":m.pt",
        "ann/faces:./m.pt",
        "https://huggingface.co/ann/faces:m.pt",
        "https://huggingface.co/ann/faces",
        "https://huggingface.co/ann/faces/tree/main",
        "https://huggingface.co/ann/faces/blob/main/../m.pt",
        "https://huggingface.co/ann/faces/blob/main/%2e%2e/m.pt",
        "https://huggingface.co.evil.example/ann/faces/blob/main/m.pt",
        "ann/faces:$(x).pt",
    ],
)
def test_an_odd_place_is_refused_with_the_accepted_form(text):
    with pytest.raises(UserError) as caught:
        hub.parse(text)
    assert str(caught.value).endswith(
        "is not a place on the Hub: write owner/repo:file or owner/repo:file@revision, for example "
        "owner/repo:models/faces.safetensors@main."
    )
