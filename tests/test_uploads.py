"""Any picture comes in with the pixels it has; who is refused, by which sentence, and at what
cost.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from ganapps.errors import UserError
from ganapps.pictures.uploads import Upload, open_upload, size_of, webp
from tests.picture_files import (
    SRGB,
    bitmap,
    bitmap_with_alpha,
    chunk,
    noise,
    photograph,
    png,
    png_claiming,
    saved,
    table,
    tiff,
    tiff_claiming,
)

Open = Callable[[bytes], Upload]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def opened(data: bytes, name: str = "picture.jpg") -> Upload:
        (tmp_path / name).write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return open_upload(tmp_path / name)

    return opened


def refusal(opened: Open, data: bytes) -> str:
    with pytest.raises(UserError) as caught:
        opened(data)
    return str(caught.value)


def said(upload: Upload) -> list[str]:
    return [template.format(**values) for template, values in upload.changes]


GREY, GREY_ALPHA, RGB, RGBA = (
    noise(channels=1),
    noise(channels=2),
    noise(channels=3),
    noise(channels=4),
)
WORDS = {c: noise(channels=c, kind=np.uint16) for c in (1, 2, 3, 4)}
LOSSLESS = {
    "png grey": (saved(GREY, "PNG"), GREY),
    "png grey alpha": (saved(GREY_ALPHA, "PNG"), GREY_ALPHA),
    "png": (saved(RGB, "PNG"), RGB),
    "png alpha": (saved(RGBA, "PNG"), RGBA),
    "png one pixel": (saved(RGB[:1, :1], "PNG"), RGB[:1, :1]),
    "png one row": (saved(RGB[:1], "PNG"), RGB[:1]),
    "png one column": (saved(GREY[:, :1], "PNG"), GREY[:, :1]),
    "png interlaced": (saved(RGB, "PNG", interlace=1), RGB),
    "bmp": (saved(RGB, "BMP"), RGB),
    "bmp grey": (saved(GREY, "BMP"), GREY),
    "bmp alpha": (bitmap_with_alpha(RGBA), RGBA),
    "webp": (saved(RGB, "WEBP", lossless=True), RGB),
    "webp alpha": (saved(RGBA, "WEBP", lossless=True, exact=True), RGBA),
    "gif grey": (saved(GREY, "GIF"), GREY),
    **{
        f"tiff {packing} {c}": (saved(p, "TIFF", compression=packing), p)
        for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
        for c, p in ((1, GREY), (2, GREY_ALPHA), (3, RGB), (4, RGBA))
    },
    "tiff big": (tiff(RGB, photometric="rgb", bigtiff=True), RGB),
    "tiff planes": (tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate"), RGB),
    "tiff white is zero": (tiff(255 - GREY[..., 0], photometric="miniswhite"), GREY),
    **{f"png 16 bit {c}": (png(p), p) for c, p in WORDS.items()},
    "tiff 16 bit grey": (tiff(WORDS[1][..., 0], photometric="minisblack"), WORDS[1]),
    "tiff 16 bit white is zero": (
        tiff(65535 - WORDS[1][..., 0], photometric="miniswhite"),
        WORDS[1],
    ),
    **{
        f"tiff 16 bit {order} {packing} {planes} {side} {c}": (
            tiff(
                np.moveaxis(WORDS[c], 2, 0) if planes == "separate" else WORDS[c],
                byteorder=order,
                compression=packing,
                planarconfig=planes,
                tile=side,
                photometric="rgb",
                predictor=bool(packing),
                extrasamples=["unassalpha"] if c == 4 else None,
            ),
            WORDS[c],
        )
        for order in "<>"
        for packing in (None, "zlib")
        for planes in ("contig", "separate")
        for side in (None, (16, 16))
        for c in (3, 4)
    },
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_bit_comes_in(name: str, opened: Open) -> None:
    data, pixels = LOSSLESS[name]
    upload = opened(data)
    assert upload.pixels.dtype == pixels.dtype and np.array_equal(upload.pixels, pixels)
    assert (
        upload.size == (pixels.shape[1], pixels.shape[0])
        and upload.changes == ()
        and upload.sha256 == hashlib.sha256(data).hexdigest()
    )


def test_few_bits_fill_the_range(opened: Open) -> None:
    black_and_white = (GREY > 127) * np.uint8(255)
    for kind in ("PNG", "TIFF", "BMP", "GIF"):
        assert np.array_equal(
            opened(saved(Image.fromarray(black_and_white[..., 0]), kind, "1")).pixels,
            black_and_white,
        )
    assert np.array_equal(
        opened(
            saved(Image.fromarray(black_and_white[..., 0]), "TIFF", "1", compression="group4")
        ).pixels,
        black_and_white,
    )
    row = np.arange(16, dtype=np.uint8)
    nibbles = (row[::2] << 4 | row[1::2])[None, :, None]
    two = png(nibbles, kind=0, depth=4, filters=False)
    wide = two.replace(two[8:33], chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 1, 4, 0, 0, 0, 0)))
    assert opened(wide).pixels.ravel().tolist() == [17 * v for v in range(16)]


@pytest.mark.parametrize(
    ("mode", "options"),
    [("L", {}), ("RGB", {}), ("RGB", {"progressive": True}), ("RGB", {"subsampling": 2})],
)
def test_a_jpeg_is_what_the_library_makes_of_it(mode: str, options: dict, opened: Open) -> None:
    data = saved(RGB, "JPEG", mode, **options)
    assert np.array_equal(opened(data).pixels, np.atleast_3d(np.asarray(Image.open(BytesIO(data)))))


def test_ycbcr_in_a_tiff(opened: Open) -> None:
    smooth = np.kron(noise(3, 4), np.ones((8, 8, 1), np.uint8))
    made = opened(saved(smooth, "TIFF", "YCbCr", compression="tiff_lzw")).pixels
    assert np.abs(made.astype(int) - smooth).max() <= 4


def test_a_palette_is_looked_up(opened: Open) -> None:
    index, colours = noise(channels=1) % 7, noise(1, 7)[0]
    picture = Image.fromarray(index[..., 0], "P")
    picture.putpalette(colours.tobytes())
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        assert np.array_equal(opened(saved(picture, kind)).pixels, colours[index[..., 0]]), kind
    clear = opened(saved(picture, "GIF", transparency=3)).pixels
    assert np.array_equal(
        clear[..., :3][index[..., 0] != 3], colours[index[..., 0]][index[..., 0] != 3]
    )
    assert np.array_equal(clear[..., 3], np.where(index[..., 0] == 3, 0, 255))
    alphas = bytes([0, 80, 160])
    several = opened(saved(picture, "PNG", transparency=alphas)).pixels
    assert np.array_equal(several[..., :3], colours[index[..., 0]])
    assert np.array_equal(several[..., 3], np.array([0, 80, 160, *[255] * 253])[index[..., 0]])


def test_a_palette_of_greys_is_grey_unless_a_profile_needs_colours(opened: Open) -> None:
    index, greys = noise(channels=1) % 5, np.array([3, 200, 90, 41, 7], np.uint8)
    picture = Image.fromarray(index[..., 0], "P")
    picture.putpalette(np.repeat(greys, 3).tobytes())
    assert np.array_equal(opened(saved(picture, "PNG")).pixels, greys[index])
    coloured = opened(saved(picture, "PNG", icc_profile=SRGB))
    assert (
        np.array_equal(coloured.pixels, np.repeat(greys[index], 3, axis=2)) and coloured.icc == SRGB
    )


@pytest.mark.parametrize(("pixels", "depth"), [(GREY, 8), (RGB, 8), (WORDS[1], 16), (WORDS[3], 16)])
def test_a_transparent_colour_is_alpha(pixels: np.ndarray, depth: int, opened: Open) -> None:
    pixels = pixels.copy()
    pixels[4:6, 7:9] = pixels[0, 0]
    key = struct.pack(f">{pixels.shape[2]}H", *pixels[0, 0].tolist())
    made = opened(png(pixels, more=chunk(b"tRNS", key))).pixels
    clear = (pixels == pixels[0, 0]).all(axis=2)
    assert (
        clear.sum() >= 5 and made.dtype == pixels.dtype and np.array_equal(made[..., :-1], pixels)
    )
    assert np.array_equal(made[..., -1], np.where(clear, 0, 2**depth - 1))


def test_alpha_that_was_multiplied_in_is_taken_out(opened: Open) -> None:
    colours, alpha = WORDS[3].astype(np.float64), np.maximum(WORDS[1], 2000)
    multiplied = np.dstack([np.round(colours * alpha / 65535), alpha]).astype(np.uint16)
    made = opened(tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"])).pixels
    # half a step at an alpha of 2000
    assert np.array_equal(made[..., 3:], alpha) and np.abs(made[..., :3] - colours).max() <= 17


# --- CMYK, Lab, profiles


def test_cmyk_without_a_profile_is_near_and_says_so(opened: Open) -> None:
    inks = noise(channels=4)
    picture = Image.frombytes("CMYK", (33, 21), inks.tobytes())
    upload = opened(saved(picture, "TIFF"))
    expected = (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255
    assert np.abs(upload.pixels - expected).max() <= 0.5 and upload.icc is None
    assert said(upload) == [
        "Its CMYK colours have no usable profile, so their conversion to sRGB is only near."
    ]


def test_an_adobe_jpeg_is_not_a_negative(opened: Open) -> None:
    white = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    white.paste((0, 255, 255, 0), (0, 0, 8, 16))
    data = saved(white, "JPEG", quality=100)
    assert b"Adobe" in data  # with which inks are stored inverted
    pixels = opened(data).pixels
    assert (
        np.abs(pixels[:, 12].astype(int) - 255).max() <= 2
        and np.abs(pixels[:, 3].astype(int) - [255, 0, 0]).max() <= 4
    )


def test_lab_is_converted_as_its_formulas_say(opened: Open) -> None:
    lab = np.kron(
        np.array(
            [[[53, 20, -30], [80, -40, 40], [20, 5, 5], [100, 0, 0], [0, 0, 0], [60, 0, 0]]],
            np.float64,
        ),
        np.ones((4, 4, 1)),
    )
    stored = (
        np.dstack([np.round(lab[..., 0] * 2.55), lab[..., 1], lab[..., 2]])
        .astype(np.int16)
        .astype(np.uint8)
    )
    upload = opened(tiff(stored, photometric="cielab"))
    fy = (lab[..., 0] + 16) / 116
    roots = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    # under D50
    xyz = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)) * [
        0.96422,
        1,
        0.82521,
    ]
    light = (
        xyz
        @ np.array(
            [
                [3.1338561, -1.6168667, -0.4906146],
                [-0.9787684, 1.9161415, 0.0334540],
                [0.0719453, -0.2289914, 1.4052427],
            ]
        ).T
    ).clip(0, 1)
    # Bradford-adapted
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(upload.pixels - expected).max() < 4
    assert said(upload) == ["Its Lab colours were converted to sRGB."]


def test_a_profile_is_kept_and_pixels_stay(opened: Open) -> None:
    for kind, options in (
        ("PNG", {}),
        ("JPEG", {"quality": 100}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
    ):
        with_it, without = (
            opened(saved(RGB, kind, icc_profile=SRGB, **options)),
            opened(saved(RGB, kind, **options)),
        )
        assert (
            with_it.icc == SRGB
            and without.icc is None
            and np.array_equal(with_it.pixels, without.pixels)
        ), kind
        assert with_it.changes == ()


def test_a_profile_in_pieces(opened: Open) -> None:
    long = SRGB[:128] + SRGB[128:] + bytes(150_000)
    long = struct.pack(">I", len(long)) + long[4:]
    assert saved(RGB, "JPEG", icc_profile=long).count(b"ICC_PROFILE\0") == 3
    assert opened(saved(RGB, "JPEG", icc_profile=long)).icc == long


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile",
        bytes(500),
        SRGB[:200],
        b"\xff" * 4 + SRGB[4:],
        SRGB[:36] + b"nope" + SRGB[40:],
    ],
)
def test_a_damaged_profile_is_left_out_and_said(profile: bytes, opened: Open) -> None:
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        upload = opened(saved(RGB, kind, icc_profile=profile))
        assert upload.icc is None and said(upload) == [
            "Its colour profile is damaged and was left out."
        ], kind
    broken = png(RGB, more=chunk(b"iCCP", b"x\0\0not deflate"))
    assert said(opened(broken)) == ["Its colour profile is damaged and was left out."]


def test_a_profile_of_other_colours_is_left_out_and_said(opened: Open) -> None:
    assert said(opened(saved(GREY, "JPEG", icc_profile=SRGB))) == [
        "Its colour profile is for other kinds of colours and was left out."
    ]
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert opened(saved(RGB, "PNG", icc_profile=lab)).icc is None


# --- EXIF


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_it_stands_upright(orientation: int, kind: str, opened: Open, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(RGB, kind, exif=exif.tobytes(), **({"lossless": True} if kind == "WEBP" else {}))
    plain = RGB if kind != "JPEG" else np.asarray(Image.open(BytesIO(data)))
    turned = Image.fromarray(plain)
    turned.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned))
    upload = opened(data)
    assert np.array_equal(upload.pixels, expected) and upload.size == (
        expected.shape[1],
        expected.shape[0],
    )
    assert size_of(tmp_path / "picture.jpg") == upload.size and (
        orientation == 1
    ) == np.array_equal(expected, plain)


def test_16_bits_stand_upright_too(opened: Open) -> None:
    assert np.array_equal(
        opened(png(WORDS[3], more=chunk(b"eXIf", table((274, 3, 1, b"\x06\0\0\0"))))).pixels,
        np.rot90(WORDS[3], -1),
    )
    sideways = tiff(WORDS[3], photometric="rgb", extratags=[(274, 3, 1, 8, True)])
    assert np.array_equal(opened(sideways).pixels, np.rot90(WORDS[3]))


def test_date_and_place_are_kept_apart(opened: Open) -> None:
    upload = opened(photograph(6))
    assert upload.date == "2024:05:31 18:02:07" and upload.icc == SRGB and upload.changes == ()
    alone = Image.Exif()
    alone.load(upload.gps)
    assert alone.get_ifd(34853) == {1: "N", 2: (48.0, 51.0, 29.6), 3: "E", 4: (2.0, 17.0, 40.0)}
    assert dict(alone) == {34853: 26} or set(alone) == {34853}
    assert opened(saved(RGB, "JPEG")).date is None and opened(saved(RGB, "JPEG")).gps is None


def test_a_png_s_own_date(opened: Open) -> None:
    stamp = chunk(b"tIME", struct.pack(">H5B", 2023, 4, 5, 6, 7, 8))
    assert (
        opened(png(RGB, more=stamp)).date
        == "2023:04:05 06:07:08"
        == opened(png(RGB, after=stamp)).date
    )


@pytest.mark.parametrize(
    "exif",
    [
        b"II*\0\xff\xff\xff\x7f",
        b"nonsense",
        b"II*\0\x08\0\0\0\xff\xff" + bytes(100),
        table((274, 2, 3000, b"\x08\0\0\0")),
    ],
)
def test_damaged_exif_is_ignored_and_said(exif: bytes, opened: Open) -> None:
    upload = opened(png(RGB, more=chunk(b"eXIf", exif)))
    assert np.array_equal(upload.pixels, RGB) and said(upload) == [
        "Its EXIF data is damaged and was ignored, so it may lie on its side."
    ]


def test_a_wrong_date_or_orientation_is_none(opened: Open) -> None:
    assert np.array_equal(
        opened(png(RGB, more=chunk(b"eXIf", table((274, 3, 1, b"\x63\0\0\0"))))).pixels, RGB
    )
    assert opened(png(RGB, more=chunk(b"eXIf", table((306, 2, 4, b"now\0"))))).date is None


def test_nobody_s_name_or_place_is_in_what_may_be_logged(opened: Open) -> None:
    upload = opened(photograph(), name="My Name.jpg")
    assert (
        upload.name == "My Name.jpg"
        and "Name" not in repr(upload)
        and "2024" not in repr(upload)
        and len(repr(upload)) < 200
    )
    assert "Name" not in refusal(lambda data: opened(data, name="My Name.png"), b"%PDF-1.7")


# --- frames

FIRST, SECOND = Image.fromarray(RGB), Image.fromarray(255 - RGB)
SEVERAL = ["Only the first of several frames or pages was used."]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GIF", {}),
        ("TIFF", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("MPO", {"quality": 95}),
    ],
)
def test_only_the_first_of_several(kind: str, options: dict, opened: Open) -> None:
    one, two = (p.quantize(16) if kind == "GIF" else p for p in (FIRST, SECOND))
    upload = opened(saved(one, kind, save_all=True, append_images=[two, one], **options))
    alone = opened(saved(one, "JPEG" if kind == "MPO" else kind, **options))
    assert (
        said(upload) == SEVERAL
        and alone.changes == ()
        and np.array_equal(upload.pixels, alone.pixels)
    )


def test_a_small_first_frame_stands_in_its_screen(opened: Open) -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 6, 5, 0x80, 0, 0) + bytes([9, 9, 9, 200, 0, 0])
    # codes of three bits: clear, 1, 1, end
    frame = b"\x2c" + struct.pack("<HHHHB", 3, 2, 2, 1, 0) + b"\x02\x02\x4c\x0a\0;"
    pixels = opened(screen + frame).pixels
    assert (
        pixels.shape == (5, 6, 3)
        and (pixels[2, 3:5] == [200, 0, 0]).all()
        and (pixels == 9).all(axis=2).sum() == 28
    )


# --- refusals

TEXT = {
    "web page": (b"<!DOCTYPE html><html><body>403</body></html>", "This is a web page"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "This is an SVG drawing"),
    "pdf": (b"%PDF-1.7\n", "This is a PDF document"),
    "program": (b"MZ\x90\0" + bytes(100), "This is a program"),
    "elf": (b"\x7fELF" + bytes(60), "This is a program"),
    "zip": (b"PK\x03\x04" + bytes(60), "This is an archive"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(60), "This is an HEIC"),
    "text": (b"hello", "This is not a picture"),
    "film": (b"\0\0\0\x18ftypmp42" + bytes(60), "This is not a picture"),
    "empty": (b"", "This file is empty"),
}


@pytest.mark.parametrize("name", TEXT)
def test_what_is_no_picture_is_named(name: str, opened: Open) -> None:
    data, beginning = TEXT[name]
    assert refusal(opened, data).startswith(beginning)


def test_what_can_t_be_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, sentence in (
        (tmp_path, "This is a folder or a device"),
        (tmp_path / "pipe", "This is a folder or a device"),
        ("/dev/zero", "This is a folder or a device"),
        (tmp_path / "gone", "This file can't be opened (No such file or directory)"),
        ("a\0b", "This file can't be opened (not a file)"),
    ):
        with pytest.raises(UserError) as caught:
            open_upload(path)
        assert str(caught.value).startswith(sentence)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.png").open("wb") as file:
        file.write(saved(RGB, "PNG")[:100])
        file.truncate(3_000_000_000)  # a hole: takes no room
    with pytest.raises(UserError, match="This file has 3000 MB, at most 500 MB"):
        open_upload(tmp_path / "large.png")


HALVES = {
    "PNG": {},
    "JPEG": {},
    "GIF": {},
    "WEBP": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
}


@pytest.mark.parametrize("kind", HALVES)
def test_half_a_file(kind: str, opened: Open) -> None:
    data = saved(noise(60, 80), kind, **HALVES[kind])
    for share in (0.3, 0.5, 0.9):
        assert (
            refusal(opened, data[: int(len(data) * share)])
            == "This picture ends in the middle, so none of it was used: fetch it again, or save "
            "it again."
        )


def test_numbers_without_a_range(opened: Open) -> None:
    for kind in (np.float32, np.float16, np.int16, np.uint32):
        data = tiff(GREY[..., 0].astype(kind), photometric="minisblack")
        assert refusal(opened, data).startswith(
            "This TIFF holds 32 bit or signed numbers, whose range it does not tell"
        )


def test_pixels_of_an_unknown_kind(opened: Open) -> None:
    twelve = saved(RGB, "JPEG").replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")
    lossless = saved(RGB, "JPEG").replace(b"\xff\xc0\x00\x11", b"\xff\xc3\x00\x11")
    strange = tiff_claiming(4, 1, (258, 3, 1, struct.pack("<I", 7)))
    for data in (twelve, lossless, strange, saved(RGB, "TIFF", "YCbCr", compression="raw")):
        assert (
            refusal(opened, data)
            == "This picture has pixels of a kind that can't be read here: save it as PNG first."
        )


def test_broken_pixels(opened: Open) -> None:
    data = png(RGB)
    at = data.index(b"IDAT") + 20
    assert refusal(opened, data[:at] + b"\xff" * 8 + data[at + 8 :]).startswith(
        "This picture is damaged"
    )


# --- attacks

MANY = struct.pack("<I", 65535)
BOMBS = {
    "png size": png_claiming(60_000, 60_000),
    "png size of 2^31": png_claiming(2**31 - 1, 2**31 - 1),
    "png side": png_claiming(70_000, 1),
    "png nothing": png_claiming(0, 5),
    "jpeg size": saved(RGB, "JPEG").replace(b"\x08\x00\x15\x00\x21", b"\x08\xff\xff\xff\xff"),
    "gif size": b"GIF89a\xff\xff\xff\xff" + saved(GREY, "GIF")[10:],
    "gif frame size": saved(GREY, "GIF").replace(
        b"\x2c\0\0\0\0\x21\0\x15\0", b"\x2c\0\0\0\0\xff\xff\xff\xff"
    ),
    "bmp size": bitmap(2**31 - 1, 2**31 - 1),
    "bmp negative": bitmap(-5, 5),
    "tiff size": tiff_claiming(2**32 - 1, 2**32 - 1),
    "webp size": (lambda d: d[:24] + b"\xff\x3f\0\xff\x3f\0" + d[30:])(
        saved(RGBA, "WEBP", exif=b"Exif\0\0II*\0")
    ),
    "webp lossless size": (lambda d: d[:21] + b"\xff\xff\xff\x0f" + d[25:])(
        saved(RGB, "WEBP", lossless=True)
    ),
    "png profile": png_claiming(9, 9, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200_000_000)))),
    "png endless chunks": png_claiming(9, 9, chunk(b"teXt", b"") * 300_000),
    "png heavy chunk": png_claiming(9, 9, chunk(b"teXt", bytes(17_000_000))),
    "jpeg endless segments": b"\xff\xd8" + b"\xff\xfe\0\x02" * 500_000,
    "gif endless text": b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\1a\0" * 500_000,
    "gif one endless text": b"GIF89a\1\0\1\0\0\0\0\x21\xfe" + b"\1a" * 3_000_000 + b"\0",
    "webp heavy chunk": (lambda b: b"RIFF" + struct.pack("<I", len(b)) + b)(
        b"WEBPXMP " + struct.pack("<I", 17_000_000) + bytes(17_000_000)
    ),
    "tiff tile": tiff_claiming(
        9,
        9,
        *((t, 4, 1, MANY) for t in (322, 323)),
        (324, 4, 1, b"\x08\0\0\0"),
        (325, 4, 1, b"\x04\0\0\0"),
    ),
    "tiff table of tables": table(*((256 + i % 100, 7, 2**31, bytes(4)) for i in range(900))),
    "tiff entries": b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65535),
    "tiff pieces over each other": tiff_claiming(
        9,
        60_000,
        (273, 4, 60_000, struct.pack("<I", 122)),
        (279, 4, 60_000, struct.pack("<I", 240_122)),
        body=struct.pack("<I", 8) * 60_000 + struct.pack("<I", 400_000) * 60_000,
    ),
    "bmp packed": bitmap(10_000, 10_000, 8, 1, b"\0\0" * 100),
    "jpeg scans": saved(noise(400, 600), "JPEG") + b"\xff\xda\0\x02" * 20_000,
}
METER = """
import json, resource, sys, time
from pathlib import Path
from ganapps.errors import UserError
from ganapps.pictures.uploads import open_upload
def status(name):
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
said = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    open("/proc/self/clear_refs", "w").write("5")
    before, began = status("VmHWM"), time.process_time()
    try:
        sentence = repr(open_upload(path).size)
    except UserError as e:
        sentence = str(e)
    said[path.name] = sentence, status("VmHWM") - before, time.process_time() - began
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int, float]]:
    """What a fresh process says to each attack, and what it cost: (sentence, bytes, seconds of the
    processor).
    """
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from Linux's /proc")
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in BOMBS.items():
        (folder / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", METER, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_an_attack_costs_little_and_is_a_sentence(
    name: str, bombs: dict[str, tuple[str, int, float]]
) -> None:
    sentence, memory, seconds = bombs[name]
    print(name, sentence, memory, seconds)
    assert sentence.startswith("This ") and memory < 50_000_000 and seconds < 1
    if "size" in name or "side" in name:
        assert "at most 120 million, and 65535 a side, are accepted" in sentence


