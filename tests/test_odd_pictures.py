"""Pictures that every viewer opens, though something is odd about them, and those that are not what
they seem.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.pictures.uploads import Upload, light, open_upload, size_of
from tests.picture_files import SRGB, bitmap_with_alpha, chunk, noise, png, saved, table
from tests.picture_files import tiff as written

Open = Callable[[bytes], Upload]
RGB, RGBA = noise(), noise(channels=4)
SMOOTH = np.kron(noise(3, 5), np.ones((16, 16, 1), np.uint8))
CUT = "This picture ends in the middle, so none of it was used: fetch it again, or save it again."


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def opened(data: bytes) -> Upload:
        (tmp_path / "x").write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            upload = open_upload(tmp_path / "x")
        assert size_of(tmp_path / "x") == upload.size
        return upload

    return opened


def said(upload: Upload) -> list[str]:
    return [template.format(**values) for template, values in upload.changes]


def refusal(opened: Open, data: bytes) -> str:
    with pytest.raises(UserError) as caught:
        opened(data)
    return str(caught.value)


# --- a little broken


def test_a_png_without_its_end_is_whole(opened: Open) -> None:
    data = saved(RGB, "PNG")
    for end in (len(data) - 12, len(data) - 5):
        upload = opened(data[:end])
        assert np.array_equal(upload.pixels, RGB) and said(upload) == [
            "This PNG has no end mark, but its picture is whole."
        ]
    rows = png(RGB)
    second = rows.index(b"IDAT", rows.index(b"IDAT") + 1) - 4
    assert refusal(opened, rows[:second]) == CUT


def test_a_gif_without_its_end_is_whole(opened: Open) -> None:
    data = saved(noise(channels=1), "GIF")
    assert data.endswith(b"\0;")
    upload = opened(data[:-1])
    assert np.array_equal(upload.pixels, noise(channels=1))
    assert said(upload) == ["This GIF has no end mark, but its picture is whole."]
    assert refusal(opened, data[:-2]) == CUT


@pytest.mark.parametrize("stray", [b"\0", b"hello" * 100, b"\xff\0\xff\xff\0", bytes(100_000)])
def test_bytes_between_the_segments_of_a_jpeg_are_passed_over(stray: bytes, opened: Open) -> None:
    data = saved(RGB, "JPEG")
    at = 2 + 2 + struct.unpack(">H", data[4:6])[0]
    upload = opened(data[:at] + stray + data[at:])
    assert np.array_equal(upload.pixels, opened(data).pixels)
    assert said(upload) == [
        "Bytes that belong to nothing stand between the parts of this JPEG; they were passed over."
    ]
    filled = opened(data[:at] + b"\xff" * 9 + data[at:])
    assert np.array_equal(filled.pixels, upload.pixels) and filled.changes == (), (
        "filling is allowed"
    )


def test_endless_bytes_between_them_are_not(opened: Open) -> None:
    data = saved(RGB, "JPEG")
    assert refusal(opened, data[:20] + bytes(17_000_000) + data[20:]).startswith(
        "This picture carries more than 16 MB"
    )
    assert refusal(opened, data[:20] + bytes(1000)) == CUT


# --- a bitmap's alpha, a camera's raw file


def test_a_bitmap_that_would_be_invisible_is_opaque(opened: Open) -> None:
    pixels = RGBA.copy()
    pixels[..., 3] = 0
    upload = opened(bitmap_with_alpha(pixels))
    assert np.array_equal(upload.pixels, pixels[..., :3]) and upload.pixels.flags.c_contiguous
    assert said(upload) == [
        "Its transparency would hide all of it and was left out, as other programs do."
    ]
    pixels[3, 4, 3] = 1
    assert (
        np.array_equal(opened(bitmap_with_alpha(pixels)).pixels, pixels)
        and opened(bitmap_with_alpha(pixels)).changes == ()
    )


def number(tag: int, value: int) -> tuple[int, int, int, bytes]:
    return tag, 4, 1, struct.pack("<I", value)


PREVIEW = [
    number(256, 4),
    number(257, 1),
    number(258, 8),
    number(262, 1),
    number(273, 8),
    number(277, 1),
    number(278, 1),
    number(279, 4),
]


@pytest.mark.parametrize(
    "data",
    [
        table(*sorted([*PREVIEW, (50706, 1, 4, b"\1\4\0\0")])),
        table(*sorted([*PREVIEW, number(254, 1), number(330, 8)])),
        (lambda d: d[:4] + struct.pack("<I", 16) + b"CR\2\0\0\0\0\0" + d[8:])(table(*PREVIEW)),
    ],
    ids=["dng", "preview and more", "cr2"],
)
def test_a_camera_s_raw_file_is_refused_by_name(data: bytes, opened: Open) -> None:
    assert refusal(opened, data) == (
        "This is a camera's raw file (such as DNG), of which only a small preview could be read: "
        "develop it with the camera's program and save it as TIFF or JPEG first."
    )


def test_a_page_with_smaller_ones_beside_it_is_no_raw_file(opened: Open) -> None:
    assert opened(table(*sorted([*PREVIEW, number(254, 0), number(330, 8)]))).size == (4, 1)


# --- what numbers mean


def srgb(light_: np.ndarray) -> np.ndarray:
    light_ = light_.clip(0, 1)
    return np.where(light_ <= 0.0031308, 12.92 * light_, 1.055 * light_ ** (1 / 2.4) - 0.055)


CONVERTED = "Its colours were converted to sRGB from what the file says of their brightness."
GAMA = {
    name: chunk(b"gAMA", struct.pack(">I", value))
    for name, value in (("linear", 100_000), ("usual", 45_455), ("none", 0))
}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_another_gamma_becomes_srgb(channels: int, kind: type, opened: Open) -> None:
    pixels, most = noise(channels=channels, kind=kind), np.iinfo(kind).max
    upload = opened(png(pixels, more=GAMA["linear"]))
    colours = 3 if channels > 2 else 1
    expected = srgb(pixels[..., :colours] / most) * most
    assert (
        upload.pixels.dtype == kind
        and np.abs(upload.pixels[..., :colours] - expected).max() <= 0.51
    )
    assert np.array_equal(upload.pixels[..., colours:], pixels[..., colours:]) and said(upload) == [
        CONVERTED
    ]


def test_a_palette_and_a_transparent_colour_too(opened: Open) -> None:
    index = noise(channels=1) % 3
    colours = np.array([[0, 0, 0], [128, 64, 32], [255, 255, 255]], np.uint8)
    more = GAMA["linear"] + chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", b"\xff\x80")
    upload = opened(png(index, kind=3, more=more))
    assert np.abs(upload.pixels[..., :3] - 255 * srgb(colours / 255)[index[..., 0]]).max() <= 0.51
    assert upload.pixels[..., 3].tolist() == np.array([255, 128, 255])[index[..., 0]].tolist()
    key = chunk(b"tRNS", struct.pack(">3H", *RGB[0, 0].tolist()))
    keyed = opened(png(RGB, more=GAMA["linear"] + key))
    assert keyed.pixels[0, 0, 3] == 0 and (keyed.pixels[..., 3] == 0).sum() == 1


@pytest.mark.parametrize(
    "more",
    [
        GAMA["usual"],
        chunk(b"gAMA", struct.pack(">I", 45_000)),
        chunk(b"sRGB", b"\0") + GAMA["linear"],
        chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
        + GAMA["usual"],
        chunk(b"cICP", bytes([1, 13, 0, 1])) + GAMA["linear"],
        chunk(b"cICP", bytes([1, 1, 0, 1])),
    ],
)
def test_what_is_srgb_or_as_good_as_it_stays(more: bytes, opened: Open) -> None:
    upload = opened(png(RGB, more=more))
    assert np.array_equal(upload.pixels, RGB) and upload.changes == ()


def test_a_profile_counts_more_than_a_gamma(opened: Open) -> None:
    with_both = saved(RGB, "PNG", icc_profile=SRGB)
    upload = opened(with_both[:33] + GAMA["linear"] + with_both[33:])
    assert upload.icc == SRGB and np.array_equal(upload.pixels, RGB) and upload.changes == ()


def test_other_primaries_become_srgb_s(opened: Open) -> None:
    """Display P3, by code and by its chromaticities: white stays white, its red lies outside, a
    mild red becomes stronger.
    """
    pixels = np.array([[[255, 255, 255], [255, 0, 0], [150, 100, 100], [0, 0, 0]]], np.uint8)
    by_code = opened(png(pixels, more=chunk(b"cICP", bytes([12, 13, 0, 1]))))
    p3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    by_number = opened(png(pixels, more=chunk(b"cHRM", p3) + GAMA["usual"]))
    matrix = np.array(
        [
            [1.2249401, -0.2249404, 0.0],
            [-0.0420569, 1.0420571, 0.0],
            [-0.0196376, -0.0786361, 1.0982735],
        ]
    )
    coded = pixels / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    expected = 255 * srgb(linear @ matrix.T)
    for upload in (by_code, by_number):
        assert np.abs(upload.pixels - expected).max() <= 0.6 and said(upload) == [CONVERTED]
    assert by_code.pixels[0, 0].tolist() == [255] * 3 and by_code.pixels[0, 2, 1] < 100


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_a_sentence(transfer: int, name: str, opened: Open) -> None:
    assert refusal(opened, png(RGB, more=chunk(b"cICP", bytes([9, transfer, 0, 1])))) == (
        f"This is an HDR picture ({name}), whose brightness no model here understands: save it for "
        "ordinary screens (sRGB) first."
    )


@pytest.mark.parametrize(
    "more",
    [
        GAMA["none"],
        chunk(b"gAMA", b"\0"),
        chunk(b"cHRM", bytes(32)),
        chunk(b"cHRM", struct.pack(">8I", *[33000] * 8)),
        chunk(b"cICP", bytes([99, 13, 0, 1])),
        chunk(b"cICP", bytes([1, 13, 5, 1])),
        chunk(b"cICP", b"\1"),
    ],
)
def test_senseless_brightness_is_ignored_and_said(more: bytes, opened: Open) -> None:
    upload = opened(png(RGB, more=more))
    assert np.array_equal(upload.pixels, RGB)
    assert said(upload) == ["What this PNG says of its brightness makes no sense and was ignored."]


def test_a_matrix_is_its_own_inverse_s_inverse() -> None:
    for primaries in light.PRIMARIES.values():
        assert np.allclose(light._matrix(primaries).sum(axis=1), 1, atol=1e-6), "white stays white"


# --- AVIF


@pytest.mark.parametrize(
    "pixels",
    [SMOOTH, np.dstack([SMOOTH, np.full(SMOOTH.shape[:2], 90, np.uint8)])],
    ids=["rgb", "rgba"],
)
def test_an_avif_is_what_the_library_makes_of_it(pixels: np.ndarray, opened: Open) -> None:
    data = saved(pixels, "AVIF", quality=90, speed=10, subsampling="4:4:4")
    upload = opened(data)
    assert (
        np.array_equal(upload.pixels, np.asarray(Image.open(BytesIO(data))))
        and upload.changes == ()
    )
    assert np.abs(upload.pixels.astype(int) - pixels).max() < 30


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_stands_upright(orientation: int, opened: Open) -> None:
    exif = Image.Exif()
    exif[274], exif[306] = orientation, "2024:05:31 18:02:07"
    data = saved(SMOOTH, "AVIF", quality=95, speed=10, exif=exif.tobytes())
    upload = opened(data)
    assert np.array_equal(
        upload.pixels, np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))))
    )
    assert upload.date == "2024:05:31 18:02:07"


def test_an_avif_s_profile_comes_along(opened: Open) -> None:
    assert opened(saved(SMOOTH, "AVIF", speed=10, icc_profile=SRGB)).icc == SRGB


def test_only_the_first_of_an_avif_s_frames(opened: Open) -> None:
    first, second = Image.fromarray(SMOOTH), Image.fromarray(255 - SMOOTH)
    film = saved(first, "AVIF", save_all=True, append_images=[second], speed=10, quality=90)
    assert film[8:12] == b"avis"
    upload = opened(film)
    assert said(upload) == ["Only the first of several frames or pages was used."]
    assert np.abs(upload.pixels.astype(int) - SMOOTH).mean() < 8


def patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(name) + offset
    return data[:at] + value + data[at + len(value) :]


STILL = saved(SMOOTH, "AVIF", speed=10)
LARGE_STREAM = saved(np.zeros((3000, 3000, 3), np.uint8), "AVIF", speed=10)


def test_an_avif_is_as_large_as_its_stream(opened: Open, tmp_path: Path) -> None:
    """Its boxes may claim less: the decoder would unpack all of the stream first."""
    from ganapps.pictures import uploads

    (tmp_path / "x").write_bytes(patched(LARGE_STREAM, b"ispe", 8, struct.pack(">II", 64, 64)))
    with (tmp_path / "x").open("rb") as file:
        small = uploads._header(file)
    assert small.size == (64, 64) and small.memory > 9_000_000 * 10
    claim = patched(STILL, b"ispe", 8, struct.pack(">II", 60_000, 60_000))
    assert "at most 120 million, and 65535 a side, are accepted" in refusal(opened, claim)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_an_avif_in_hdr_is_a_sentence(transfer: int, name: str, opened: Open) -> None:
    assert refusal(opened, patched(STILL, b"nclx", 6, struct.pack(">H", transfer))).startswith(
        f"This is an HDR picture ({name})"
    )


def test_an_avif_s_primaries_become_srgb_s(opened: Open) -> None:
    upload = opened(patched(STILL, b"nclx", 4, struct.pack(">H", 12)))
    assert said(upload) == [CONVERTED] and not np.array_equal(upload.pixels, opened(STILL).pixels)


def test_half_an_avif(opened: Open) -> None:
    for share in (0.02, 0.3, 0.5, 0.9):
        assert refusal(opened, STILL[: int(len(STILL) * share)]).startswith("This ")


def test_no_damage_to_an_avif_is_more_than_a_sentence(opened: Open) -> None:
    dice = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(STILL)
        for at in dice.integers(4, min(len(damaged), 600), dice.choice([1, 2, 8])):
            damaged[at] = dice.integers(0, 256)
        try:
            opened(bytes(damaged))
        except UserError as e:
            assert str(e).startswith("This ")


def test_heic_is_still_refused(opened: Open) -> None:
    assert refusal(opened, b"\0\0\0\x18ftypheic" + bytes(60)).startswith(
        "This is an HEIC picture, which can't be read here"
    )


# --- what a browser can't show


def test_of_what_no_browser_shows_there_is_a_picture_to_look_at(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(written(noise(300, 200, 3, np.uint16), photometric="rgb"))
    shown = on_files.preview(str(tmp_path / "x"), 150, tmp_path)
    assert shown is not None
    with Image.open(shown) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (100, 150))
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF"):
        (tmp_path / "y").write_bytes(saved(SMOOTH, kind))
        assert on_files.preview(str(tmp_path / "y"), 150, tmp_path) is None
    (tmp_path / "z").write_bytes(b"hello")
    with pytest.raises(UserError, match="This is not a picture"):
        on_files.preview(str(tmp_path / "z"), 150, tmp_path)
