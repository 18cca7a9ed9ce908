"""The Lab's presets as a person meets them: a list of sentences, who plays beside whom, and what
five seeds gave.
"""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ganapps.errors import Message
from ganapps.learning import presets
from ganapps.learning.presets import Judge, Preset, Variant
from ganapps.tasks.table import TASKS
from ganapps.ui.words import escaped, named

OWN = Preset(
    "own",
    "A game of your own",
    "Choose data, objective and cures below, and what plays beside it.",
    {"data": "ring"},
    "as chosen",
    (
        presets.NON_SATURATING,
        presets.SPECTRAL,
        presets.R1,
        presets.PENALTY,
        presets.LEAST_SQUARES,
        Variant("feature matching", {"feature_matching": True}),
        Variant("instance noise", {"instance_noise": 0.1}),
    ),
    presets.ALL_EIGHT,
)
ALL: Mapping[str, Preset] = {**presets.BY_NAME, OWN.name: OWN}
Others = list[list[Any]]  # [name, settings] of each run that may play beside the first


def choices() -> list[tuple[str, str]]:
    """Titles and names, as a list of radio buttons has them."""
    return [(preset.title, preset.name) for preset in ALL.values()]


def others(preset: Preset) -> Others:
    """What may play beside the preset's first run."""
    return [[other.name, dict(other.change)] for other in preset.others]


def first_beside(preset: Preset) -> list[str]:
    """What plays beside it at first, so that the eye has something to compare: what helped in the
    most of five seeds.
    """
    known = presets.measured()["presets"].get(preset.name, {"runs": {}})["runs"]
    names = [other.name for other in preset.others]
    best = sorted(names, key=lambda name: -known.get(name, {"well": 0})["well"])
    return best[: preset.at_first] if preset is not OWN else []


def beside_of(against: Sequence[Mapping[str, Any]] | None, preset: Preset) -> tuple[Others, list]:
    """Of a recipe's `against`: all that may be chosen beside the first run, and what is chosen."""
    offered = others(preset)
    chosen = []
    for change in against or ():
        name = next((name for name, known in offered if known == change), None)
        if name is None:
            name = ", ".join(f"{key} {value}" for key, value in change.items())
            offered.append([name, dict(change)])
        chosen.append(name)
    return offered, chosen


def of_recipe(settings: Mapping[str, Any]) -> Preset:
    """The preset of which these checked settings are, whatever the seed; else the visitor's own."""
    for preset in presets.PRESETS:
        if all(settings[name] == value for name, value in preset.settings.items()):
            unsaid = _said(settings) - set(preset.settings)
            if not unsaid:
                return preset
    return OWN


def _said(settings: Mapping[str, Any]) -> set[str]:
    """The names of settings that differ from what is left unsaid."""
    declared = TASKS["learn"].settings
    own = ("seed", "against", "seconds")
    return {n for n, v in settings.items() if n not in own and v != declared[n].default}


def told(preset: Preset, lang: str) -> str:
    """The sentence of the article, and what five seeds gave."""
    sentence = f'<p class="sentence">{escaped(lang, preset.sentence)}</p>'
    return f'<div class="preset">{sentence}{_seeds(preset, lang)}</div>'


def _seeds(preset: Preset, lang: str) -> str:
    known = presets.measured()["presets"].get(preset.name)
    if known is None:
        return ""
    lead = escaped(lang, "Five seeds, measured; well means: {what}.", what=_well(preset.judge))
    if preset.also:
        lead += " " + escaped(lang, "The other figures are medians.")
    chips = ""
    for name, run in known["runs"].items():
        count = escaped(lang, "{well} of {all}", well=run["well"], all=run["of"])
        kind = " yes" if run["well"] == run["of"] else " no" if not run["well"] else ""
        said = "".join(f" · {escaped(lang, one)}" for one in _also(run.get("also", {})))
        name = html.escape(named(lang, name))
        chips += f'<li class="chip{kind}">{name} <b>{count}</b>{said}</li>'
    return f'<p class="seeds">{lead}</p><ul class="chips">{chips}</ul>'


def _also(numbers: Mapping[str, Sequence[float | None]]) -> Iterator[Message]:
    """What else was told of five seeds, each by its median."""
    for name, values in numbers.items():
        middle = statistics.median(value for value in values if value is not None)
        if name == "calls a sample":
            yield Message("calls a sample: {count}", count=f"{middle:g}")
        if name == "good":
            yield Message("{share} % good", share=f"{100 * middle:.0f}")
        if name == "upward":
            yield Message("{share} % of its loss's moves went up", share=f"{100 * middle:.0f}")


def _well(judge: Judge) -> Any:
    """What counts as well, as a message inside another."""
    sentences = {
        "modes": Message("at least {low} modes at the end", low=f"{judge.low:g}"),
        "covered": Message("points around at least {low} modes at the end", low=f"{judge.low:g}"),
        "gradient at G": Message("a gradient of at least {low} reaches G", low=f"{judge.low:g}"),
        "from rest": Message("at most {high} from rest at the end", high=f"{judge.high:g}"),
        "gap": Message(
            "D scores what it learned at most {high} above what was held back (the gap)",
            high=f"{judge.high:g}",
        ),
        "far": Message("it looks {low} of the side away or further", low=f"{judge.low:g}"),
    }
    return sentences[judge.number]