def test_endless_frames_are_not_looked_at(opened: Open, tmp_path: Path) -> None:
    frame = saved(GREY[:2, :2], "GIF")
    body = frame[frame.index(b"\x2c") : -1]
    upload = opened(frame[:-1] + body * 200_000 + b";")
    assert said(upload) == SEVERAL and np.array_equal(upload.pixels, opened(frame).pixels)
    around = tiff_claiming(4, 1, following=8)  # its next page is itself
    assert said(opened(around)) == SEVERAL
    still = saved(FIRST, "WEBP", save_all=True, append_images=[SECOND], lossless=True)
    at = still.rindex(b"ANMF")
    endless = still[:at] + still[at:] * 20_000
    endless = b"RIFF" + struct.pack("<I", len(endless) - 8) + endless[8:]
    assert (
        said(opened(endless)) == SEVERAL
        and webp.header(endless).file.open().read().count(b"ANMF") == 1
    )


@pytest.mark.parametrize(
    "name",
    [
        "png",
        "png 16 bit 3",
        "webp alpha",
        "gif grey",
        "bmp",
        "tiff tiff_lzw 3",
        "tiff 16 bit > zlib separate (16, 16) 4",
        "photograph",
    ],
)
def test_no_damage_is_more_than_a_sentence(name: str, tmp_path: Path) -> None:
    data = photograph() if name == "photograph" else LOSSLESS[name][0]
    dice = random.Random(name)
    for _ in range(120):
        damaged = bytearray(data[: dice.randrange(1, len(data))] if dice.random() < 0.2 else data)
        for _ in range(dice.choice((1, 2, 8))):
            at = dice.randrange(min(len(damaged), dice.choice((100, 10_000))))
            damaged[at : at + 1] = dice.choice(
                (b"\xff", b"\0", b"\x7f", bytes([dice.randrange(256)]))
            )
        (tmp_path / "x").write_bytes(damaged)
        try:
            upload = open_upload(tmp_path / "x")
        except UserError as e:
            assert str(e).startswith("This ")
        else:
            assert upload.pixels.shape == (
                *upload.size[::-1],
                upload.pixels.shape[2],
            ) and upload.pixels.dtype in (
                np.uint8,
                np.uint16,
            )
