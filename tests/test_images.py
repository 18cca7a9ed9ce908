"""Pictures and files: the only pixel scaling, the names files get, what a ZIP holds; and errors
across processes.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from ganapps.errors import UserError, WeightsError
from ganapps.pictures import images
from ganapps.pictures.inside import from_file
from ganapps.pictures.uploads import ifd, open_upload
from ganapps.recipe import Recipe
from ganapps.report import Kept
from tests.picture_files import SRGB, noise, photograph, unpacked


def test_a_byte_is_what_the_official_scripts_make() -> None:
    x = (
        torch.tensor([-2.0, -1.0, -0.004, 0.0, 0.9999, 1.0, 5.0])
        .view(1, 1, 1, 7)
        .repeat(2, 3, 1, 1)
    )
    first, second = images.from_tensor(x)
    expected = (x[0, 0, 0].double() * 127.5 + 128).clamp(0, 255).to(torch.uint8).tolist()
    assert expected == [0, 0, 127, 128, 255, 255, 255]
    assert (
        np.asarray(first)[0, :, 1].tolist() == expected
        and first.mode == second.mode == "RGB"
        and first.size == (7, 1)
    )


def test_every_byte_can_come_out_of_other_ranges() -> None:
    x = (torch.arange(256) / 255).view(1, 1, 16, 16)
    (picture,) = images.from_tensor(x, (0.0, 1.0))
    assert picture.mode == "L" and np.asarray(picture).ravel().tolist() == list(range(256))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_every_value_survives_a_tensor(bits: int, value_range: tuple[float, float]) -> None:
    pixels = np.arange(2**bits, dtype=np.uint8 if bits == 8 else np.uint16).reshape(16, -1, 1)
    x = images.to_tensor(pixels, value_range)
    assert x.shape == (1, 1, 16, 2**bits // 16) and x.dtype == torch.float32
    assert (x.min().item(), x.max().item()) == pytest.approx(value_range) and x[0, 0, 0, 1] > x[
        0, 0, 0, 0
    ]
    low, high = value_range
    back = np.rint((x[0].permute(1, 2, 0).double().numpy() - low) / (high - low) * (2**bits - 1))
    assert np.array_equal(back, pixels)


def test_a_tensor_is_channels_rows_columns_and_its_own() -> None:
    pixels = noise(5, 7, 4)
    pixels.setflags(write=False)
    x = images.to_tensor(pixels)
    assert x.shape == (1, 4, 5, 7) and x[0, 2, 3, 6].item() == pytest.approx(pixels[3, 6, 2] / 255)
    x.zero_()
    assert pixels.any()


def test_16_bits_are_rounded_to_be_looked_at() -> None:
    pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    shown = images.to_picture(pixels)
    assert shown.mode == "L" and np.array_equal(
        np.asarray(shown).ravel(), np.floor(np.arange(65536) / 257 + 0.5)
    )
    assert [images.to_picture(noise(channels=c)).mode for c in (1, 2, 3, 4)] == [
        "L",
        "LA",
        "RGB",
        "RGBA",
    ]


RECIPE = Recipe("upscale", "x4plus", {"word": "你"})


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (21, 33), (90, 1), (300, 200)])
def test_a_png_holds_every_bit(
    kind: type,
    channels: int,
    size: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images.png_file, "STRIP", 5000)
    smooth = np.linspace(0, np.iinfo(kind).max // 2, size[0] * size[1] * channels).reshape(
        *size, channels
    )
    pixels = (smooth + noise(*size, channels) % 9).astype(kind)
    path = images.save_pixels(pixels, tmp_path / "x.png", RECIPE)
    found, chunks = unpacked(path.read_bytes())
    assert (
        np.array_equal(found, pixels)
        and set(chunks) == {b"IHDR", b"iTXt", b"IDAT", b"IEND"}
        and from_file(path) == RECIPE
    )
    assert np.array_equal(open_upload(path).pixels, pixels)
    if kind is np.uint8:
        assert np.array_equal(np.asarray(Image.open(path)).reshape(pixels.shape), pixels)


def test_a_png_is_about_as_small_as_others_make_it(tmp_path: Path) -> None:
    pixels = data.astronaut()
    ours = images.save_pixels(pixels, tmp_path / "x.png", RECIPE).stat().st_size
    Image.fromarray(pixels).save(tmp_path / "y.png", compress_level=4)
    assert ours < 1.1 * (tmp_path / "y.png").stat().st_size


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_profile_and_date_are_kept_and_the_place_when_asked(ending: str, tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(photograph())
    upload = open_upload(tmp_path / "in.jpg")
    for gps in (None, upload.gps):
        path = images.save_pixels(
            upload.pixels,
            tmp_path / f"out{ending}",
            RECIPE,
            icc=upload.icc,
            date=upload.date,
            gps=gps,
        )
        exif = Image.open(path).getexif()
        assert (
            exif.get_ifd(34665)[36867] == "2024:05:31 18:02:07"
            and Image.open(path).info["icc_profile"] == SRGB
        )
        assert (exif.get_ifd(34853).get(2) == (48.0, 51.0, 29.6)) == (gps is not None)
        again = open_upload(path)
        assert (again.icc, again.date, again.gps, again.changes) == (
            upload.icc,
            upload.date,
            gps,
            (),
        )
        assert 274 not in exif, "the pixels stand upright already"


def test_a_place_in_big_endian_bytes_comes_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.endian = ">"
    exif.get_ifd(34853)[2] = (48.0, 51.0, 29.6)
    alone = ifd.gps_alone(exif.tobytes().removeprefix(b"Exif\0\0"))
    assert (
        alone.startswith(b"MM") and ifd.gps_alone(ifd.block("2024:05:31 18:02:07", alone)) == alone
    )
    path = images.save_pixels(
        noise(), tmp_path / "x.png", RECIPE, date="2024:05:31 18:02:07", gps=alone
    )
    read = Image.open(path).getexif()
    assert read.get_ifd(34853) == {2: (48.0, 51.0, 29.6)} and read.get_ifd(34665) == {
        36867: "2024:05:31 18:02:07"
    }
    assert (
        ifd.block(None, None) is None
        and ifd.gps_alone(ifd.block("2024:05:31 18:02:07", None)) is None
    )


def test_a_profile_for_other_colours_is_not_written(tmp_path: Path) -> None:
    path = images.save_pixels(noise(channels=1), tmp_path / "x.png", RECIPE, icc=SRGB)
    assert b"iCCP" not in path.read_bytes()


def test_jpeg_and_webp_when_asked(tmp_path: Path) -> None:
    pixels = np.dstack([data.astronaut()[:64, :64], np.full((64, 64), 255, np.uint8)])
    pixels[:32, :, 3] = 0
    white = np.asarray(
        Image.open(images.save_pixels(pixels, tmp_path / "x.jpg", RECIPE, quality=98))
    ).astype(int)
    assert (
        white.shape == (64, 64, 3)
        and white[:30].min() > 245
        and np.abs(white[34:] - pixels[34:, :, :3]).mean() < 4
    )
    assert json.loads(Image.open(tmp_path / "x.jpg").info["comment"])["checkpoint"] == "x4plus"
    exact = images.save_pixels(pixels, tmp_path / "x.webp", RECIPE, quality=100)
    assert np.array_equal(np.asarray(Image.open(exact)), pixels) and from_file(exact) == RECIPE
    small = images.save_pixels(pixels, tmp_path / "y.webp", RECIPE, quality=60)
    assert small.stat().st_size < exact.stat().st_size / 2
    grey = images.save_pixels(noise(channels=1, kind=np.uint16), tmp_path / "z.jpg", RECIPE)
    assert Image.open(grey).mode == "L"


@pytest.mark.parametrize(
    ("kept", "index", "name"),
    [
        (
            Kept(Image.new("RGB", (2, 2)), "seed 7", Recipe("faces", "heads-64")),
            3,
            "heads-64-seed-7.png",
        ),
        (Kept(Image.new("RGB", (2, 2)), "x", Recipe("enlarge", "heads-64")), 3, "heads-64-x-3.png"),
        (
            Kept(Image.new("RGB", (2, 2)), "smile +0.5, age -1", Recipe("edit", "heads-64")),
            0,
            "heads-64-smile-plus-0.5--age-minus-1-0.png",
        ),
        (
            Kept(
                Image.new("RGB", (2, 2)),
                "../../etc/passwd",
                Recipe("faces", "me/my model:net.pkl@v1"),
            ),
            0,
            "my-model-..-..-etc-passwd.png",
        ),
        (
            Kept(
                Image.new("RGB", (2, 2)),
                "seeds 1 to 2",
                Recipe("loop", "m"),
                frames=(Image.new("RGB", (2, 2)),) * 2,
            ),
            0,
            "m-seeds-1-to-2-0.webp",
        ),
    ],
)
def test_a_file_s_name_tells_what_it_is(kept: Kept, index: int, name: str, tmp_path: Path) -> None:
    path = images.keep(kept, tmp_path, index)
    assert path == tmp_path / name and from_file(path) == kept.recipe


def test_a_long_caption_makes_a_short_name(tmp_path: Path) -> None:
    assert (
        len(
            images.keep(
                Kept(Image.new("RGB", (2, 2)), "x" * 500, Recipe("faces", "m")), tmp_path, 0
            ).name
        )
        <= 100
    )


def test_a_zip_holds_files_and_texts(tmp_path: Path) -> None:
    path = images.keep(Kept(Image.new("RGB", (2, 2)), "seed 7", Recipe("faces", "m")), tmp_path, 0)
    archive = zipfile.ZipFile(
        images.save_zip(
            [path], tmp_path / "all.zip", {"report.json": images.as_json({"word": "你"})}
        )
    )
    assert (
        archive.namelist() == ["m-seed-7.png", "report.json"]
        and archive.read("m-seed-7.png") == path.read_bytes()
    )
    assert (
        json.loads(archive.read("report.json")) == {"word": "你"}
        and "你" in archive.read("report.json").decode()
    )


@pytest.mark.parametrize("kind", [UserError, WeightsError])
def test_an_error_crosses_processes_whole(kind: type[UserError]) -> None:
    error = pickle.loads(pickle.dumps(kind("{file} is {what}.", file="a{b}", what=3)))
    assert (
        type(error) is kind
        and str(error) == "a{b} is 3."
        and error.message.template == "{file} is {what}."
        and error.message.values["what"] == 3
    )
