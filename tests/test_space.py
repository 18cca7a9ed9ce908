"""On a Space and under a path: where links lead, where files lie, what is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import app
from ganapps.errors import UserError
from ganapps.ui.doors import files
from ganapps.ui.parts import common


def test_a_copied_link_names_the_page_that_people_know(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "const address = location.origin + location.pathname + link;" in common.copies("go")
    monkeypatch.setenv("SPACE_ID", "ann/gans")
    assert 'const address = "https://huggingface.co/spaces/ann/gans" + link;' in common.copies("go")


@pytest.mark.parametrize("root", ["/gans", "/gans/", "https://example.org/gans"])
def test_a_file_s_address_holds_under_a_path_without_its_slash(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser at /gans takes what is relative from /, where this app is not."""
    assert common.served("/a b.png") == "gradio_api/file=/a%20b.png"
    monkeypatch.setenv("GRADIO_ROOT_PATH", root)
    address = f"{root.rstrip('/')}/gradio_api/file=/a%20b.png"
    assert common.served("/a b.png") == address and f'href="{address}"' in common.download(
        "/a b.png", "Save", "en"
    )
    mine = files.folder() / "x" / "a.png"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_bytes(b"1")
    assert files.checked({"path": common.served(mine)})["path"] == str(mine)
    with pytest.raises(UserError):
        files.checked({"path": "/elsewhere" + common.served(mine)[len(root.rstrip("/")) :]})


def test_models_and_prices_stay_where_a_space_has_a_place_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HOME", "GANAPPS_CACHE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    app.stay_on(tmp_path / "none")
    assert "HF_HOME" not in os.environ
    monkeypatch.setenv("GANAPPS_CACHE", "mine")
    app.stay_on(tmp_path)
    assert os.environ.pop("HF_HOME") == str(tmp_path / "huggingface")
    assert os.environ["GANAPPS_CACHE"] == "mine"
