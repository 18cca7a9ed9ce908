"""Faces from seeds: which z a seed is, psi, mixing, labels, noise, strips, films; and what happens
when memory or precision fail.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.tasks import faces, maker
from ganapps.tasks.labels import Labels, from_classes, from_table
from tests.small_generator import Plain, Small, said

CPU = Device("cpu")


@pytest.fixture(autouse=True)
def eights(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Eight at a time, as on a GPU: a processor makes one at a time, which would show less."""
    if "batches" not in request.node.name:
        monkeypatch.setattr(maker, "batch_size", lambda resolution, device: 8)


def made(steps) -> list:
    return [m for step in steps for m in step.made]


def colours(steps) -> list[tuple[int, ...]]:
    """The last pixel of every picture: a picture of the stand-in is one colour."""
    return [m.picture.getpixel((m.picture.width - 1, m.picture.height - 1)) for m in made(steps)]


def colour(ws: np.ndarray) -> tuple[int, ...]:
    """What the stand-in paints for the styles [4, 8]."""
    x = np.tanh(ws.sum(0)[:3].astype(np.float32) / 4)
    return tuple(int(v) for v in np.clip(x * 127.5 + 128, 0, 255))


def z(seed: int) -> np.ndarray:
    return np.random.RandomState(seed).randn(1, 8).repeat(4, 0)


# Seeds


@pytest.mark.parametrize(
    ("seed", "number"),
    [
        (0, 0),
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        (2**32 - 1, 2**32 - 1),
        (2**32, 0),
        (-1, 2**32 - 1),
        ("-1", 2**32 - 1),
        (10**39, 10**39 % 2**32),
    ],
)
def test_a_number_is_itself(seed: faces.Seed, number: int) -> None:
    assert maker.number(seed) == number


@pytest.mark.parametrize(
    "text", ["", "Ann", "你好", "--5", "1.5", "²", "٣", "9" * 41, "-", "\ud800"]
)
def test_any_other_text_is_its_sha256(text: str) -> None:
    assert maker.number(text) == int(
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16
    )


def test_a_seed_is_the_z_that_every_stylegan_tool_draws() -> None:
    assert colours(faces.generate(Small(), CPU, seed=85, count=2, psi=1)) == [
        colour(z(85)),
        colour(z(86)),
    ]
    assert [m.caption for m in made(faces.generate(Small(), CPU, seed=2**32 - 1, count=2))] == [
        "seed 4294967295",
        "seed 0",
    ]


