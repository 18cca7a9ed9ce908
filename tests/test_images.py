"""Pictures and files: the only pixel scaling, the names files get, what a ZIP holds; and errors that cross processes."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganapps import images
from ganapps.errors import UserError, WeightsError
from ganapps.recipe import Recipe, from_file
from ganapps.report import Kept


def test_a_byte_is_what_the_official_scripts_make() -> None:
    x = torch.tensor([-2.0, -1.0, -0.004, 0.0, 0.9999, 1.0, 5.0]).view(1, 1, 1, 7).repeat(2, 3, 1, 1)
    first, second = images.from_tensor(x)
    expected = (x[0, 0, 0].double() * 127.5 + 128).clamp(0, 255).to(torch.uint8).tolist()
    assert expected == [0, 0, 127, 128, 255, 255, 255]
    assert np.asarray(first)[0, :, 1].tolist() == expected and first.mode == second.mode == "RGB" and first.size == (7, 1)


def test_every_byte_can_come_out_of_other_ranges() -> None:
    x = (torch.arange(256) / 255).view(1, 1, 16, 16)
    picture, = images.from_tensor(x, (0.0, 1.0))
    assert picture.mode == "L" and np.asarray(picture).ravel().tolist() == list(range(256))


@pytest.mark.parametrize(("kept", "index", "name"), [
    (Kept(Image.new("RGB", (2, 2)), "seed 7", Recipe("faces", "heads-64")), 3, "heads-64-seed-7.png"),
    (Kept(Image.new("RGB", (2, 2)), "x", Recipe("enlarge", "heads-64")), 3, "heads-64-x-3.png"),
    (Kept(Image.new("RGB", (2, 2)), "../../etc/passwd", Recipe("faces", "me/my model:net.pkl@v1")), 0, "my-model-..-..-etc-passwd.png"),
    (Kept(Image.new("RGB", (2, 2)), "seeds 1 to 2", Recipe("loop", "m"), (Image.new("RGB", (2, 2)),) * 2), 0, "m-seeds-1-to-2-0.webp")])
def test_a_file_s_name_tells_what_it_is(kept: Kept, index: int, name: str, tmp_path: Path) -> None:
    path = images.keep(kept, tmp_path, index)
    assert path == tmp_path / name and from_file(path) == kept.recipe


def test_a_long_caption_makes_a_short_name(tmp_path: Path) -> None:
    assert len(images.keep(Kept(Image.new("RGB", (2, 2)), "x" * 500, Recipe("faces", "m")), tmp_path, 0).name) <= 100


def test_a_zip_holds_files_and_texts(tmp_path: Path) -> None:
    path = images.keep(Kept(Image.new("RGB", (2, 2)), "seed 7", Recipe("faces", "m")), tmp_path, 0)
    archive = zipfile.ZipFile(images.save_zip([path], tmp_path / "all.zip", {"report.json": images.as_json({"word": "你"})}))
    assert archive.namelist() == ["m-seed-7.png", "report.json"] and archive.read("m-seed-7.png") == path.read_bytes()
    assert json.loads(archive.read("report.json")) == {"word": "你"} and "你" in archive.read("report.json").decode()


@pytest.mark.parametrize("kind", [UserError, WeightsError])
def test_an_error_crosses_processes_whole(kind: type[UserError]) -> None:
    error = pickle.loads(pickle.dumps(kind("{file} is {what}.", file="a{b}", what=3)))
    assert type(error) is kind and str(error) == "a{b} is 3." and error.template == "{file} is {what}." and error.values["what"] == 3
