"""What a picture costs to read: by parts as by the whole, never more than its header promised, the
price next to nothing.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ganapps.errors import UserError
from ganapps.pictures import uploads
from ganapps.pictures.uploads import decode, open_upload, png_rows, size_of, tiff
from ganapps.pictures.uploads.stored import Pieces, Stored
from tests.picture_files import chunk, png, saved
from tests.picture_files import tiff as written
from tests.test_uploads import LOSSLESS

ROOT = Path(__file__).parent.parent
WIDTH, HEIGHT = 3000, 2000
PNGS = {
    "png 1 bit": (0, 1, 1, 0, b""),
    "png grey": (0, 8, 1, 0, b""),
    "png 16 bit grey": (0, 16, 1, 0, b""),
    "png rgb": (2, 8, 3, 0, b""),
    "png 16 bit rgba": (6, 16, 4, 0, b""),
    "png 16 bit interlaced": (6, 16, 4, 1, b""),
    "png palette": (3, 8, 1, 0, chunk(b"PLTE", bytes(range(30))) + chunk(b"tRNS", b"\0\1")),
    "png key and gamma": (
        2,
        16,
        3,
        0,
        chunk(b"gAMA", struct.pack(">I", 100_000)) + chunk(b"tRNS", bytes(6)),
    ),
}


def flat_png(
    width: int, height: int, kind: int, depth: int, channels: int, interlaced: int, more: bytes
) -> bytes:
    """A PNG of nothing but zeros: a thousandth of its pixels."""
    pack, packed = zlib.compressobj(9), []
    for left, top, across, down in png_rows.PASSES if interlaced else ((0, 0, 1, 1),):
        row = bytes(1 + (-(-(width - left) // across) * channels * depth + 7) // 8)
        packed += [pack.compress(row) for _ in range(-(-(height - top) // down))]
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    body = b"".join([*packed, pack.flush()])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + more
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


OTHERS: dict[str, Callable[[SimpleNamespace], bytes]] = {
    "jpeg": lambda m: saved(m.picture, "JPEG"),
    "jpeg grey": lambda m: saved(m.picture, "JPEG", "L"),
    "jpeg progressive": lambda m: saved(m.picture, "JPEG", progressive=True, subsampling=0),
    "jpeg cmyk": lambda m: saved(m.cmyk, "JPEG", progressive=True),
    "gif": lambda m: saved(m.picture.convert("P"), "GIF", transparency=0),
    "bmp": lambda m: saved(m.picture, "BMP"),
    "webp lossy": lambda m: saved(m.picture, "WEBP", quality=50, method=0),
    "webp lossless": lambda m: saved(m.picture, "WEBP", lossless=True, quality=0, method=0),
    "webp alpha": lambda m: saved(m.clear, "WEBP", lossless=True, quality=0, method=0),
    "webp film": lambda m: saved(
        m.clear, "WEBP", save_all=True, append_images=[m.picture.convert("RGBA")], method=0
    ),
    "avif": lambda m: saved(m.picture, "AVIF", speed=10, subsampling="4:4:4"),
    "avif alpha": lambda m: saved(m.clear, "AVIF", speed=10),
    "tiff": lambda m: written(m.pixels, photometric="rgb"),
    "tiff strips": lambda m: written(m.pixels, **RGB, rowsperstrip=16),
    "tiff one strip": lambda m: written(m.pixels, **RGB, rowsperstrip=HEIGHT),
    "tiff planes": lambda m: written(np.moveaxis(m.pixels, 2, 0), **RGB, planarconfig="separate"),
    "tiff cmyk": lambda m: saved(m.cmyk, "TIFF", compression="tiff_lzw"),
    "tiff lab": lambda m: written(m.pixels, photometric="cielab", compression="zlib"),
    "tiff 16 bit": lambda m: written(m.words, **RGB, extrasamples=["assocalpha"]),
    "tiff 16 bit one strip": lambda m: written(
        m.words, **RGB, extrasamples=["unassalpha"], rowsperstrip=HEIGHT
    ),
    "tiff 16 bit planes": lambda m: written(
        np.moveaxis(m.words[..., :3], 2, 0), **RGB, planarconfig="separate"
    ),
}
RGB = {"photometric": "rgb", "compression": "zlib"}


def material() -> SimpleNamespace:
    """What those are made of."""
    pixels, words = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 4), np.uint16)
    pixels[::7], words[::7] = 40, 9000
    picture = Image.fromarray(pixels)
    clear = picture.copy()
    clear.putalpha(100)
    return SimpleNamespace(
        pixels=pixels, words=words, picture=picture, clear=clear, cmyk=picture.convert("CMYK")
    )


METER = """
import json, sys
from pathlib import Path
from ganapps.pictures import uploads
from ganapps.pictures.uploads import open_upload, size_of
def status(name):
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
def peak(work):
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    work()
    return status("VmHWM") - before
said = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    with path.open("rb") as file:
        promised = uploads._header(file).memory
    said[path.name] = promised, peak(lambda: size_of(path)), peak(lambda: open_upload(path))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, int]]:
    """Of each file what its header promises, and the bytes that its price and its reading took in a
    fresh process.
    """
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from Linux's /proc")
    folder = tmp_path_factory.mktemp("large")
    made_of = material()
    for name, claims in PNGS.items():
        (folder / name).write_bytes(flat_png(WIDTH, HEIGHT, *claims))
    for name, file_of in OTHERS.items():
        (folder / name).write_bytes(file_of(made_of))
    with (folder / "png 400 MB").open("wb") as file:
        start = flat_png(WIDTH, HEIGHT, 2, 8, 3, 0, b"")[:-12]
        file.write(start + struct.pack(">I", 400_000_000) + b"IDAT")
        file.seek(400_000_004, 1)  # a hole: takes no room
        file.write(chunk(b"IEND", b""))
    done = subprocess.run(
        [sys.executable, "-c", METER, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [*PNGS, *OTHERS, "png 400 MB"])
def test_reading_takes_what_the_header_promised_and_the_price_nothing(
    name: str, costs: dict
) -> None:
    promised, price, reading = costs[name]
    print(name, promised, price, reading)
    assert price < 20_000_000
    assert reading < promised + 30_000_000 and promised < uploads.MOST_MEMORY


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("some", [1, 700])
def test_parts_make_the_whole(
    name: str, some: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png_rows, "STRIP", some)
    monkeypatch.setattr(tiff, "BAND", some)
    monkeypatch.setattr(decode, "STRIP", some)
    data, pixels = LOSSLESS[name]
    (tmp_path / "x").write_bytes(data)
    assert np.array_equal(open_upload(tmp_path / "x").pixels, pixels)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_pass_of_an_interlaced_png_finds_its_place(
    channels: int, depth: int, tmp_path: Path
) -> None:
    kind = np.uint8 if depth == 8 else np.uint16
    for height, width in ((1, 1), (2, 5), (9, 3), (21, 33)):
        pixels = (
            np.random.default_rng(7).integers(0, 2**depth, (height, width, channels)).astype(kind)
        )
        (tmp_path / "x.png").write_bytes(interlaced(pixels))
        assert np.array_equal(open_upload(tmp_path / "x.png").pixels, pixels)


def interlaced(pixels: np.ndarray) -> bytes:
    """A PNG of [H, W, C] in Adam7's passes, unfiltered, by hand."""
    plain, rows = png(pixels, filters=False), b""
    for left, top, across, down in png_rows.PASSES:
        part = pixels[top::down, left::across]
        rows += b"".join(
            b"\0" + row.astype(">u2" if pixels.itemsize == 2 else "u1").tobytes()
            for row in part
            if row.size
        )
    head = plain[16:28] + b"\1"
    return (
        plain[:8] + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


FEW_BITS = [(0, 1), (0, 2), (0, 4), (3, 1), (3, 2), (3, 4), (3, 8)]


@pytest.mark.parametrize(("kind", "depth"), FEW_BITS)
def test_few_bits_are_what_the_library_makes_of_them(kind: int, depth: int, tmp_path: Path) -> None:
    width = 19
    rows = (
        np.random.default_rng(depth)
        .integers(0, 256, (11, (width * depth + 7) // 8, 1))
        .astype(np.uint8)
    )
    palette = chunk(
        b"PLTE", np.random.default_rng(5).integers(0, 256, 3 * 2**depth).astype(np.uint8).tobytes()
    )
    data = png(rows, kind=kind, depth=depth, more=palette * (kind == 3))
    data = data.replace(
        data[8:33], chunk(b"IHDR", struct.pack(">IIBBBBB", width, 11, depth, kind, 0, 0, 0))
    )
    (tmp_path / "x.png").write_bytes(data)
    expected = np.asarray(Image.open(tmp_path / "x.png").convert("RGB" if kind == 3 else "L"))
    assert np.array_equal(open_upload(tmp_path / "x.png").pixels, np.atleast_3d(expected))


CLAIMS = {
    "WEBP": (lambda d: d[:21] + struct.pack("<I", 9_999 | 9_999 << 14) + d[25:])(
        saved(LOSSLESS["png"][1], "WEBP", lossless=True)
    ),
    "JPEG": (
        lambda d: d.replace(b"\x08\x00\x15\x00\x21", b"\x08" + struct.pack(">HH", 10_000, 12_000))
    )(saved(LOSSLESS["png"][1], "JPEG", progressive=True, subsampling=0)),
}


@pytest.mark.parametrize("kind", ["WEBP", "JPEG"])
def test_what_would_need_more_is_a_sentence_before_anything_is_decoded(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(CLAIMS[kind])
    for function in (open_upload, size_of):
        with pytest.raises(UserError) as caught:
            function(tmp_path / "x")
        sentence = str(caught.value)
        assert (
            sentence.startswith(f"This {kind} of 1")
            and "MB of memory to read, at most 900 MB are accepted" in sentence
        )
        assert sentence.endswith(
            "make it smaller, or save it as PNG with 8 bits a colour, which takes less."
        )


def test_the_most_pixels_fit_as_an_ordinary_photograph_and_as_a_png(tmp_path: Path) -> None:
    """Twelve by ten thousand: the limit of pixels, in the kinds that are common."""
    photograph = saved(LOSSLESS["png"][1], "JPEG").replace(
        b"\x08\x00\x15\x00\x21", b"\x08" + struct.pack(">HH", 10_000, 12_000)
    )
    plain = png(LOSSLESS["png alpha"][1])
    plain = plain.replace(
        plain[8:33], chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 10_000, 8, 6, 0, 0, 0))
    )
    for data in (photograph, plain):
        (tmp_path / "x").write_bytes(data)
        assert size_of(tmp_path / "x") == (12_000, 10_000)


def test_a_stored_file_is_as_its_bytes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, 200_000).astype(np.uint8).tobytes()
    (tmp_path / "x").write_bytes(data)
    with (tmp_path / "x").open("rb") as file:
        stored = Stored(file)
        assert len(stored) == len(data) and [stored[i] for i in (0, 199_999, 7)] == [
            data[i] for i in (0, 199_999, 7)
        ]
        for place in (
            slice(5),
            slice(100, 90),
            slice(65_530, 65_540),
            slice(3, 150_000),
            slice(199_990, 300_000),
        ):
            assert stored[place] == data[place]
        with pytest.raises(IndexError):
            stored[200_000]
        pieces = Pieces(stored, (b"head", range(10, 70_000), b"", range(150_000, 150_001), b"tail"))
        expected = b"head" + data[10:70_000] + data[150_000:150_001] + b"tail"
        again = pieces.open()
        assert (
            pieces.size == len(expected)
            and b"".join(pieces.blocks()) == expected
            and again.read() == expected
        )
        again.seek(-6, 2)
        assert again.read(3) == expected[-6:-3] and again.tell() == len(expected) - 3