def test_batches_that_are_made_within_a_glance_come_in_one_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a processor a batch is one picture: a wall of small faces would be as many looks at
    memory, and as many updates of the page.
    """

    def wall(glance: float) -> list:
        monkeypatch.setattr(maker, "GLANCE", glance)
        return list(faces.generate(Small(), CPU, seed=4, count=20, mix=3))

    each, together = wall(-1), wall(3600)
    assert [(s.done, s.network_calls) for s in each] == [(i, 1) for i in range(1, 21)] and [
        (s.done, s.network_calls) for s in together
    ] == [(1, 1), (20, 19)]
    assert [(m.caption, m.settings, m.picture.tobytes()) for m in made(iter(each))] == [
        (m.caption, m.settings, m.picture.tobytes()) for m in made(iter(together))
    ]


# Psi, cutoff, mixing


def test_psi_pulls_to_the_average_in_the_first_layers_or_in_all() -> None:
    w = z(3)
    assert colours(faces.generate(Small(), CPU, seed=3, count=1, psi=0)) == [colour(0 * w)]
    assert colours(faces.generate(Small(), CPU, seed=3, count=1, psi=0.5)) == [colour(0.5 * w)]
    assert colours(faces.generate(Small(), CPU, seed=3, count=1, psi=0.5, cutoff=1)) == [
        colour(np.concatenate([0.5 * w[:1], w[1:]]))
    ]


def test_mixing_takes_the_layers_of_the_second_seed() -> None:
    mixed = np.concatenate([z(3)[:1], z(9)[1:3], z(3)[3:]])
    assert colours(
        faces.generate(Small(), CPU, seed=3, count=1, psi=1, mix=9, mix_from=1, mix_to=2)
    ) == [colour(mixed)]
    assert colours(faces.generate(Small(), CPU, seed=3, count=1, psi=1, mix=9, mix_from=4)) == [
        colour(z(3))
    ]
    (step,) = faces.generate(Small(), CPU, seed=3, count=1, psi=1, mix=9, mix_from=2, mix_to=1)
    assert colours(iter([step])) == [colour(z(3))]
    assert [str(change) for change in step.changes] == [
        "This model has no layer from 2 to 1: nothing changes there."
    ]


def test_a_model_without_a_style_space_says_what_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maker, "GLANCE", -1)  # a step for every batch
    steps = list(faces.generate(Plain(), CPU, seed=3, count=20, psi=0.2, mix=5))
    assert said(steps[0].changes) == [
        "This model has no style space, so this has no effect: psi, mix."
    ] and not any(s.changes for s in steps[1:])
    assert not any(s.changes for s in faces.generate(Plain(), CPU, seed=3, count=1))
    assert not any(
        s.changes for s in faces.generate(Small(), CPU, seed=3, count=1, psi=0.2, mix=5, mix_from=1)
    )
    assert [said(s.changes) for s in faces.loop(Plain(), CPU, count=2, frames=2, psi=1.0)] == [
        ["This model has no style space, so this has no effect: psi."]
    ]


# Labels and noise


def test_a_label_is_drawn_by_the_seed_and_set_by_name() -> None:
    rows = np.arange(24, dtype=np.float32).reshape(3, 8)
    control = {
        "id": "age",
        "title": "Age",
        "kind": "number",
        "min": 0,
        "max": 10,
        "weights": {"n2": (2.0, 1.0)},
    }
    table = Labels(rows, tuple(f"n{i}" for i in range(8)), (control,))
    random = np.random.RandomState(4)
    random.randn(1, 8)
    expected = rows[random.randint(3)].copy()
    make = maker.Maker(Small(label_dim=8), CPU, table, None, "const")
    assert np.array_equal(make.drawn([4])[1][0], expected)
    expected[2] = 2 * 5 + 1
    assert np.array_equal(
        maker.Maker(Small(label_dim=8), CPU, table, {"age": 5}, "const").drawn([4])[1][0], expected
    )


TABLE = from_table(
    np.zeros((1, 3), np.float32),
    {
        "names": '["r", "g", "b"]',
        "controls": """[
    {"id": "hair", "title": "Hair", "kind": "choice", "options": {"red": {"r": 1.0}, "none": {}}},
    {"id": "sky", "title": "Sky", "kind": "colour",
     "weights": {"r": [1, 0], "g": [1, 0], "b": [2, -1]}},
    {"id": "age", "title": "Age", "kind": "number", "min": 18, "max": 90,
     "weights": {"b": [0.1, 0]}},
    {"id": "mood", "title": "Mood", "kind": "number", "min": 0, "max": 1,
     "weights": {"b": [1, 0]}, "works": false}]""",
    },
)


GOOD = {"id": "age", "title": "Age", "kind": "number", "min": 0, "max": 1, "weights": {"a": [1, 0]}}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"names": "x"},
        {"names": "5"},
        {"names": '["a", 5]'},
        {"names": '["a"]', "controls": "5"},
        {"names": '["a"]', "controls": "[5]"},
        {"names": '["a", "b"]'},
        *(
            {"names": '["a"]', "controls": json.dumps([GOOD | wrong])}
            for wrong in (
                {"min": float("nan")},
                {"max": float("inf")},
                {"min": 2},
                {"min": True},
                {"weights": {"b": [1, 0]}},
                {"weights": {"a": [1]}},
                {"weights": {"a": [1, 1e400]}},
                {"weights": 5},
                {"id": 5},
                {"title": None},
                {"kind": "dance"},
                {"kind": "choice"},
                {"kind": "choice", "options": {"x": {"a": "y"}}},
                {"kind": "choice", "options": {}},
                {"kind": "colour"},
                {"step": 0},
            )
        ),
    ],
)
def test_a_damaged_table_of_labels_is_named(metadata: dict[str, str]) -> None:
    from_table(np.zeros((1, 1), np.float32), {"names": '["a"]', "controls": json.dumps([GOOD])})
    with pytest.raises(ValueError, match="labels"):
        from_table(np.zeros((1, 1), np.float32), metadata)


def test_rows_of_labels_are_numbers() -> None:
    with pytest.raises(ValueError, match="labels"):
        from_table(np.full((1, 1), np.nan, np.float32), {"names": '["a"]'})


def test_labels_in_a_visitor_s_words() -> None:
    row = TABLE.row(np.random.RandomState(0), {"hair": "red", "age": 20})
    assert row == pytest.approx([1, 0, 2])
    assert TABLE.row(np.random.RandomState(0), {"sky": "#ff8000"}) == pytest.approx(
        [1, 128 / 255, -1]
    )
    assert [c["id"] for c in TABLE.controls] == ["hair", "sky", "age"], (
        "a control that does not work is not offered"
    )
    assert not TABLE.rows.any(), "the shipped rows stay as they are"


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"wings": 1}, "The label wings is unknown to this model: accepted are hair, sky, age."),
        ({"mood": 1}, "The label mood is unknown to this model: accepted are hair, sky, age."),
        ({"hair": "blue"}, "The label hair can't be blue: accepted are red, none."),
        ({"hair": []}, "The label hair can't be []: accepted are red, none."),
        ({"age": 17}, "The label age is 17: from 18 to 90 is accepted."),
        ({"age": "old"}, "The label age is old: from 18 to 90 is accepted."),
        ({"age": True}, "The label age is True: from 18 to 90 is accepted."),
        ({"age": float("nan")}, "The label age is nan: from 18 to 90 is accepted."),
        ({"sky": "blue"}, "The label sky can't be blue: a colour like #7799cc is accepted."),
        ({"sky": "#12 4 6"}, "The label sky can't be #12 4 6: a colour like #7799cc is accepted."),
        ({"sky": 7}, "The label sky can't be 7: a colour like #7799cc is accepted."),
    ],
)
def test_a_wrong_label_is_refused(chosen: dict, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        TABLE.row(np.random.RandomState(0), chosen)
    assert str(error.value) == sentence


def test_classes_by_name_and_by_number() -> None:
    named, numbered = from_classes(("cat", "dog"), 2), from_classes((), 3)
    assert named.row(np.random.RandomState(0), {"class": "dog"}).tolist() == [0, 1]
    assert numbered.row(np.random.RandomState(0), {"class": "2"}).tolist() == [0, 0, 1]
    network = Plain(label_dim=2)
    cats = colours(faces.generate(network, CPU, named, seed=1, count=3, labels={"class": "cat"}))
    dogs = colours(faces.generate(network, CPU, named, seed=1, count=3, labels={"class": "dog"}))
    assert cats != dogs and set(colours(faces.generate(network, CPU, named, seed=1, count=3))) <= {
        *cats,
        *dogs,
    }


def test_random_noise_is_the_seed_s_own() -> None:
    def corner(**settings) -> list:
        return [
            m.picture.getpixel((0, 0))
            for m in made(faces.generate(Small(), CPU, noise="random", **settings))
        ]

    many = corner(seed=0, count=10)
    assert many == [corner(seed=i, count=1)[0] for i in range(10)] and len(set(many)) == 10


# Strips and films


def test_a_strip_is_one_face_from_average_to_wild() -> None:
    strip = made(faces.strip(Small(), CPU, seed="Ann", count=3, psi_from=-0.5, psi_to=1.0))
    w = z(maker.number("Ann"))
    assert [m.picture.getpixel((0, 0)) for m in strip] == [colour(p * w) for p in (-0.5, 0.25, 1.0)]
    assert [m.settings["psi"] for m in strip] == [-0.5, 0.25, 1.0] and {m.task for m in strip} == {
        "faces"
    }


def test_a_strip_of_a_model_without_an_average_face_is_refused() -> None:
    with pytest.raises(
        UserError,
        match="^This model has no style space, so it has no average face to come from: choose a "
        "StyleGAN.$",
    ):
        list(faces.strip(Plain(), CPU))


@pytest.mark.parametrize(
    "network", [Small(), Plain(), Plain(label_dim=2)], ids=["styles", "z", "classes"]
)
def test_a_film_goes_through_every_face_and_comes_back(network: Small) -> None:
    table = from_classes((), 2) if network.label_dim else None
    chosen = {"labels": {"class": "1"}} if table else {}
    steps = list(faces.loop(network, CPU, table, seed=5, count=3, frames=4, psi=1, **chosen))
    film = steps[-1].made[0].frames
    stills = colours(faces.generate(network, CPU, table, seed=5, count=3, psi=1, **chosen))
    assert len(film) == 12 and [film[i].getpixel((9, 9)) for i in (0, 4, 8)] == stills
    jumps = [
        max(abs(a - b) for a, b in zip(film[i].getpixel((9, 9)), film[i - 1].getpixel((9, 9))))
        for i in range(12)
    ]
    assert max(jumps) < 160, "no jump at the seam"
    assert [s.done for s in steps] == [8, 12] and not steps[0].made


# What fails and is mended


def test_a_full_memory_halves_the_batch_and_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "GLANCE", -1)  # a step for every batch
    network = Small(limit=2)
    steps = list(faces.generate(network, CPU, seed=0, count=10))
    assert [said(s.changes) for s in steps if s.changes] == [
        ["Out of memory: 4 at a time instead.", "Out of memory: 2 at a time instead."]
    ]
    assert network.calls == [8, 4, 2, 2, 2, 2, 2] and [s.done for s in steps] == [8, 10]
    assert colours(steps) == colours(faces.generate(Small(), CPU, seed=0, count=10))


def test_a_full_memory_costs_no_frame_of_a_film() -> None:
    film = made(faces.loop(Small(limit=3), CPU, count=3, frames=5))[0].frames
    whole = made(faces.loop(Small(), CPU, count=3, frames=5))[0].frames
    assert [f.tobytes() for f in film] == [f.tobytes() for f in whole] and len(film) == 15


def test_a_full_memory_keeps_label_and_picture_together() -> None:
    table = from_classes((), 3)
    assert colours(faces.generate(Plain(label_dim=3, limit=2), CPU, table, count=9)) == colours(
        faces.generate(Plain(label_dim=3), CPU, table, count=9)
    )


def test_a_model_too_large_for_one_picture_is_refused() -> None:
    with pytest.raises(
        UserError,
        match="^The device has not enough memory for one picture of this model: choose a smaller "
        "one, or --device cpu.$",
    ):
        list(faces.generate(Small(limit=0), CPU))


def test_what_is_not_finite_is_made_again_in_float32() -> None:
    low = Device("cpu", "bfloat16")
    steps = list(faces.generate(Small(overflows=True), low, seed=1, count=2))
    assert (
        said(steps[0].changes) == ["Not finite in bfloat16: made again in float32."]
        and steps[0].network_calls == 2
    )
    assert colours(steps) == colours(faces.generate(Small(), CPU, seed=1, count=2))
    assert not any(s.changes for s in faces.generate(Small(), low, seed=1, count=2))


def test_weights_that_give_no_picture_are_refused() -> None:
    class Dead(Small):
        def synthesis(self, ws, noise="const", generators=None):
            return super().synthesis(ws) * torch.nan

    with pytest.raises(
        UserError, match="^This model's weights give no picture: its output is not finite.$"
    ):
        list(faces.generate(Dead(), CPU, count=1))


def test_batches_fit_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [maker.batch_size(r, CPU) for r in (32, 1024)] == [1, 1]
    for memory, sizes in ((80e9, [16, 15]), (4e9, [12, 1]), (1e8, [1, 1])):
        monkeypatch.setattr(Device, "free_memory", lambda self: memory)
        assert [maker.batch_size(r, Device("cuda:0")) for r in (256, 1024)] == sizes
