"""Why the two differ: short texts beside the figures, each claim with the figure on this page or
the paper that it rests on.
"""

from __future__ import annotations

import html
import re
from functools import cache

from ganapps.measure import quality
from ganapps.ui.parts.pairs import FACES
from ganapps.ui.words import escaped, say

CALLS, SECONDS, QUALITY, FILM = (
    "#figure-calls",
    "#figure-seconds",
    "#compare-quality",
    "#compare-films",
)
LAB = "#lab-"  # and the name of a preset: the page goes there and plays it (lab.js)
TEXTS = (
    (
        "One pass against many",
        "A GAN turns its noise into a picture in one call of its network; a diffusion model takes "
        "the noise away a little at a time and calls its network once for each step ({ddpm}). "
        "Counted here: {calls}. What it costs here: {seconds}.",
        {
            "ddpm": "Ho 2020, arXiv:2006.11239",
            "calls": ("network calls a picture", CALLS),
            "seconds": ("seconds a picture", SECONDS),
        },
    ),
    (
        "The forger and the police",
        "A GAN is two networks that fight: one forges pictures, the other tells them from real "
        "ones, and both get better by it ({gan}). "
        "What remains is the forger. A diffusion model is one network with one task: to say what "
        "noise was added to a picture ({ddpm}). Watch them in the Lab: {works}; {rivals}.",
        {
            "gan": "Goodfellow 2014, arXiv:1406.2661",
            "ddpm": "Ho 2020, arXiv:2006.11239",
            "works": ("the game of 2014", LAB + "works"),
            "rivals": ("a GAN and its rivals", LAB + "rivals"),
        },
    ),
    (
        "Calm or stormy training",
        "A fight has no loss that simply falls: it can circle or tip over ({converge}). Gradient "
        "penalties ({penalty}) and losses that compare real and forged "
        "pictures in pairs ({r3gan}) tame it. Saying what noise was added is plain regression, as "
        "steady as learning to copy. In the Lab: {circles}; {dies}.",
        {
            "circles": ("two numbers that circle for ever", LAB + "dirac"),
            "dies": ("a gradient that dies", LAB + "dies-frozen"),
            "converge": "Mescheder 2018, arXiv:1801.04406",
            "penalty": "Gulrajani 2017, arXiv:1704.00028",
            "r3gan": "Huang 2024, arXiv:2501.05441",
        },
    ),
    (
        "What later papers did about it",
        "Against a critic that is too good, a forger that draws one thing only, and too few "
        "pictures: other losses ({lsgan}), small tricks of training ({improved}), attention "
        "({sagan}), augmentation of what the critic sees ({ada}). Each on and off in the Lab: "
        "{lives}; {hopping}; {lost}; {tricks}; {far}; {sixty}.",
        {
            "lives": ("a gradient that lives again", LAB + "dies-live"),
            "hopping": ("one hopping mode", LAB + "hopping"),
            "lost": ("least squares on 25 modes", LAB + "lost-again"),
            "tricks": ("the tricks of 2016", LAB + "techniques"),
            "far": ("attention that sees far", LAB + "attention"),
            "sixty": ("60 pictures only", LAB + "sixty"),
            "lsgan": "Mao 2017, arXiv:1611.04076",
            "improved": "Salimans 2016, arXiv:1606.03498",
            "sagan": "Zhang 2018, arXiv:1805.08318",
            "ada": "Karras 2020, arXiv:2006.06676",
        },
    ),
    (
        "What is left out",
        "Nobody punishes a forger for pictures that he never draws, so a GAN may leave out whole "
        "kinds of them ({modes}); for a diffusion model every training picture "
        "counts, and it covers more ({beat}). Recall measures just that ({recall}): {quality}. "
        "In the Lab: {dropped}.",
        {
            "dropped": ("modes that are left out", LAB + "dropped"),
            "modes": "Salimans 2016, arXiv:1606.03498",
            "beat": "Dhariwal 2021, arXiv:2105.05233",
            "recall": "Kynkäänniemi 2019, arXiv:1904.06991",
            "quality": ("quality over seconds", QUALITY),
        },
    ),
    (
        "Each has its own knob",
        "Psi draws every face of the GAN towards the average one: nearer to real, less varied "
        "({style}). A diffusion model trades seconds for quality by its steps, and eta "
        "says how much fresh noise each step adds ({ddim}). Move them and watch the ring: "
        "{quality}.",
        {
            "style": "Karras 2018, arXiv:1812.04948",
            "ddim": "Song 2020, arXiv:2010.02502",
            "quality": ("quality over seconds", QUALITY),
        },
    ),
    (
        "Which space is smooth",
        "A GAN's generator is one smooth function, so a small step in its noise is a small step in "
        "the picture. With eta 0 a diffusion model is a function of its noise too "
        "({ddim}), but many calls deep, and the picture may jump. See both walk: {films}.",
        {"ddim": "Song 2020, arXiv:2010.02502", "films": ("between two seeds", FILM)},
    ),
    (
        "The middle",
        "A diffusion model can be taught to draw in few steps: by halving them again and again "
        "({distil}), by going straight to the end ({consistency}), or with a GAN's "
        "critic as the judge ({turbo}), which is how the two came together.",
        {
            "distil": "Salimans 2022, arXiv:2202.00512",
            "consistency": "Song 2023, arXiv:2303.01469",
            "turbo": "Sauer 2023, arXiv:2311.17042",
        },
    ),
)


