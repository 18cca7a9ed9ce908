"""The door: a recipe in, a stream of results out; and its price beforehand."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ganapps import __version__
from ganapps.errors import Message, UserError, WeightsError
from ganapps.measure.prices import Ledger, Price, folder
from ganapps.models import hub, own_file, runtime
from ganapps.models.catalog import NEW, Checkpoint
from ganapps.models.hub import proxies
from ganapps.models.runtime import Runtime
from ganapps.pictures import images, masks
from ganapps.pictures.formats import Format
from ganapps.pictures.uploads import Upload, open_upload, shows, size_of
from ganapps.recipe import LARGEST, Recipe, check_types, from_link, from_picture
from ganapps.report import Kept, Part, Report, Step
from ganapps.settings import check
from ganapps.tasks import (
    cycle,
    directions,
    figures,
    finish,
    hidden,
    labels,
    learn_picture,
    resample,
)
from ganapps.tasks.table import TASKS, worded
from ganapps.workers import Job, Rehearsal, Standing, Worker, chosen, signals, zerogpu
from ganapps.workers.here import Here, alone, directions_of, labels_of

FACE = labels.FACE  # what a StarGAN without names of its own sets on a face


@dataclass(frozen=True)
class Result:
    """One piece of the stream: new pictures, how far the run is (`done` of `total`), the report so
    far, the whole run's recipe.

    While a model downloads there are no pictures, and `waiting` says what is waited for. `preview`
    shows unfinished work, `parts` are the rows that are finished of it, from the top. `numbers` and
    `weights` are the Step's.
    """

    recipe: Recipe
    report: Report
    done: float
    total: float
    made: tuple[Kept, ...] = ()
    waiting: Message | None = None
    preview: tuple[Image.Image, ...] = ()
    parts: tuple[Part, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    weights: bytes | None = field(default=None, repr=False)


LOOKS_A_SECOND = 8  # in a film of the Lab


class Engine:
    """Everything that makes pictures goes through `run`; what crosses it is plain data."""

    def __init__(self, runtime: Runtime, ledger: Ledger, elsewhere: Standing | None = None) -> None:
        """`elsewhere`: what computes, where it is not this process."""
        self.runtime, self.ledger = runtime, ledger
        self.rehearsed: dict[
            str, Any
        ] = {}  # what rehearsal.py measured of a model, in this process
        self._tables: dict[str, labels.Labels | None] = {}  # of the catalogue's models
        self._sizes: dict[str, int | None] = {}  # what the Hub said of models whose row does not
        self.worker: Worker = elsewhere or Here(runtime)
        if zerogpu.given():
            self.worker = zerogpu.ZeroGPU(partial(_alone, runtime), ledger, self._expected)
        self.device_title = elsewhere.title if elsewhere else runtime.device.title
        self._on_device = self.worker.steps

    def close(self) -> None:
        """Whatever computes ends: nothing can be run any more."""
        self.worker.close()

    def run(
        self,
        recipe: Recipe,
        pictures: Sequence[str] = (),
        weights: str | None = None,
        rehearsal: Rehearsal = "",
    ) -> Generator[Result, None, None]:
        """Results as they are made. Stoppable: close the iterator.

        `pictures` are paths of uploads, behind them those of masks for tasks that take some: what
        is small enough of these is a setting from then on; `weights` that of a checkpoint file of
        the person's own, which takes the model's place: the recipe then names its sha256. A
        `rehearsal` (as `workers.Job` says) disturbs the seconds of a run, so they go into no price.
        Raises UserError or WeightsError, a sentence for the person, before or during the run.
        """
        signals.check()
        given = own_file.located(weights) if weights else None
        if given:
            recipe = _with_own(recipe, given)
        recipe, checkpoint = self.checked(recipe)
        task = TASKS[recipe.task]
        wanted = task.pictures
        drawn = () if wanted is None else pictures[wanted:]
        if len(pictures) < (wanted or 0) or len(drawn) > len(task.masks):
            raise UserError(
                "The task {task} takes {wanted:picture|pictures}, {got} came.",
                task=recipe.task,
                wanted=wanted,
                got=len(pictures),
            )
        uploads = tuple(task.opened(path) for path in pictures)
        recipe, large, said = _drawn(recipe, uploads[len(pictures) - len(drawn) :])
        located = given or (yield from self._fetched(recipe, checkpoint, recipe.revision))
        others = {}
        for name, row in self._others(recipe).items():
            others[name] = row, (yield from self._fetched(recipe, row, None))
        masked = uploads[wanted:] if large else ()
        uploads = uploads[:wanted]
        facts = tuple({"size": list(u.size), "sha256": u.sha256} for u in (*uploads, *masked))
        changes = (*_provenance(recipe, located, facts), *_not_a_list(recipe))
        changes += said + tuple(c for u in (*uploads, *masked) for c in u.changes)
        recipe = _chained(
            replace(
                recipe,
                revision=located.revision,
                sha256=located.sha256,
                pictures=facts,
                app=__version__,
            ),
            pictures[:wanted],
        )
        job = Job(recipe, checkpoint, located, uploads, changes, rehearsal, others, large)
        job = replace(job, seconds=self._expected(job), party=signals.current().name)
        parts: tuple[Part, ...] = ()
        with closing(self._on_device(job)) as steps:
            for step, report in steps:
                parts += (step.part,) if step.part else ()
                yield _result(recipe, step, report, parts)
                if step.done < step.total:
                    signals.check()
        priced = task.seconds(recipe.settings) is None
        if priced and not rehearsal and not given:
            self.ledger.add(
                self._key(recipe), report.seconds, task.units(recipe), report.peak_memory
            )

    def _fetched(
        self, recipe: Recipe, checkpoint: Checkpoint, revision: str | None
    ) -> Generator[Result, None, hub.Located]:
        """A model's file; Results without pictures while it downloads."""
        device = self.runtime.device.with_precision(recipe.precision)
        report = Report(checkpoint.id, device.title, device.precision, str(checkpoint.sources[0]))
        with closing(self.runtime.located(checkpoint, revision)) as fetching:
            while True:
                try:
                    progress = next(fetching)
                except StopIteration as found:
                    return found.value
                yield Result(
                    recipe,
                    report,
                    progress.done,
                    progress.total or 0,
                    waiting=progress.message,
                )
                signals.check()

    def checked(self, recipe: Recipe) -> tuple[Recipe, Checkpoint]:
        """The recipe with every default filled in, the row's own before the task's, and its row.
        Raises UserError that names what is wrong.
        """
        check_types(vars(recipe))
        task = TASKS.get(recipe.task)
        if task is None:
            raise UserError(
                "The task {task} is unknown: accepted are {known}.",
                task=recipe.task,
                known=", ".join(TASKS),
            )
        checkpoint = self._row_for(recipe.checkpoint, task.models, task.also)
        self.runtime.device.with_precision(recipe.precision)
        own = checkpoint.defaults if recipe.task == checkpoint.task else {}
        recipe = replace(recipe, settings=check(task.function, {**own, **recipe.settings}))
        task.holds(recipe.settings)
        self._others(recipe)
        chosen = recipe.settings.get("labels") if task.models == "faces" else None
        if chosen and (table := self._known_labels(checkpoint)):
            table.numbers(chosen)
        if (length := len(recipe.to_json())) > LARGEST:
            raise UserError(
                "This recipe is too large: {size} characters, at most {most} are accepted.",
                size=length,
                most=LARGEST,
            )
        return recipe, checkpoint

    def _row_for(self, name: str, task: str, also: Sequence[str] = ()) -> Checkpoint:
        """The row of that name, whose models do `task`. Raises UserError for another one."""
        checkpoint = self.runtime.checkpoint(name, task)
        if checkpoint.task not in (task, *also):
            raise UserError(
                "The model {model} is for {its}, not for {task}: choose another one.",
                model=checkpoint.title,
                its=checkpoint.task,
                task=task,
            )
        return checkpoint

    def _others(self, recipe: Recipe) -> dict[str, Checkpoint]:
        """The rows of the further models that a checked recipe names, by their settings. Raises
        UserError for one that does something else.
        """
        named = TASKS[recipe.task].others
        return {
            name: self._row_for(recipe.settings[name], model.task)
            for name, model in named.items()
            if recipe.settings[name]
        }

    def named(self, recipe: Recipe, weights: str | None) -> Recipe:
        """The recipe with the model that a run of it takes: a person's own file where `weights` is
        the path of one.
        """
        return _with_own(recipe, own_file.located(weights)) if weights else recipe

    def linked(self, query: Mapping[str, str]) -> Recipe | None:
        """The recipe of a link's query, without what is no setting of its task: trackers add names
        of their own to every link that is shared. None where it names no task. Raises UserError for
        a damaged one.
        """
        recipe = from_link(query, worded())
        if recipe is None or recipe.task not in TASKS:
            return recipe
        known = TASKS[recipe.task].settings
        settings = {name: value for name, value in recipe.settings.items() if name in known}
        return replace(recipe, settings=settings)

    def price(self, recipe: Recipe, pictures: Sequence[str] = ()) -> Price:
        """What this will cost here, from runs measured on this machine. Raises UserError as `run`
        does; of `pictures` only the headers are read.
        """
        recipe, checkpoint = self.checked(recipe)
        task = TASKS[recipe.task]
        brought = pictures[: task.pictures]
        recipe = replace(recipe, pictures=tuple({"size": list(size_of(path))} for path in brought))
        measured, memory = self.ledger.get(self._key(recipe), task.units(recipe))
        named = task.seconds(recipe.settings)
        seconds = measured if named is None else named
        fetched = [self._download(row) for row in (checkpoint, *self._others(recipe).values())]
        known = [size for size in fetched if size is not None]
        return Price(seconds, memory, sum(known) if len(known) == len(fetched) else None)

    def fetches(self, recipe: Recipe) -> bool:
        """May a run fetch something from the Hub? Raises UserError as `run` does."""
        recipe, checkpoint = self.checked(recipe)
        others = self._others(recipe).values()
        return self.runtime.fetches(checkpoint, recipe.revision) or any(
            self.runtime.fetches(row) for row in others
        )

    def _download(self, checkpoint: Checkpoint) -> int | None:
        """Bytes to fetch before a run: 0 where the model is here; where its row does not say, the
        Hub is asked, once.
        """
        if checkpoint is NEW or own_file.is_own(checkpoint.id) or hub.here(checkpoint):
            return 0
        if checkpoint.size:
            return checkpoint.size
        if checkpoint.id not in self._sizes and self.hub_answers():
            self._sizes[checkpoint.id] = hub.size(checkpoint)
        return self._sizes.get(checkpoint.id)

    def finished(
        self, recipe: Recipe, picture: str, result: str, strength: float, keep_colours: bool
    ) -> Kept:
        """A result made with full strength, finished otherwise, at once and without the network:
        what running the recipe with these two settings would give. `picture` is the path of the
        upload, `result` that of the raw result.
        """
        upload, raw = open_upload(picture), open_upload(result)
        settings = recipe.settings
        source = hidden.extended(finish.crop(upload.pixels, settings.get("crop")))
        wraps = bool(settings.get("tileable"))
        pixels = finish.finish(raw.pixels, source, strength, keep_colours, wraps)
        about = {
            "icc": upload.icc,
            "date": upload.date,
            "gps": upload.gps if settings.get("keep_place") else None,
        }
        made = recipe.with_settings(strength=strength, keep_colours=keep_colours)
        return Kept(
            pixels,
            f"{pixels.shape[1]} x {pixels.shape[0]}",
            made,
            beside=finish.shown(pixels, source),
            about=about,
        )

    def cropped(self, picture: str, box: list[int] | None, side: int, folder: Path) -> str:
        """The path, in `folder`, of the part [x, y, width, height] of a picture, else of a square
        of `side` in its middle: to try many models on it. Raises UserError where the box does not
        lie inside.
        """
        pixels = open_upload(picture).pixels
        height, width = pixels.shape[:2]
        middle = [
            max(0, (width - side) // 2),
            max(0, (height - side) // 2),
            min(side, width),
            min(side, height),
        ]
        return str(images.save_plain(finish.crop(pixels, box or middle), folder / "crop.png"))

    def returned(self, picture: str, back: str) -> cycle.Returned:
        """How much of the picture at one path is there again at the other, after both
        translations.
        """
        return cycle.returned(open_upload(picture).pixels, open_upload(back).pixels)

    def distance(self, first: str, second: str) -> float:
        """The mean absolute difference of the pictures at two paths, values in -1 to 1: one of
        CycleGAN's losses on them.
        """
        return cycle.distance(open_upload(first).pixels, open_upload(second).pixels)

    @staticmethod
    def shrunk(picture: str, side: int, folder: Path) -> str:
        """The path, in `folder`, of the picture made small: to try many models on it."""
        pixels = open_upload(picture).pixels
        share = min(1.0, side / max(pixels.shape[:2]))
        small = (
            resample.resize(pixels, tuple(max(1, round(n * share)) for n in pixels.shape[1::-1]))
            if share < 1
            else pixels
        )
        return str(images.save_plain(small, folder / "small.png"))

    @staticmethod
    def preview(picture: str, side: int, folder: Path) -> str | None:
        """The path, in `folder`, of a small picture to look at in place of one that no browser
        shows (a TIFF); None where it shows it itself. Raises UserError where it can't be read.
        """
        return None if shows(picture) else Engine.shrunk(picture, side, folder)

    @staticmethod
    def small_copy(picture: str, folder: Path) -> str | None:
        """The path, in `folder`, of a copy to look at of a picture that is large or that no browser
        shows; None where it can be looked at itself. Raises UserError where it can't be read.
        """
        size = Engine.size(picture)
        shown = images.shown_size(size)
        if shows(picture) and shown == size:
            return None
        return Engine.shrunk(picture, max(shown), folder)

    @staticmethod
    def converted(path: str, form: Format, folder: Path) -> str:
        """The path, in `folder`, of a result of this app in another format, its recipe inside.
        Raises UserError where the format has no room for it.
        """
        made, recipe = open_upload(path), from_picture(path)
        place = images.free(folder / f"{Path(path).stem}{form.ending}")
        images.save_pixels(
            made.pixels,
            place,
            recipe,
            icc=made.icc,
            date=made.date,
            gps=made.gps,
            quality=form.quality,
            most=form.most,
        )
        return str(place)

    @staticmethod
    def size(picture: str) -> tuple[int, int]:
        """Width and height of the picture at a path as it stands upright, from its header. Raises
        UserError where it can't be read.
        """
        return size_of(picture)

    def mask(self, path: str, picture: str) -> str:
        """What the file at `path` marks of the picture at the other path, as a recipe's text.
        Raises UserError where it has another shape.
        """
        marked = masks.of_file(open_upload(path))
        return masks.packed(masks.fitted(marked, size_of(picture)))

    def film(self, looks: Sequence[Mapping[str, Any]], recipe: Recipe, folder: Path) -> str:
        """The path, in `folder`, of a film (WebP) of the looks at a run of the Lab, the recipe
        inside; each has the numbers of its Result, and "walls" where there are pictures.
        """
        frames = learn_picture.film(looks)
        return str(images.save_film(frames, folder / "film.webp", LOOKS_A_SECOND, recipe))

    def against_truth(self, result: str, truth: str) -> dict[str, float]:
        """PSNR and SSIM of the picture at one path beside the true one at the other. Raises
        UserError where the sizes differ.
        """
        return figures.against_truth(open_upload(result).pixels, open_upload(truth).pixels)

    def brings(self, task: str, pictures: Sequence[str]) -> list[list[str]]:
        """What each of many runs of a task with one picture is given: the picture, and the mask
        that is its own where one lies among them (`masks.paired`).
        """
        known = TASKS.get(task)
        if known is None or not known.masks:
            return [[picture] for picture in pictures]
        return masks.paired(pictures)

    def rows(self, models: str) -> list[Checkpoint]:
        """The catalogue's rows that can do a task, in its order; what learns is made new."""
        if models == NEW.task:
            return [NEW]
        return [c for c in self.runtime.catalog.values() if c.task == models]

    def row(self, name: str) -> Checkpoint | None:
        """The catalogue's row of that id, if there is one."""
        return self.runtime.catalog.get(name) if isinstance(name, str) else None

    def own_file(self, path: str) -> own_file.Given:
        """What a person's checkpoint file holds. Raises WeightsError where that is no network known
        here.
        """
        return self.runtime.own_file(path)

    def here(self, checkpoint: Checkpoint) -> bool:
        """Is the model's file on this disk already?"""
        return checkpoint is NEW or hub.here(checkpoint) is not None

    def hub_answers(self) -> bool:
        """Does the Hub answer (asked at most once a minute)? Never asked when offline."""
        return not self.runtime.offline and hub.reachable()

    def controls(self, checkpoint: Checkpoint) -> tuple[Mapping[str, Any], ...]:
        """The named labels a person can set on this model, as tasks/labels.py describes them; empty
        for most models, and where their file is damaged: the window opens all the same, and a run
        says what is wrong.
        """
        try:
            table = self._known_labels(checkpoint)
        except WeightsError:
            return ()
        return table.controls if table else ()

    def directions(self, checkpoint: Checkpoint) -> dict[str, str]:
        """The directions that the task `edit` has for this model beside those that it finds on the
        spot (pca-1, ..., sefa-1, ...), by name, and what they are called; none for most models.
        """
        try:
            table = self._known_labels(checkpoint)
        except WeightsError:
            table = None
        found = {name: way.title for name, way in directions.ways(table)}
        for source in checkpoint.sources:
            shipped = directions_of(source.sha256).names if source.sha256 else {}
            found |= {name: name.replace("_", " ") for name in shipped if name not in found}
        return found

    def takes(self, network: str, control: str) -> bool:
        """Can a person set this ("denoise", "style", "face") on the network of that name, which a
        row or an own file says? "" is no network.
        """
        return control in self.runtime.controls(network)

    def _known_labels(self, checkpoint: Checkpoint) -> labels.Labels | None:
        """The labels of a model as its row tells them, before its network is here."""
        if checkpoint.id not in self._tables:
            face = len(FACE) if self.takes(checkpoint.network, "face") else 0
            count = len(checkpoint.classes) or face
            self._tables[checkpoint.id] = labels_of(self.runtime, checkpoint, count)
        return self._tables[checkpoint.id]

    def _expected(self, job: Job) -> float | None:
        """Seconds that a job will compute; None where nothing like it was measured."""
        task = TASKS[job.recipe.task]
        named = task.seconds(job.recipe.settings)
        if named is not None:
            return named
        return self.ledger.get(self._key(job.recipe), task.units(job.recipe))[0]

    def _key(self, recipe: Recipe) -> str:
        """What ran where; a texture's price is its own, for more than the texture is enlarged."""
        parts = [recipe.task, recipe.checkpoint, self.device_title, recipe.precision]
        parts += [recipe.settings.get(name) or "" for name in TASKS[recipe.task].others]
        if recipe.settings.get("tileable"):
            parts.append("tileable")
        return "|".join(parts)


def worker(device: str = "auto", offline: bool = False, own_catalog: str | None = None) -> Here:
    """What computes, for a process of its own (`workers.spawned`). Raises UserError as `start`."""
    return alone(device, offline, own_catalog)


def _alone(runtime: Runtime) -> Here:
    """What computes in a process that was forked: no lock of its parent's is in it."""
    return Here(Runtime(runtime.catalog, runtime.device, runtime.offline))


def start(
    device: str = "auto",
    offline: bool = False,
    own_catalog: str | None = None,
    workers: str = "",
) -> Engine:
    """An engine for this machine; of several devices (`cuda:0,cuda:1`) each computes in a process
    of its own, and `workers` may name others (`ray`). Raises UserError for a device that is not
    there, a faulty catalogue, or a proxy that can't be used.
    """
    proxies.settle(offline)
    elsewhere = chosen.elsewhere(device, offline, own_catalog, workers)
    front = runtime.start("cpu" if elsewhere else device, offline, own_catalog)
    return Engine(front, Ledger(folder() / "prices.json"), elsewhere)


def _result(recipe: Recipe, step: Step, report: Report, parts: tuple[Part, ...]) -> Result:
    made = tuple(one.kept(recipe) for one in step.made)
    return Result(
        recipe,
        report,
        step.done,
        step.total,
        made,
        preview=step.preview,
        parts=parts,
        numbers=step.numbers,
        weights=step.weights,
    )


def _with_own(recipe: Recipe, given: hub.Located) -> Recipe:
    return replace(recipe, checkpoint=own_file.same(recipe.checkpoint, given))


def _chained(recipe: Recipe, pictures: Sequence[str]) -> Recipe:
    """The recipe behind the one that stands in the picture it works on, where this app made that
    picture.
    """
    for path in pictures:
        try:
            return recipe.after(from_picture(path))
        except UserError:
            continue  # a picture from elsewhere
    return recipe


def _drawn(
    recipe: Recipe, uploads: Sequence[Upload]
) -> tuple[Recipe, dict[str, str], tuple[Message, ...]]:
    """The recipe with the masks that came as files, packed; those that are too large for a recipe,
    by their settings; and what there is to say.
    """
    large: dict[str, str] = {}
    said: tuple[Message, ...] = ()
    for name, upload in zip(TASKS[recipe.task].masks, uploads):
        text = masks.packed(masks.of_file(upload))
        if len(text) <= masks.LONGEST:
            recipe = recipe.with_settings(**{name: text})
            continue
        large[name] = text
        said += (
            Message(
                "This mask is too large for a recipe ({size} kB, at most {most} kB): who makes the "
                "picture again gives the mask again.",
                size=round(len(text) / 1024),
                most=masks.LONGEST // 1024,
            ),
        )
    return recipe, large, said


def _provenance(
    recipe: Recipe, located: hub.Located, pictures: tuple[Mapping[str, Any], ...]
) -> tuple[Message, ...]:
    """What to say of the files that serve: earlier sources that failed, and whether model and
    uploads are the recipe's own.
    """
    changes = tuple(located.changes)
    if recipe.sha256 and recipe.sha256 != located.sha256:
        changes += (Message("The model's file is not the one this recipe was made with."),)
    if recipe.pictures and recipe.pictures != pictures:
        changes += (Message("The picture is not the one this recipe was made with."),)
    return changes


def _not_a_list(recipe: Recipe) -> Iterator[Message]:
    """A seed that other programs would read as several: here it is a word, and says so."""
    seed = recipe.settings.get("seed")
    if isinstance(seed, str) and re.fullmatch(r"\s*\d+(\s*[,-]\s*\d+)+\s*", seed):
        yield Message(
            "The seed {seed} is one word here, not a list of seeds: for several pictures, give the "
            "first number and how many.",
            seed=seed,
        )
