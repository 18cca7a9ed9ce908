"""Turns a description into a picture with Blender's path tracer, on the processor.

One studio lives as long as its process: meshes and materials are made once; from picture to picture
only vertices, colours, the skin and the light change.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

from ganapps.training.heads import clothes, glasses, hair, light, materials, skin
from ganapps.training.heads.anatomy import Anatomy
from ganapps.training.heads.blender import Nodes, Part, corner_uvs, picture, tune
from ganapps.training.heads.figure import Figure
from ganapps.training.heads.geometry import linear, normals, ramp
from ganapps.training.heads.meshes import Human
from ganapps.training.heads.stock import Stock


class Studio:
    """A scene with a camera and light; `assets` is the folder that `assets.py` fills, `size` the
    picture's side in pixels.
    """

    def __init__(self, assets: Path, size: int = 128, samples: int = 24) -> None:
        self.human, self.stock = Human(assets), Stock(assets)
        self.anatomy = Anatomy(self.human, assets / "skins")
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        _set_up_tracer(self.scene, size, samples)
        self.camera = _add_camera(self.scene)
        self.world = _add_world(self.scene)

    def render(self, person: dict[str, Any]) -> Image.Image:
        """The picture of a description from `people.describe`; the same one each time, but for
        rounding.
        """
        chance = np.random.default_rng(person["noise_seed"])
        self.stock.put_away()
        self._pose(Figure(self.human, person), chance)
        self.stock.pictures.replace(self.world["env"], light.panorama(person, chance))
        self.stock.pictures.replace(self.world["back"], light.background(person, chance))
        self.stock.hide_unused()
        self.scene.cycles.seed = person["index"] % 2**20
        return _develop(self._trace(), chance)

    def _pose(self, figure: Figure, chance: np.random.Generator) -> None:
        """The whole person, in front of the camera."""
        body = figure.vertices[self.anatomy.body.ids].copy()
        covered = clothes.dress(figure, self.human, self.anatomy, self.stock)
        outward = normals(body, self.anatomy.body_triangles)
        body -= (0.12 * covered + 0.05 * self.anatomy.scalp * figure.has_hair_mesh)[
            :, None
        ] * outward
        self._body(figure, body, chance)
        self._eyes(figure)
        self._small_parts(figure)
        hair.grow(figure, self.anatomy, body, outward, self.stock)
        hair.put_on(figure, self.stock)
        glasses.put_on(figure, body, self.stock)
        self._aim(figure)

    def _body(self, figure: Figure, body: np.ndarray, chance: np.random.Generator) -> None:
        made, piece = self.stock.material("skin", materials.skin), self.anatomy.body
        uvs = corner_uvs(self.human.base.uvs, piece.face_uvs)
        part = self.stock.part("body", lambda: Part("body", piece.faces, uvs, len(body), [made]))
        part.paint("scalp", self.anatomy.scalp)
        part.paint("lips", self.anatomy.lips)
        part.paint("beard", self.anatomy.beard(figure.person))
        part.move(figure.pose(body))
        skin.paint(made, figure.person, self.stock.assets / "skins", self.stock.pictures, chance)

    def _eyes(self, figure: Figure) -> None:
        eye, cornea = (
            self.stock.material("eye", materials.eye),
            self.stock.material("cornea", materials.cornea),
        )
        mesh, iris = self.stock.fitted("eyes", "high-poly"), figure.person["iris"]
        part = self.stock.wear(
            "eyes", "high-poly", figure.pose(figure.look(mesh.fit(figure.vertices))), eye, cornea
        )
        part.mesh.polygons.foreach_set(
            "material_index",
            _is_clear(mesh.mesh, self.stock.assets / "eyes/brown.png").astype(np.int32),
        )
        key = f"iris-{iris}"
        tune(eye, "tint", materials.EYEBALL * figure.person.get("eye_white", 1.0))
        tune(cornea, "gloss", np.ones(3) * figure.person.get("eye_gloss", 1.0))
        eye.node_tree.nodes["tex"].image = bpy.data.images.get(key) or picture(
            key, _iris(self.stock.assets / f"eyes/{iris}.png")
        )

    def _small_parts(self, figure: Figure) -> None:
        """Brows, lashes, teeth and tongue."""
        p = figure.person
        brows = self._card(figure, "eyebrows", f"eyebrow{p['brows']:03}", roughness=0.6, gloss=0.2)
        tune(brows, "tint", p["brow_rgb"])
        lashes = self._card(
            figure, "eyelashes", f"eyelashes{p['lashes']:02}", roughness=0.6, gloss=0.2
        )
        tune(lashes, "tint", np.minimum(p["brow_rgb"], 0.03))
        tune(lashes, "alpha", p["lash_weight"])
        tune(
            self._card(figure, "teeth", "teeth_base", tinted=False, roughness=0.25),
            "tint",
            (1.9, 1.8, 1.62),
        )
        tune(
            self._card(figure, "tongue", "tongue01", tinted=False, roughness=0.25),
            "tint",
            (0.8, 0.6, 0.6),
        )

    def _card(self, figure: Figure, kind: str, name: str, **look: Any) -> bpy.types.Material:
        made = self.stock.material(
            name, lambda: materials.card(self.stock.assets / f"{kind}/{name}.png", **look)
        )
        self.stock.wear(
            kind, name, figure.pose(self.stock.fitted(kind, name).fit(figure.vertices)), made
        )
        return made

    def _aim(self, figure: Figure) -> None:
        """The camera, so that eyes and mouth lie as in FFHQ's crop (Karras 2019), but for zoom and
        shift.
        """
        p = figure.person
        left, right, *mouth = figure.pose(
            np.stack([figure.eyes["l"], figure.eyes["r"], *figure.vertices[self.anatomy.mouth]])
        )
        eye = (left + right) / 2
        down = ((mouth[0] + mouth[1]) / 2 - eye)[:2]
        half = (
            max(2.0 * abs(left[0] - right[0]), 1.8 * float(np.hypot(*down)), 2.0 * 0.56) * p["zoom"]
        )
        x, y = eye[0] + p["shift"][0] * 2 * half, eye[1] - 0.06 * half + p["shift"][1] * 2 * half
        self.camera.location = (x, -(eye[2] + p["distance"]), y)
        self.camera.rotation_euler = (np.pi / 2, 0, 0)
        self.camera.data.angle = 2 * np.arctan(half / p["distance"])

    def _trace(self) -> np.ndarray:
        """What the tracer sees, sRGB [S, S, 3] in 0..1."""
        with tempfile.TemporaryDirectory() as folder:
            self.scene.render.filepath = f"{folder}/picture.png"
            bpy.ops.render.render(write_still=True)
            self.stock.pictures.forget()
            return np.asarray(Image.open(f"{folder}/picture.png").convert("RGB"), np.float32) / 255


def _set_up_tracer(scene: bpy.types.Scene, size: int, samples: int) -> None:
    scene.render.engine = "CYCLES"
    cycles, render = scene.cycles, scene.render
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    (
        cycles.max_bounces,
        cycles.diffuse_bounces,
        cycles.glossy_bounces,
        cycles.transparent_max_bounces,
    ) = 3, 2, 2, 10
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.3
    render.resolution_x = render.resolution_y = size
    render.threads_mode, render.threads = "FIXED", 1
    render.use_persistent_data = True
    (
        render.image_settings.file_format,
        render.image_settings.color_mode,
        render.image_settings.compression,
    ) = "PNG", "RGB", 0
    render.use_compositing = render.use_sequencer = False
    scene.view_settings.view_transform = "Standard"


def _add_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    lens = bpy.data.cameras.new("cam")
    lens.sensor_width, lens.clip_start = 36, 0.5
    camera = bpy.data.objects.new("cam", lens)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def _add_world(scene: bpy.types.Scene) -> bpy.types.Nodes:
    """Light from the panorama `env`; the camera itself sees the picture `back` instead."""
    world = scene.world = bpy.data.worlds.new("w")
    world.use_nodes = True
    n = Nodes(world.node_tree)
    environment = n.add(
        "TexEnvironment",
        "env",
        image=picture("env", np.ones((light.HEIGHT, light.WIDTH, 3), np.float32)),
    )
    back = n.add(
        "TexImage",
        "back",
        image=picture("back", np.ones((light.BACKGROUND, light.BACKGROUND, 3), np.float32)),
        extension="EXTEND",
    )
    n.feed(back, Vector=n.add("TexCoord").outputs["Window"])
    lit, seen = (
        n.feed(n.add("Background"), Color=node.outputs[0]).outputs[0]
        for node in (environment, back)
    )
    n.finish(n.choose(n.add("LightPath").outputs["Is Camera Ray"], lit, seen), "World")
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", light.WIDTH
    return world.node_tree.nodes


def _is_clear(mesh: Any, texture: Path) -> np.ndarray:
    """Which faces of the eyes belong to the cornea: where the texture is clear."""
    middle = np.array([mesh.uvs[face].mean(0) for face in mesh.face_uvs])
    alpha = np.asarray(Image.open(texture).convert("RGBA"))[..., 3]
    rows, columns = (
        ((1 - middle[:, 1]) * alpha.shape[0]).astype(int),
        (middle[:, 0] * alpha.shape[1]).astype(int),
    )
    return alpha[rows % alpha.shape[0], columns % alpha.shape[1]] < 40


def _iris(path: Path) -> np.ndarray:
    return linear(np.asarray(Image.open(path).convert("RGB").resize((512, 512)), np.float32) / 255)


def _develop(pixels: np.ndarray, chance: np.random.Generator) -> Image.Image:
    """A camera's own taste: contrast, saturation, then a little grain."""
    contrast, saturation = chance.uniform(-0.05, 0.28), chance.uniform(0.85, 1.2)
    pixels = pixels * (1 - contrast) + ramp(pixels, 0, 1) * contrast
    pixels = pixels.mean(-1, keepdims=True) * (1 - saturation) + pixels * saturation
    grain = (
        chance.normal(0, 0.004, pixels.shape) + chance.normal(0, 0.004, pixels.shape[:2])[..., None]
    )
    return Image.fromarray((np.clip(pixels + grain, 0, 1) * 255 + 0.5).astype(np.uint8))
