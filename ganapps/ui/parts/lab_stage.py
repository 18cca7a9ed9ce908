"""The Lab's stage as the page has it from the first: panels and curves that lab.js draws into, a
player for the film of the run, and the words that it needs.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ganapps.ui.parts import common
from ganapps.ui.parts.before_after import SHOWN
from ganapps.ui.words import escaped, say

LAYERS = (
    ("opinion", "D's opinion"),
    ("best", "the best D of 2014"),
    ("ways", "gradients"),
    ("grid", "G's bent grid"),
)
SHOWN_AT_FIRST = ("opinion", "ways")


def stage(lang: str) -> str:
    """The panels and the player."""
    words = html.escape(json.dumps(_words(lang), ensure_ascii=False))
    empty = escaped(lang, "Choose a sentence, or press Learn: it happens here, on this machine.")
    alt = escaped(lang, "An example: a ring of 8 after 0, 217, 1,058 and 4,000 steps")
    example = html.escape(common.served(SHOWN / "lab.webp"))
    return (
        f'<div class="lab-stage" data-words="{words}">'
        f'<div class="lab-empty"><img src="{example}" alt="{alt}"><p>{alt}</p>'
        f"<p>{_players(lang)}</p><p>{empty}</p></div>"
        '<div class="lab-panels" hidden></div>'
        f'<div class="lab-player" hidden>{_player(lang)}</div></div>'
    )


def curves(lang: str) -> str:
    """Where the curves are drawn."""
    said = html.escape(json.dumps(_curves(lang), ensure_ascii=False))
    return f'<div class="lab-curves" data-curves="{said}"></div>'


def probes(runs: Sequence[Mapping[str, Any]], names: Sequence[str], lang: str) -> str:
    """Of runs that learned digits: the share of those held back that a linear reader names rightly
    from D's features and from raw pixels, each as a bar; "" where nothing was read.
    """
    bars = ""
    for name, run in zip(names, runs):
        for kind, words in (("features", "D's features"), ("pixels", "raw pixels")):
            share = run.get(f"probe of {kind}")
            if share is not None:
                whole = f"{100 * share:.0f}"
                label = html.escape(f"{name}: {say(lang, words)}")
                bars += f'<dt>{label}</dt><dd><i style="width:{whole}%"></i>{whole} %</dd>'
    if not bars:
        return ""
    lead = escaped(
        lang,
        "What D has learned without a label: the share of unseen digits that a linear reader names "
        "rightly from its features, and from the pixels.",
    )
    return f'<div class="lab-probes"><p>{lead}</p><dl>{bars}</dl></div>'


def pad(lang: str) -> str:
    """The pad to draw points on."""
    said = escaped(
        lang, "Draw with the pointer: points that the two learn from. Or type them below."
    )
    clear = escaped(lang, "Clear")
    return (
        f'<div class="lab-pad"><p>{said}</p>'
        f'<canvas width="320" height="320" role="img" aria-label="{said}"></canvas>'
        f'<button type="button" class="lab-button">{clear}</button></div>'
    )


def _player(lang: str) -> str:
    def button(name: str, words: str, sign: str) -> str:
        return (
            f'<button type="button" class="lab-button" data-do="{name}" title="{words}" '
            f'aria-label="{words}">{sign}</button>'
        )

    layers = ""
    for name, words in LAYERS:
        checked = " checked" if name in SHOWN_AT_FIRST else ""
        layers += (
            f'<label><input type="checkbox" data-layer="{name}"{checked}>'
            f"{escaped(lang, words)}</label>"
        )
    film = escaped(lang, "Back through the film of the run")
    return (
        '<div class="lab-bar">'
        + button("pause", escaped(lang, "Pause"), "&#10074;&#10074;")
        + button("back", escaped(lang, "One look back"), "&#8249;")
        + button("on", escaped(lang, "One look on"), "&#8250;")
        + f'<input type="range" class="lab-film" min="0" max="0" value="0" aria-label="{film}">'
        '<output class="lab-at"></output>'
        + button("slow", escaped(lang, "Slow motion"), "&#188;&#215;")
        + f'</div><div class="lab-layers lab-plane">{layers}</div>{_legend(lang)}'
    )


def _players(lang: str) -> str:
    """Who they are, for somebody who has never seen a GAN."""
    return escaped(
        lang,
        "G, the generator, makes samples out of noise; D, the discriminator, tells them from real "
        "ones; each learns from the other.",
    )


def _legend(lang: str) -> str:
    """What the drawings mean."""
    dots = {"real": escaped(lang, "real"), "made": escaped(lang, "made")}
    keys = "".join(f'<span class="{name}">{word}</span>' for name, word in dots.items())
    plane = escaped(
        lang,
        "The ground is green where D takes a point for real, violet where for made; an arrow is "
        "where a point is told to go. A mode is a clump of real points; a made point on one is "
        "good.",
    )
    wall = escaped(
        lang,
        "The bar under a picture is D's verdict: violet for made ones, green for real ones. At the "
        "end, click one, or go by the arrow keys: the nearest real one appears.",
    )
    attends = escaped(
        lang,
        "Yellow is where the attention of the framed place looks: click another place of the first "
        "picture, or go by Shift and the arrow keys.",
    )
    circle = escaped(lang, "The generator's number lies across, D's slope up: both want to be 0.")
    return (
        f'<p class="lab-legend">{_players(lang)}</p>'
        f'<p class="lab-legend lab-plane">{keys}{plane}</p>'
        f'<p class="lab-legend lab-wall">{wall}</p><p class="lab-legend lab-circle">{circle}</p>'
        f'<p class="lab-legend lab-attends" hidden>{attends}</p>'
    )


def _words(lang: str) -> dict[str, str]:
    """What the script says, with fields that it fills in."""
    return {
        "step": say(lang, "step {step}", step="{step}"),
        "modes": say(lang, "{found} of {all} modes", found="{found}", all="{all}"),
        "good": say(lang, "{share} % good", share="{share}"),
        "gradient": say(lang, "gradient at G {size}", size="{size}"),
        "right": say(lang, "D right on {real} % real, {made} % made", real="{real}", made="{made}"),
        "held": say(lang, "{share} % of what was held back", share="{share}"),
        "loss": say(lang, "loss {size}", size="{size}"),
        "calls": say(lang, "calls a sample: {count}", count="{count}"),
        "covered": say(lang, "around {found} of {all} modes", found="{found}", all="{all}"),
        "upward": say(lang, "{share} % of its loss's moves went up", share="{share}"),
        "rest": say(lang, "{size} from rest", size="{size}"),
        "gap": say(lang, "gap {size}", size="{size}"),
        "far": say(lang, "looks {share} of the side far", share="{share}"),
        "near": say(lang, "a place sees its neighbours only"),
        "out": say(lang, "The numbers left all bounds at step {at}.", at="{at}"),
        "play": say(lang, "Go on"),
        "pause": say(lang, "Pause"),
        "table": say(lang, "As a table"),
        "run": say(lang, "run"),
        "steps": say(lang, "step"),
        "real": say(lang, "real"),
        "nearest": say(lang, "the nearest real one"),
        "looks": say(lang, "where this place looks"),
        "made": say(lang, "made"),
    }


def _curves(lang: str) -> list[dict[str, Any]]:
    """What is drawn over the steps: `lines` are the numbers of a run, the first one solid, the
    others broken. `most`: the scale is of most values; `used`: nothing is drawn where all are 0.
    """
    return [
        {
            "title": say(lang, "Gradient that reaches G"),
            "lines": [["gradient at G", ""]],
            "log": True,
        },
        {
            "title": say(lang, "Losses of D and of G"),
            "lines": [["loss of D", "D"], ["loss of G", "G"], ["loss", ""]],
            "most": True,
        },
        {
            "title": say(lang, "Share on which D is right"),
            "lines": [
                ["right on real", say(lang, "real")],
                ["right on made", say(lang, "made")],
                ["right on held back", say(lang, "held back")],
            ],
            "low": 0,
            "high": 1,
        },
        {"title": say(lang, "Modes found"), "lines": [["modes", ""]], "low": 0},
        {
            "title": say(lang, "Jensen-Shannon distance (0: the same)"),
            "lines": [["distance", ""]],
            "low": 0,
            "high": 0.7,
        },
        {
            "title": say(lang, "Value of the game, and what theory says"),
            "lines": [
                ["value", say(lang, "played")],
                ["best value", say(lang, "under the best D")],
                ["equilibrium", "-log 4"],
            ],
        },
        {
            "title": say(lang, "Wasserstein's distance, as D tells it"),
            "lines": [["wasserstein", ""]],
        },
        {"title": say(lang, "Gap between learned and held back"), "lines": [["gap", ""]]},
        {
            "title": say(lang, "Probability of augmentation"),
            "lines": [["augmented", ""]],
            "used": True,
            "low": 0,
            "high": 1,
        },
        {"title": say(lang, "Distance from rest"), "lines": [["from rest", ""]], "low": 0},
    ]
