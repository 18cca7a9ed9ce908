"""The compare tab: a GAN and a diffusion model race on one clock, and what each of them cost."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import gradio as gr

from ganapps import images
from ganapps.catalog import Checkpoint
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.race import Lap, race
from ganapps.recipe import Recipe
from ganapps.report import seconds, size
from ganapps.ui import common
from ganapps.ui.words import say, t

log = logging.getLogger("ganapps")
WALL = 60  # thumbnails shown of the GAN's lane
PAIR = ("heads-64", "heads-ddpm-64")  # one size, one data set
FAIR = [("equal pictures", "pictures"), ("equal seconds", "seconds"), ("equal network calls", "calls")]


@dataclass
class Lanes:
    """What both lanes show while a race runs."""

    thumbs: list[str] = field(default_factory=list)
    film: list[tuple[str, str]] = field(default_factory=list)  # (x_t, guess of x_0) of each step of the last picture
    lap: Lap | None = None
    reports: dict[int, object] = field(default_factory=dict)

    def take(self, lap: Lap) -> None:
        """Add what a lap brought."""
        self.lap = lap
        self.reports[lap.side] = lap.result.report
        if lap.side == 0:
            self.thumbs += [images.address(k.picture) for k in lap.result.made]
            return
        if lap.result.preview:
            self.film.append(tuple(images.address(p) for p in lap.result.preview))


class CompareTab:
    """The widgets of the tab."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with gr.Column(elem_classes="arena"):
            with gr.Row(elem_classes="starters"):
                self.gan = gr.Dropdown(common.choices(engine, "faces", "en"), value=PAIR[0], label=t("GAN"), filterable=False,
                                       elem_id="compare-gan")
                self.diffusion = gr.Dropdown(common.choices(engine, "denoise", "en"), value=PAIR[1], label=t("Diffusion model"), filterable=False, elem_id="compare-diffusion")
                self.seed = gr.Textbox("0", label=t("Seed: a number or any words"), max_lines=1, max_length=200, elem_id="compare-seed")
                self.steps = gr.Slider(1, 250, 25, step=1, label=t("Diffusion steps"), elem_id="compare-steps")
            self.fair = gr.Radio(FAIR, value="pictures", label=t("What is fair?"), elem_id="compare-fair")
            with gr.Row(elem_classes="pair"):
                self.go = gr.Button(t("Race"), variant="primary", size="lg", elem_id="compare-go")
                self.stop = gr.Button(t("Stop"), variant="stop", size="lg", visible=False, elem_id="compare-stop")
            self.notice = gr.HTML("", elem_id="compare-notice")
            self.clock = gr.HTML(_clock(None, "en"), elem_id="compare-clock")
            with gr.Row(elem_classes="lanes"):
                self.left = gr.HTML(elem_id="compare-gan-lane")
                self.right = gr.HTML(elem_id="compare-diffusion-lane")
            self.sentence = gr.HTML(elem_id="compare-sentence")
            self.figures = gr.HTML(elem_id="compare-figures")
            with gr.Accordion(t("More"), open=False):
                self.psi = gr.Slider(-1, 1.5, 0.7, step=0.05, label=t("Variety (psi)"))
                self.scheduler = gr.Dropdown(["ddim", "ddpm", "dpm++", "euler", "unipc"], value="ddim", label=t("Sampler"), filterable=False)
                self.eta = gr.Slider(0, 1, 0, step=0.05, label=t("Fresh noise in each DDIM step (eta)"))
            with gr.Accordion(t("Why?"), open=True):
                self.why = gr.HTML(_why("en"))
        self._events()

    def _events(self) -> None:
        asked = {self.gan, self.diffusion, self.seed, self.steps, self.fair, self.psi, self.scheduler, self.eta}
        shown = [self.notice, self.clock, self.left, self.right, self.sentence, self.figures, self.go, self.stop]
        go = self.go.click(self.run, asked, shown, show_progress="hidden", api_visibility="private", **common.DEVICE)
        common.stops(self.stop, [go], lambda: (gr.update(visible=True), gr.update(visible=False)), None, [self.go, self.stop])
        gr.on([self.gan.change, self.diffusion.change], self.noticed, [self.gan, self.diffusion], self.notice, **common.QUIET)

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return [self.gan, self.diffusion, self.clock, self.why, self.notice]

    def opened(self, request: gr.Request) -> list:
        """The words that depend on the visitor's language."""
        lang = common.language(request)
        return [gr.update(choices=common.choices(self.engine, "faces", lang)), gr.update(choices=common.choices(self.engine, "denoise", lang)),
                _clock(None, lang), _why(lang), gr.skip()]

    def recipes(self, values: Mapping) -> list[Recipe]:
        """The two runners."""
        seed = common.seed(values[self.seed])
        return [Recipe("faces", values[self.gan], {"seed": seed, "count": 1, "psi": values[self.psi]}),
                Recipe("denoise", values[self.diffusion], {"seed": seed, "count": 1, "steps": values[self.steps], "scheduler": values[self.scheduler],
                                                           "eta": values[self.eta]})]

    def noticed(self, gan: str, diffusion: str, request: gr.Request) -> str:
        """Says loudly where a pair did not learn from the same pictures."""
        one, other = self.engine.row(gan), self.engine.row(diffusion)
        if one.data == other.data:
            return ""
        return common.warning(say(common.language(request), "Not the same pictures: {gan} learned from {one}, {diffusion} from {other}. Compare the cost, not the looks.",
                                  gan=one.title, one=one.data, diffusion=other.title, other=other.data))

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The race, lap by lap."""
        lang, lanes = common.language(request), Lanes()
        yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True), self.sentence: "", self.figures: "", self.left: "", self.right: ""}
        try:
            for lap in race(self.engine, self.recipes(values), values[self.fair]):
                lanes.take(lap)
                yield {self.clock: _clock(lap, lang), (self.left, self.right)[lap.side]: (_wall(lanes) if lap.side == 0 else _easel(lanes, lang))}
            rows = [self.engine.row(values[self.gan]), self.engine.row(values[self.diffusion])]
            yield {self.sentence: _sentence(lanes, lang), self.figures: _figures(lanes, rows, lang), self.right: _easel(lanes, lang, scrub=True)}
        except UserError as e:
            yield {self.sentence: common.refusal(e, lang)}
        except Exception:
            log.exception("a race failed")
            yield {self.sentence: common.refusal(UserError("Something went wrong here. It was logged; please try again."), lang)}
        yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}


def _clock(lap: Lap | None, lang: str) -> str:
    gan, diffusion = lap.seconds if lap else (0.0, 0.0)
    counts = lap.pictures if lap else (0, 0)
    sides = "".join(f'<div><b>{name}</b><output>{value:.2f} s</output><span>{html.escape(say(lang, "{count} pictures", count=count))}</span></div>'
                    for name, value, count in ((say(lang, "GAN"), gan, counts[0]), (say(lang, "Diffusion"), diffusion, counts[1])))
    return f'<div class="clock" role="timer">{sides}</div>'


def _wall(lanes: Lanes) -> str:
    one = " one" if len(lanes.thumbs) == 1 else ""
    pictures = "".join(f'<img src="{a}" alt="">' for a in lanes.thumbs[-WALL:])
    return f'<div class="thumbs{one}">{pictures}</div>'


def _easel(lanes: Lanes, lang: str, scrub: bool = False) -> str:
    """The picture that comes out of the noise, and the film strip of its steps."""
    if not lanes.film:
        return ""
    x_t, x_0 = lanes.film[-1]
    strip = "".join(f'<img src="{b}" data-noise="{a}" alt="">' for a, b in lanes.film)
    slider = (f'<input class="scrub" type="range" min="0" max="{len(lanes.film) - 1}" value="{len(lanes.film) - 1}" '
              f'aria-label="{html.escape(say(lang, "Step through the film"))}">') if scrub else ""
    words = html.escape(say(lang, "the noisy picture")), html.escape(say(lang, "what it takes it for"))
    return (f'<div class="easel"><figure><img class="noise" src="{x_t}" alt="{words[0]}"><figcaption>x<sub>t</sub>: {words[0]}</figcaption></figure>'
            f'<figure><img class="guess" src="{x_0}" alt="{words[1]}"><figcaption>x<sub>0</sub>: {words[1]}</figcaption></figure></div>{slider}'
            f'<div class="film-strip">{strip}</div>')


def _sentence(lanes: Lanes, lang: str) -> str:
    lap = lanes.lap
    facts = {"seconds": seconds(lap.seconds[1]), "faces": lap.pictures[0], "own": seconds(lap.seconds[0])}
    if lap.pictures[1] == 1:
        said = say(lang, "In the {seconds} of one diffusion picture, the GAN drew {faces} in {own}.", **facts)
    else:
        said = say(lang, "In the {seconds} that {count} diffusion pictures took, the GAN drew {faces} in {own}.", count=lap.pictures[1], **facts)
    each = [lap.seconds[i] / max(1, lap.pictures[i]) for i in (0, 1)]
    ratio = say(lang, "One diffusion picture costs as much time as {count} of the GAN's.", count=f"{each[1] / max(each[0], 1e-9):.0f}")
    return f'<p class="verdict">{html.escape(said)} {html.escape(ratio)}</p>'


def _figures(lanes: Lanes, rows: list[Checkpoint], lang: str) -> str:
    lap = lanes.lap
    lines = {"Model": [r.title for r in rows],
             "Seconds a picture": [f"{lap.seconds[i] / max(1, lap.pictures[i]):.3f}" for i in (0, 1)],
             "Network calls a picture": [f"{lap.calls[i] / max(1, lap.pictures[i]):.0f}" for i in (0, 1)],
             "Peak memory": [size(lanes.reports[i].peak_memory or 0) for i in (0, 1)],
             "Parameters": [f"{r.parameters / 1e6:.1f} M" if r.parameters else say(lang, "unknown") for r in rows],
             "Device": [f"{lanes.reports[i].device} {lanes.reports[i].precision}" for i in (0, 1)],
             "Trained on": [r.data for r in rows]}
    head = f"<tr><td></td><th scope=col>{html.escape(say(lang, 'GAN'))}</th><th scope=col>{html.escape(say(lang, 'Diffusion'))}</th></tr>"
    body = "".join(f"<tr><th scope=row>{html.escape(say(lang, k))}</th>" + "".join(f"<td>{html.escape(x)}</td>" for x in v) + "</tr>" for k, v in lines.items())
    return f'<table class="card"><thead>{head}</thead><tbody>{body}</tbody></table>'


def _why(lang: str) -> str:
    paragraphs = (
        "One pass against many: a GAN turns its noise into a picture in one network call; a diffusion model takes noise away a little at a time, and "
        "calls its network once for each step. The clock above shows what that costs here.",
        "The forger and the police: a GAN learns as two networks that fight, one forging pictures, one telling them from real ones (Goodfellow 2014). "
        "The fight can tip over, and a forger that found one good picture may draw only that: modes are lost. Wasserstein and least-squares losses, "
        "spectral norms and gradient penalties tame it.",
        "One network, one task: a diffusion model learns only to say what noise was added (Ho 2020). That is as stable as learning to copy, and every "
        "training picture counts, so it covers more of the variety; the price is paid when it draws.",
        "The middle: distillation teaches a diffusion model to draw in few steps, often with a GAN's critic as the judge.")
    return "".join(f"<p>{html.escape(say(lang, p))}</p>" for p in paragraphs)
