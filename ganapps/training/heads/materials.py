"""What things are made of: skin, eyes, cloth, and textured cards for hair, brows, lashes, teeth and
suits.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from ganapps.training.heads.blender import Nodes, Socket, material, picture
from ganapps.training.heads.geometry import linear

EYEBALL = np.array([0.84, 0.81, 0.79])
WHITE = np.ones((512, 512, 3), np.float32)


def skin() -> bpy.types.Material:
    """Skin with lipstick, a painted scalp and stubble; `tex` is the person's own texture."""
    made, n = material("skin")
    texture = n.add("TexImage", "tex", image=picture("skin", WHITE))
    colour = n.mix(
        n.times(n.painted("lips"), n.value("lipstick")), texture.outputs[0], n.colour("lipcolour")
    )
    fine, broad = n.noise(Scale=26.0, Detail=3.0), n.noise(Scale=2.2, Detail=3.0)
    colour = _shaved(n, colour, fine)
    spots = n.mix(n.times(n.math("SUBTRACT", broad, 0.5), 0.5), (1, 1, 1, 1), (0.8, 0.45, 0.4, 1))
    surface = n.surface(
        Base_Color=n.mix(1.0, colour, spots, "MULTIPLY"),
        Subsurface_Weight=0.85,
        Subsurface_Radius=(1.0, 0.36, 0.18),
        Subsurface_Scale=0.035,
        Normal=n.bump(Strength=0.25, Distance=0.02, Height=fine),
        Specular_IOR_Level=n.value("spec", 0.4),
        Roughness=n.math("ADD", n.value("rough", 0.42), n.times(broad, 0.15)),
    )
    surface.subsurface_method = "BURLEY"
    n.finish(surface.outputs[0])
    return made


def _shaved(n: Nodes, colour: Socket, fine: Socket) -> Socket:
    """Stubble and shaved hair over the skin's colour, broken up by fine noise."""
    hair, scalp = n.colour("haircolour"), n.painted("scalp")
    stubble = n.times(
        n.painted("beard"), n.times(n.math("ADD", fine, 0.35), n.value("stubble"), True), True
    )
    colour = n.mix(n.times(scalp, n.value("bald")), colour, n.colour("bare"))
    colour = n.mix(
        n.times(scalp, n.times(n.math("ADD", fine, 0.8), n.value("buzz")), True), colour, hair
    )
    return n.mix(stubble, colour, hair)


def eye() -> bpy.types.Material:
    made, n = material("eye")
    texture = n.add("TexImage", "tex")
    colour = n.mix(1.0, texture.outputs[0], n.colour("tint"), "MULTIPLY")
    n.finish(
        n.surface(
            Base_Color=colour, Roughness=0.25, Subsurface_Weight=0.0, Specular_IOR_Level=0.5
        ).outputs[0]
    )
    return made


def cornea() -> bpy.types.Material:
    """Clear, with sharp reflections; `gloss` is how bright they are beside a true cornea's."""
    made, n = material("cornea")
    gloss = n.feed(n.add("BsdfGlossy"), Roughness=0.03, Color=n.colour("gloss")).outputs[0]
    fresnel = n.feed(n.add("Fresnel"), IOR=1.38).outputs[0]
    n.finish(n.choose(fresnel, n.add("BsdfTransparent").outputs[0], gloss))
    return made


def jersey() -> bpy.types.Material:
    """A top, clear above the painted neckline, with a band along it and perhaps stripes."""
    made, n = material("shirt")
    below = n.painted("neckline")
    edge = n.times(n.math("LESS_THAN", below, n.value("band", 0.12)), n.value("bandon", 1.0))
    weave = n.noise(Scale=9.0, Detail=4.0)
    height = n.feed(n.add("SeparateXYZ"), Vector=n.add("NewGeometry").outputs["Position"]).outputs[
        2
    ]
    stripe = n.math("GREATER_THAN", n.math("SINE", n.times(height, n.value("freq", 14.0))), 0.2)
    colour = n.mix(n.times(stripe, n.value("stripes")), n.colour("c1"), n.colour("c2"))
    bump = n.bump(Strength=0.5, Distance=0.06, Height=n.math("ADD", weave, n.times(edge, 0.5)))
    n.finish(
        n.surface(
            Base_Color=n.mix(edge, colour, n.colour("c3")),
            Roughness=0.85,
            Specular_IOR_Level=0.2,
            Sheen_Weight=0.15,
            Normal=bump,
            Alpha=n.math("GREATER_THAN", below, 0.0),
        ).outputs[0]
    )
    return made


def frame() -> bpy.types.Material:
    """Of spectacles."""
    made, n = material("frame")
    n.finish(
        n.surface(Base_Color=n.colour("tint"), Roughness=0.3, Metallic=n.value("metal")).outputs[0]
    )
    return made


def strand() -> bpy.types.Material:
    """Of a beard and of cropped hair."""
    made, n = material("strand")
    n.finish(
        n.surface(Base_Color=n.colour("tint"), Roughness=0.55, Specular_IOR_Level=0.25).outputs[0]
    )
    return made


def card(
    texture: Path, tinted: bool = True, roughness: float = 0.5, gloss: float = 0.4
) -> bpy.types.Material:
    """A textured sheet with holes; a tinted one keeps only the texture's light and dark."""
    made, n = material(texture.stem)
    image = n.add("TexImage", image=picture(f"tex-{texture.stem}", _sheet(texture, tinted)))
    colour = n.mix(1.0, image.outputs[0], n.colour("tint"), "MULTIPLY")
    alpha = n.times(image.outputs[1], n.value("alpha", 1.0))
    n.finish(
        n.surface(
            Base_Color=colour, Roughness=roughness, Specular_IOR_Level=gloss, Alpha=alpha
        ).outputs[0]
    )
    return made


def hair_card(texture: Path) -> bpy.types.Material:
    """A tinted sheet of hair, trimmed with a ragged edge where it is painted `cut`; its strands
    break up the gloss.
    """
    made, n = material(texture.stem)
    image = n.add("TexImage", image=picture(f"tex-{texture.stem}", _sheet(texture, tinted=True)))
    colour = n.mix(1.0, image.outputs[0], n.colour("tint"), "MULTIPLY")
    alpha = n.times(image.outputs[1], n.value("alpha", 1.0))
    ragged = n.math("ADD", n.painted("cut"), n.times(n.noise(Scale=7.0, Detail=2.0), 0.25))
    alpha = n.times(alpha, n.math("LESS_THAN", ragged, 0.12))
    grey = n.times(image.outputs[0], 1.0)
    n.finish(
        n.surface(
            Base_Color=colour,
            Roughness=0.55,
            Alpha=alpha,
            Normal=n.bump(Strength=0.8, Distance=0.03, Height=grey),
            Specular_IOR_Level=n.times(grey, 0.2, True),
        ).outputs[0]
    )
    return made


def _sheet(texture: Path, tinted: bool) -> np.ndarray:
    """A texture in linear light with its alpha [H, W, 4]; tinted: grey, around 1 where it isn't
    clear.
    """
    rgba = np.asarray(Image.open(texture).convert("RGBA"), np.float32) / 255
    colour, alpha = linear(rgba[..., :3]), rgba[..., 3:]
    if tinted:
        grey, solid = colour.mean(-1, keepdims=True), alpha[..., 0] > 0.5
        detail = np.clip(grey / max(grey[solid].mean(), 1e-4), 0.12, 3.5) ** 0.75
        colour = np.repeat(detail / detail[solid].mean(), 3, -1)
    return np.concatenate([colour, alpha], -1)
