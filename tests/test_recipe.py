"""The request as JSON, link, PNG and film, and back; and what is refused."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from ganapps import recipe
from ganapps.errors import UserError
from ganapps.pictures import images, inside
from ganapps.pictures.inside import from_file
from ganapps.recipe import Recipe, from_json, from_link

FULL = Recipe(
    "faces",
    "heads-64",
    {"seed": "你好", "psi": 0.5, "labels": {"age": 60}},
    "float32",
    "a" * 40,
    "b" * 64,
    ({"size": 3, "sha256": "c"},),
    (Recipe("faces", "heads-64", {"seed": 1}),),
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
names = st.from_regex("[a-z][a-z_]{0,8}", fullmatch=True).filter(
    lambda n: n not in ("task", "checkpoint", "precision", "revision")
)


def refusal(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


@settings(max_examples=60)
@given(text.filter(bool), text.filter(bool), st.dictionaries(names, values, max_size=4))
def test_json_gives_back_what_was_asked(task: str, checkpoint: str, asked: dict) -> None:
    there = from_json(Recipe(task, checkpoint, asked).to_json())
    assert (there.task, there.checkpoint) == (task, checkpoint)
    assert there == from_json(there.to_json())


@settings(max_examples=60)
@given(
    text.filter(bool),
    st.dictionaries(names, values.filter(lambda v: v is not None and v != {}), max_size=4),
)
def test_a_link_gives_back_what_was_asked(checkpoint: str, asked: dict) -> None:
    there = from_link(Recipe("faces", checkpoint, asked, "bfloat16").to_link())
    assert there == Recipe("faces", checkpoint, asked, "bfloat16")


def test_equal_recipes_give_equal_text() -> None:
    one, other = Recipe("faces", "m", {"a": 1, "b": 2}), Recipe("faces", "m", {"b": 2, "a": 1})
    assert one.to_json() == other.to_json() and "\n" not in one.to_json()
    assert from_json(FULL.to_json()) == FULL


def test_a_link_is_short_and_holds_no_upload() -> None:
    assert (
        Recipe("faces", "heads-64", {"seed": 7, "mix": None, "labels": {}}).to_link()
        == "?task=faces&checkpoint=heads-64&seed=7"
    )
    assert "sha256" not in FULL.to_link() and "size" not in FULL.to_link()
    assert (
        FULL.revision in FULL.to_link() and from_link(FULL.to_link()).revision == FULL.revision
    ), "exactly this, not a newer one"


def test_text_that_looks_like_a_number_stays_text_in_a_link() -> None:
    assert from_link(Recipe("faces", "m", {"seed": "7"}).to_link()).settings == {"seed": "7"}
    assert from_link("?task=faces&checkpoint=m&seed=7&word=NaN").settings == {
        "seed": 7,
        "word": "NaN",
    }


def test_a_link_without_a_task_asks_for_nothing() -> None:
    assert (
        from_link("") is None
        and from_link("?__theme=dark") is None
        and from_link({"task": "faces"}) is None
    )
    assert from_link({"task": "faces", "checkpoint": "m", "__theme": "dark"}) == Recipe(
        "faces", "m"
    )


def test_a_png_holds_its_recipe_and_its_pixels(tmp_path: Path) -> None:
    picture = Image.effect_noise((9, 7), 80).convert("RGB")
    path = images.save_png(picture, tmp_path / "x.png", FULL)
    assert from_file(path) == FULL
    with Image.open(path) as again:
        assert again.tobytes() == picture.tobytes()


def test_a_film_holds_its_recipe(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), (c, 0, 0)) for c in (0, 90, 200)]
    path = images.save_film(frames, tmp_path / "x.webp", 20, FULL)
    assert from_file(path) == FULL
    with Image.open(path) as film:
        film.seek(1)
        film.load()
        assert film.n_frames == 3 and film.info["loop"] == 0 and film.info["duration"] == 50


def test_a_recipe_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"task": "faces", "checkpoint": "heads-64"}))
    assert from_file(tmp_path / "r.json") == Recipe("faces", "heads-64")


def test_a_picture_of_someone_else_holds_no_recipe(tmp_path: Path) -> None:
    photo, film = Image.new("RGB", (4, 4)), tmp_path / "film.webp"
    photo.save(tmp_path / "holiday.png")
    photo.save(film, xmp=b"<x:xmpmeta>Photoshop</x:xmpmeta>")
    for path in (tmp_path / "holiday.png", film):
        with pytest.raises(UserError) as error:
            from_file(path)
        assert (
            refusal(error)
            == f"{path.name} holds no recipe: only a picture made by this app does, and some "
            "programs remove it."
        )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_no_pixel_is_decoded_to_find_a_recipe(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("ganapps", Recipe("faces", "m").to_json())
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png", pnginfo=info)
    data = (tmp_path / "x.png").read_bytes()
    # says 432 MB of pixels, and holds none
    header = struct.pack(">IIBBBBB", 12000, 12000, 8, 2, 0, 0, 0)
    data = (
        data[:8]
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        + data[33:]
    )
    (tmp_path / "big.png").write_bytes(data[: data.index(b"IDAT") + 4])
    assert from_file(tmp_path / "big.png") == Recipe("faces", "m")


BAD_FILES = {
    "cut.png": (
        b"\x89PNG\r\n\x1a\n",
        "cut.png is not a PNG, WebP or JPEG picture that can be read.",
    ),
    "lies.png": (
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 64,
        "lies.png is not a PNG, WebP or JPEG picture that can be read.",
    ),
    "riff.webp": (
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\0" * 30,
        "riff.webp is not a PNG, WebP or JPEG picture that can be read.",
    ),
    "empty.json": (b"", "This is not a recipe: it can't be read as JSON."),
    "photo.jpg": (
        b"\xff\xd8\xff\xe0 JFIF",
        "photo.jpg is not a PNG, WebP or JPEG picture that can be read.",
    ),
    "large.json": (
        b"[" + b"1," * 40000,
        "This recipe is too large: 65537 characters, at most 65536 are accepted.",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BAD_FILES[name][0])
    with pytest.raises(UserError) as error:
        from_file(tmp_path / name)
    assert refusal(error) == BAD_FILES[name][1]


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^nowhere.json can't be read: No such file or directory.$"):
        from_file(tmp_path / "nowhere.json")
    with pytest.raises(UserError, match="can't be read: Is a directory.$"):
        from_file(tmp_path)
    with pytest.raises(UserError, match="can't be read: not a file.$"):
        from_file("a\0b")


def chain(length: int) -> dict:
    value: dict = {"task": "faces", "checkpoint": "m"}
    for _ in range(length - 1):
        value = {"task": "faces", "checkpoint": "m", "before": [value]}
    return value


def nested(depth: int) -> dict:
    value: dict = {}
    for _ in range(depth):
        value = {"a": value}
    return {"task": "faces", "checkpoint": "m", "settings": value}


NOT_JSON = "This is not a recipe: it can't be read as JSON."
NOT_A_TABLE = "This is not a recipe: a table with task and checkpoint is expected."
BAD_TEXTS = {
    "nothing": ("", NOT_JSON),
    "half": ('{"task": "faces"', NOT_JSON),
    "a list": ("[]", NOT_A_TABLE),
    "a number": ("7", NOT_A_TABLE),
    "no task": ('{"checkpoint": "m"}', "This recipe has no valid task."),
    "empty checkpoint": (
        '{"task": "faces", "checkpoint": ""}',
        "This recipe has no valid checkpoint.",
    ),
    "task of the wrong type": (
        '{"task": ["faces"], "checkpoint": "m"}',
        "This recipe has no valid task.",
    ),
    "unknown key": (
        '{"task": "faces", "checkpoint": "m", "sneaky": 1}',
        "This recipe has the unknown key sneaky.",
    ),
    "settings as a list": (
        '{"task": "faces", "checkpoint": "m", "settings": []}',
        "This recipe has no valid settings.",
    ),
    "settings null": (
        '{"task": "faces", "checkpoint": "m", "settings": null}',
        "This recipe has no valid settings.",
    ),
    "pictures that are none": (
        '{"task": "faces", "checkpoint": "m", "pictures": [1]}',
        "This recipe has no valid pictures.",
    ),
    "pictures as text": (
        '{"task": "faces", "checkpoint": "m", "pictures": "x"}',
        "This recipe has no valid pictures.",
    ),
    "revision as a number": (
        '{"task": "faces", "checkpoint": "m", "revision": 3}',
        "This recipe has no valid revision.",
    ),
    "before that is none": ('{"task": "faces", "checkpoint": "m", "before": [3]}', NOT_A_TABLE),
    "not a number": ('{"task": "faces", "checkpoint": "m", "settings": {"psi": NaN}}', NOT_JSON),
    "endless number": (
        '{"task": "faces", "checkpoint": "m", "settings": {"psi": 1e999}}',
        NOT_JSON,
    ),
    "half a character": (
        '{"task": "faces", "checkpoint": "m", "settings": {"seed": "\\ud800"}}',
        NOT_JSON,
    ),
    "deep": ("[" * 60000, NOT_JSON),
    "deep settings": (json.dumps(nested(200)), NOT_JSON),
    "long chain": (json.dumps(chain(9)), NOT_A_TABLE),
    "huge integer": (
        '{"task": "faces", "checkpoint": "m", "settings": {"seed": ' + "9" * 5000 + "}}",
        NOT_JSON,
    ),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_bad_text_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(UserError) as error:
        from_json(BAD_TEXTS[name][0])
    assert refusal(error) == BAD_TEXTS[name][1]


def test_the_longest_chain_is_read_and_written() -> None:
    assert from_json(from_json(json.dumps(chain(8))).to_json()) == from_json(json.dumps(chain(8)))


@settings(max_examples=150)
@given(
    st.binary(max_size=60)
    | values.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(
        st.sampled_from(
            [
                "task",
                "checkpoint",
                "settings",
                "precision",
                "pictures",
                "before",
                "revision",
                "sha256",
                "app",
            ]
        ),
        values,
    ).map(lambda v: json.dumps(v).encode())
)
def test_whatever_comes_is_a_recipe_or_a_refusal(data: bytes) -> None:
    try:
        read = from_json(data)
    except UserError:
        return
    assert from_json(read.to_json()).to_json() == read.to_json()


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["task", "checkpoint", "precision", "seed", "psi"]), text))
def test_whatever_link_comes_is_a_recipe_or_nothing(query: dict) -> None:
    read = from_link(query)
    assert (read is None) == (not {"task", "checkpoint"} <= set(query))


def test_a_link_that_is_too_long_is_refused() -> None:
    with pytest.raises(UserError, match="^This link is too long to be a recipe.$"):
        from_link({"task": "faces", "checkpoint": "m", "seed": "x" * 70000})


def test_png_text_of_another_kind_is_refused(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text(inside.CHUNK, "not JSON at all")
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png", pnginfo=info)
    with pytest.raises(UserError, match="can't be read as JSON"):
        from_file(tmp_path / "x.png")


# Chains


def linked(length: int) -> Recipe:
    made = Recipe("faces", "m", {"seed": 0})
    for number in range(1, length):
        made = Recipe("upscale", "m", {"scale": float(number)}).after(made)
    return made


def links(made: Recipe) -> list[Recipe]:
    return [made, *(links(made.before[0]) if made.before else [])]


def test_a_chain_keeps_the_recipes_before_it() -> None:
    made = from_json(linked(3).to_json())
    assert [r.settings for r in links(made)] == [
        {"scale": 2.0},
        {"scale": 1.0},
        {"seed": 0},
    ] and made == linked(3)


def test_of_a_long_chain_the_end_stays_and_can_be_read() -> None:
    made = from_json(linked(30).to_json())
    assert len(links(made)) == recipe.DEEPEST and links(made)[-1].settings == {"scale": 22.0}


def test_a_chain_too_large_to_read_loses_its_beginning() -> None:
    large = Recipe("upscale", "m", {"note": "x" * 40_000})
    made = Recipe("translate", "m").after(large.after(Recipe("faces", "m", {"note": "y" * 40_000})))
    assert [r.task for r in links(from_json(made.to_json()))] == ["translate", "upscale"]


@pytest.mark.parametrize("end", [".", "),", "!", '."', "]."])
def test_a_link_in_a_sentence_is_the_link(end: str) -> None:
    link = Recipe("faces", "heads-64", {"seed": "7", "psi": 0.5}).to_link()
    assert from_link(link + end) == from_link(link)
    assert from_link("?task=faces&checkpoint=heads-64" + end).checkpoint == "heads-64"
    assert from_link("?task=faces&checkpoint=heads-64&seed=7" + end).settings == {"seed": 7}
    told = from_link("?task=text&checkpoint=m&prompt=A cat.").settings
    assert told == {"prompt": "A cat."}, "a person's own full stop stays"


def test_a_link_out_of_html_is_the_link() -> None:
    link = Recipe("faces", "heads-64", {"seed": "7", "psi": 0.5}).to_link()
    assert from_link(link.replace("&", "&amp;")) == from_link(link)


def test_a_link_leaves_out_what_is_too_long_for_it_and_says_so() -> None:
    few, many = [[0.1, -0.2]] * 20, [[0.1, -0.2]] * 2_000
    drawn = Recipe("learn", "new", {"data": "drawn", "points": many})
    assert len(drawn.to_link()) < 100
    assert drawn.too_long_for_a_link() == ("points",)
    short = drawn.with_settings(points=few)
    assert short.too_long_for_a_link() == ()
    assert from_link(short.to_link()) == short
