"""A Space of this app: what is said before, what goes there, and what is said where it can't."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from ganapps import __main__, deploy
from tests.local_hub import point_client_at
from tests.local_spaces import LARGEST, Space, SpacesHub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpacesHub]:
    """The Hub, an app of a few files, and a token of ann's."""
    running = SpacesHub()
    point_client_at(monkeypatch, running.url, tmp_path / "cache")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(deploy, "ROOT", app(tmp_path / "app"))
    monkeypatch.setenv("HF_TOKEN", "ann-token")
    yield running
    running.close()


def app(root: Path) -> Path:
    for name in (
        "README.md app.py requirements.txt LICENSE ganapps/recipe.py ganapps/training/loop.py "
        "ganapps/__pycache__/engine.pyc ganapps/.secret tests/test_x.py docs/a.png .venv/x .ci/run"
    ).split():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "weights").mkdir()
    (root / "weights" / "a.safetensors").write_bytes(os.urandom(300_000))
    (root / "weights" / "b.safetensors").write_bytes(bytes(200_000))
    return root


GOES = {
    *("README.md", "app.py", "requirements.txt", "LICENSE", "ganapps/recipe.py"),
    *("weights/a.safetensors", "weights/b.safetensors"),
}


def run(*words: str) -> int:
    return __main__.main(["deploy", *words])


def test_a_space_is_made_of_what_running_needs(
    hub: SpacesHub, capsys: pytest.CaptureFixture
) -> None:
    assert run("ann/gans", "--hardware", "zero-a10g", "--private") == 0
    space = hub.spaces["ann/gans"]
    assert set(space.files) == GOES | {".gitattributes"}
    assert (space.hardware, space.private, space.commits) == ("zero-a10g", True, 1)
    assert not [name for name in space.git if name.endswith(".safetensors")], "these go by LFS"
    assert capsys.readouterr().out.splitlines() == [
        f"{hub.url}/spaces/ann/gans will be made: private, on zero-a10g.",
        "7 files, 1 MB, go there: what running needs of this folder. What is there already is not "
        "sent again.",
        f"{hub.url}/spaces/ann/gans",
    ]


def test_a_space_is_updated(hub: SpacesHub, capsys: pytest.CaptureFixture) -> None:
    assert run("ann/gans") == 0
    capsys.readouterr()
    root = deploy.ROOT
    (root / "ganapps" / "recipe.py").rename(root / "ganapps" / "old.py")
    (root / "ganapps" / "recipe.py").write_text("new")
    hub.spaces["ann/gans"].files |= {"mine.txt": b"of the owner", "ganapps/gone.py": b"old"}
    sent = len(hub.large)
    assert run("ann/gans", "--hardware", "t4-small", "--private") == 0
    space = hub.spaces["ann/gans"]
    assert space.files["ganapps/recipe.py"] == b"new" and space.files["mine.txt"] == b"of the owner"
    assert "ganapps/gone.py" not in space.files and len(hub.large) == sent
    assert (space.hardware, space.private) == ("t4-small", True)
    assert capsys.readouterr().out.splitlines() == [
        f"{hub.url}/spaces/ann/gans is there and will be updated.",
        "It becomes private.",
        "It moves to t4-small.",
        "8 files, 1 MB, go there: what running needs of this folder. What is there already is not "
        "sent again.",
        "Deleted there, as no longer part of the app: 1 of its files.",
        f"{hub.url}/spaces/ann/gans",
    ]


def said(capsys: pytest.CaptureFixture, *words: str) -> str:
    assert run(*words) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_each_refusal_is_its_sentence(
    hub: SpacesHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    hub.spaces["ann/notes"] = Space({"index.html": b"<p>", "README.md": b""})
    assert said(capsys, "ann/notes") == (
        "ann/notes is taken: a Space of that name holds something else. Choose another name."
    )
    assert set(hub.spaces["ann/notes"].files) == {"index.html", "README.md"}
    assert said(capsys, "bob/gans") == (
        "This token may not write to bob/gans: give it that right on the Hub, or choose an owner "
        "other than bob."
    )
    hub.spaces["bob/gans"] = Space({"ganapps/recipe.py": b"", "app.py": b""})
    assert said(capsys, "bob/gans").startswith("This token may not write to bob/gans")
    assert said(capsys, "ann/gans", "--hardware", "sundial") == (
        "The Hub refuses with status 400: There is no hardware of that name. Nothing more was "
        "changed."
    )
    for name in ("gans", "a/b/c", "../gans", "ann/", ""):
        assert said(capsys, name).endswith(
            "is no name of a Space: it is OWNER/NAME, as in ada/gans."
        )
    monkeypatch.setenv("HF_TOKEN", "nobody")
    assert said(capsys, "ann/gans").startswith("The Hub does not accept this token")
    monkeypatch.delenv("HF_TOKEN")
    assert said(capsys, "ann/gans").startswith("No token of the Hub is here")
    assert "ann/gans" not in hub.spaces


def test_what_is_cut_off_goes_on(
    hub: SpacesHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    weights = (deploy.ROOT / "weights" / "a.safetensors").read_bytes()
    hub.cut = {hashlib.sha256(weights).hexdigest()}
    assert said(capsys, "ann/gans").startswith("The Hub was cut off (")
    assert hub.spaces["ann/gans"].commits == 0
    hub.cut = set()
    assert run("ann/gans") == 0
    assert set(hub.spaces["ann/gans"].files) == GOES | {".gitattributes"}
    hub.close()
    assert said(capsys, "ann/gans").startswith("The Hub was cut off (")


def test_what_goes_there_runs(tmp_path: Path) -> None:
    """The files of the real folder, alone in another one: the window is built, a face is drawn."""
    files = deploy.files_of(deploy.ROOT)
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(deploy.ROOT / name, tmp_path / name)
    program = (
        "import app\nfrom ganapps import engine, recipe, ui\n"
        "here = engine.start('cpu', offline=True)\nui.build(here)\n"
        "*_, last = here.run(recipe.Recipe('faces', 'heads-64'))\nprint(last.report.pictures)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1
    assert not [name for name in files if name.split("/")[0] in ("tests", "docs", "benchmarks")]
    inside = [n for n, size in files.items() if size > LARGEST and not n.endswith(".safetensors")]
    assert inside == [], "a file of that size the Hub takes by LFS only, as it takes weights"