@cache
def why(lang: str) -> str:
    """All texts, as a quiet grid; where the pair that ships was measured otherwise, it says so."""
    cells = ""
    otherwise = {"What is left out": _coverage(lang), "Each has its own knob": _steps(lang)}
    for title, text, links in TEXTS:
        said = otherwise.get(title, "")
        note = f'<p class="measured">{html.escape(said)}</p>' if said else ""
        body = f"<p>{_linked(text, links, lang)}</p>{note}"
        cells += f"<section><h3>{escaped(lang, title)}</h3>{body}</section>"
    return f'<div class="why">{cells}</div>'


def _linked(text: str, links: dict, lang: str) -> str:
    """A text with its links: a paper (by its arXiv number), a figure on this page, or a preset of
    the Lab. Nothing is fetched until a person follows one.
    """
    made = {}
    for name, target in links.items():
        if isinstance(target, tuple):
            tab = f' data-tab="{escaped(lang, "Lab")}"' if target[1].startswith(LAB) else ""
            made[name] = f'<a href="{target[1]}"{tab}>{escaped(lang, target[0])}</a>'
        else:
            number = target.rpartition("arXiv:")[2]
            made[name] = (
                f'<a href="https://arxiv.org/abs/{number}" target="_blank" rel="noopener '
                f'noreferrer">{html.escape(target)}</a>'
            )
    marked = html.escape(say(lang, text, **{name: f"[{name}]" for name in links}), quote=False)
    return re.sub(r"\[(\w+)\]", lambda found: made[found[1]], marked)


def _of(side: int, setting: str) -> list[dict]:
    """What was measured of the pair that ships, of one setting."""
    rows = [row for row in quality.rows() if row["model"] == FACES.first[side]]
    return [row for row in rows if row["setting"] == setting]


def _coverage(lang: str) -> str:
    """Where the GAN of the pair covers more than its diffusion model."""
    gans, others = _of(0, "psi"), _of(1, "steps")
    if not gans or not others:
        return ""
    gan = max(gans, key=lambda row: row["recall"])
    other = max(others, key=lambda row: row["recall"])
    if gan["recall"] <= other["recall"]:
        return ""
    return say(
        lang,
        "Of the pair here it is the other way round: recall {gan} of the GAN at psi {psi}, {other} "
        "of the diffusion model at {steps} steps. It is small and learned for a short time, and "
        "fewer of its pictures were measured.",
        gan=f"{gan['recall']:.2f}",
        psi=f"{gan['value']:g}",
        other=f"{other['recall']:.2f}",
        steps=f"{other['value']:g}",
    )


def _steps(lang: str) -> str:
    """Where more steps do not bring the pair's diffusion model nearer."""
    rows = sorted(_of(1, "steps"), key=lambda row: row["value"])
    if not rows:
        return ""
    near = min(rows, key=lambda row: row["frechet"])
    if near is rows[-1]:
        return ""
    return say(
        lang,
        "Of the model here more steps help up to {best} only: its distance is {near} there and "
        "{far} at {most}. Each step adds an error of its own, and a model that learned for a short "
        "time makes larger ones.",
        best=f"{near['value']:g}",
        near=f"{near['frechet']:.0f}",
        far=f"{rows[-1]['frechet']:.0f}",
        most=f"{rows[-1]['value']:g}",
    )
