"""The endpoints for programs: the same door as the window, with working defaults."""

from __future__ import annotations

import functools
import inspect
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.export import exported
from ganapps.pictures import formats, images
from ganapps.pictures.formats import PNG, Format
from ganapps.race import Race, race, report
from ganapps.recipe import Recipe
from ganapps.settings import Declared
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import files
from ganapps.ui.endpoints import ENDPOINTS, FORMAT, RECIPE, Argument, Endpoint
from ganapps.ui.parts import common
from ganapps.ui.parts.pairs import FACES, between, given
from ganapps.ui.parts.settings import asked
from ganapps.workers import signals

# what the schemas of Gradio and MCP say of a file, its address, is not fetched here
COMES = "a data URI (data:image/png;base64,...), or a file uploaded before"
log = logging.getLogger("ganapps")
KEPT = "generator.safetensors"  # what a trained one is kept as
Answer = tuple[list[gr.FileData], dict]


def publish(engine: Engine) -> None:
    """Register every endpoint; call it inside the window's Blocks."""
    for name, endpoint in endpoints(engine).items():
        gr.api(_careful(endpoint), api_name=name, **common.DEVICE)


def _careful(endpoint: Callable[..., Iterator[Answer]]) -> Callable[..., Iterator[Answer]]:
    """The endpoint, with null for what is left at its default, and with one sentence for whatever
    goes wrong.
    """
    defaults = {name: p.default for name, p in inspect.signature(endpoint).parameters.items()}

    @functools.wraps(endpoint)
    def careful(*given: Any, **named: Any) -> Iterator[Answer]:
        told = defaults | dict(zip(defaults, given, strict=False)) | named
        told = {
            name: defaults.get(name) if value is None else value for name, value in told.items()
        }
        try:
            yield from endpoint(**told)
        except UserError as e:
            raise gr.Error(str(e), print_exception=False) from e
        except Exception as e:
            log.exception("a call of /%s failed", endpoint.__name__)
            raise gr.Error(str(common.bug()), print_exception=False) from e

    return careful


def endpoints(engine: Engine) -> dict[str, Callable[..., Iterator[Answer]]]:
    """Every endpoint by its name, with the signature and the docstring that programs read."""
    made = {published.task: _of_task(engine, published) for published in ENDPOINTS}
    return made | {"compare": _compare(engine)}


def _of_task(engine: Engine, published: Endpoint) -> Callable[..., Iterator[Answer]]:
    task = TASKS[published.task]

    def endpoint(**given: Any) -> Iterator[Answer]:
        settings = {
            name: asked(declared, given[name])
            for name, declared in task.settings.items()
            if given[name] is not None and name not in task.masks
        }
        recipe = Recipe(task.name, given["model"], settings, given["precision"])
        pictures: list[str] = []
        for name, picture in task.inputs.items():
            pictures += _paths(given[name], name, picture.several)
        pictures += [_path(given[name], name) for name in task.masks if given[name] is not None]
        if published.as_archive:
            yield from archives(engine, recipe, given["weights"])
        else:
            form = formats.asked(*(given[name] for name in FORMAT))
            yield from answers(engine, recipe, pictures, given["weights"], form)

    arguments = dict(RECIPE)
    arguments["model"] = replace(RECIPE["model"], default=common.here_first(engine, task.models).id)
    for name, picture in task.inputs.items():
        kind = list[gr.FileData] if picture.several else gr.FileData
        arguments[name] = Argument(kind | None, None, f"{picture.says}; {COMES}.")
    for name, declared in task.settings.items():
        arguments[name] = _argument(declared, published.defaults)
    for name, mask in task.masks.items():
        arguments[name] = Argument(gr.FileData | None, None, f"{mask.says}; {COMES}.")
    if not published.as_archive:
        arguments |= FORMAT
    ordered = {name: arguments[name] for name in (*published.order, *arguments)}
    says = f"{task.says} {published.streams}"
    return _signed(endpoint, task.name, ordered, says, published.returns)


def _argument(declared: Declared, defaults: Mapping[str, Any]) -> Argument:
    """A setting as programs see it: words and seeds as text, `unset` for None where it has one."""
    said = declared.said
    kind = str if str in declared.types else declared.types[0]
    default = said.unset if declared.default is None else declared.default
    if isinstance(default, str) and kind is not str:
        default = None
    if declared.is_seed and default is not None:
        default = str(default)
    default = defaults.get(declared.name, default)
    if default is inspect.Parameter.empty:  # the task says that it is missing; Gradio, HTTP 500
        default = None
    says = f"of {said.only_for}: {said.says}" if said.only_for else said.says
    if said.high is not None or declared.words:
        says += f"; {declared.accepted()}"
    return Argument(kind | None if default is None else kind, default, f"{says}.")


def _signed(
    endpoint: Callable[..., Iterator[Answer]],
    name: str,
    arguments: Mapping[str, Argument],
    says: str,
    returns: str,
) -> Callable[..., Iterator[Answer]]:
    """The function with that name, these arguments and a docstring that tells of them."""
    lines = [f"    {argument}: {told.says}" for argument, told in arguments.items()]
    endpoint.__name__ = endpoint.__qualname__ = name
    endpoint.__doc__ = "\n".join([says, "", "Args:", *lines, "", "Returns:", f"    {returns}"])
    endpoint.__annotations__ = {n: told.kind for n, told in arguments.items()} | {"return": Answer}
    parameters = [
        inspect.Parameter(
            n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=told.default, annotation=told.kind
        )
        for n, told in arguments.items()
    ]
    signature = inspect.Signature(parameters, return_annotation=Answer)
    endpoint.__signature__ = signature  # type: ignore[attr-defined]  # what inspect reads first
    return endpoint


def _paths(given: object, name: str, several: bool) -> list[str]:
    """The paths of uploaded files; of `several` none is required. Raises UserError as `_path`."""
    if not several:
        return [_path(given, name)]
    listed = given if isinstance(given, list) else []
    return [_path(one, name) for one in listed]


def _path(given: object, name: str) -> str:
    """The path of an uploaded file, as Gradio hands it over, or of one that came as a data URI, as
    programs that speak MCP send it. Raises UserError where it is no such file.
    """
    if isinstance(given, str) and given:
        given = files.checked({"path": given})
    path = given.get("path") if isinstance(given, dict) else getattr(given, "path", None)
    if given is None:
        raise UserError("The argument {name} is missing: a picture belongs there.", name=name)
    if not isinstance(path, str) or not path:
        raise UserError(
            "The argument {name} is no file: upload one to /gradio_api/upload and give {example}.",
            name=name,
            example='{"path": "..."}',
        )
    return path


def _compare(engine: Engine) -> Callable:
    def compare(
        seed: str = "0",
        steps: int = 25,
        fair: str = "pictures",
        gan: str = FACES.first[0],
        diffusion: str = FACES.first[1],
        psi: float = 0.7,
        scheduler: str = "",
        eta: float = 0.0,
        prompt: str = "",
        picture: gr.FileData | None = None,
        gan_steps: int = 1,
    ) -> Iterator[Answer]:
        """Race a GAN against a diffusion model on one clock. Streams: each answer holds the
        pictures made so far and what each side spent.

        Args:
            seed: a number, or any text.
            steps: steps of a diffusion picture, 1 to 1000.
            fair: pictures, seconds, calls or memory: what both sides get the same of.
            gan: a model of the catalogue: of faces, a quick one of text to image, an upscaler or a
                translator.
            diffusion: the diffusion model of the same kind.
            psi: the GAN's variety.
            scheduler: ddim, ddpm, dpm++, euler, unipc, lcm or consistency; empty for what suits the
                model.
            eta: fresh noise in each DDIM step, 0 to 1.
            prompt: what is to be seen (text to image), or to be done (translators that read).
            picture: for upscalers and translators: PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF.
            gan_steps: steps of the first model where it takes any (text to image).

        Returns:
            The PNG files, each with its recipe inside, and {"race", "seconds", "network_calls",
            "pictures", "joules", "one_picture", "reports"}, the GAN's first; "one_picture" says
            what one costs: parameters, operations counted by torch, peak memory with the network.
        """
        kind = between(engine, (gan, diffusion))
        wanted = Race(
            kind.recipes(
                (gan, diffusion),
                "auto",
                *given(
                    kind, common.seed(seed), prompt, psi, gan_steps, steps, scheduler, eta, None
                ),
            ),
            fair,
        )
        pictures = [_path(picture, "picture")] if picture is not None else []
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            kept: list[gr.FileData] = []
            reports: list = [None, None]
            files.check_room()
            for lap in race(engine, wanted, pictures):
                kept += [
                    _stored(path)
                    for path in images.keep_all(lap.result.made, Path(folder), len(kept))
                ]
                reports[lap.side] = lap.result.report
                yield kept, report(wanted, lap, reports)

    compare.__annotations__["return"] = Answer
    return compare


def archives(engine: Engine, recipe: Recipe, weights: object = None) -> Iterator[Answer]:
    """What an export writes, once it is whole; before that, how far it is. A folder comes as a
    ZIP.
    """
    if recipe.settings.get("layout") == "folder":
        recipe = recipe.with_settings(layout="zip")
    own = _path(weights, "weights") if weights is not None else None
    with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        files.check_room()
        with closing(exported(engine, recipe, Path(folder), weights=own)) as results:
            facts: dict = {}
            while True:
                try:
                    result = next(results)
                except StopIteration as end:
                    yield [_stored(path) for path in end.value], facts
                    return
                facts = {
                    "recipe": common.plain_recipe(result.recipe),
                    "report": result.report.as_dict(),
                    "done": result.done,
                }
                yield [], facts


def _stored(path: Path) -> gr.FileData:
    return gr.FileData(path=files.keep(path))


def answers(
    engine: Engine,
    recipe: Recipe,
    pictures: Sequence[str] = (),
    weights: object = None,
    form: Format = PNG,
) -> Iterator[Answer]:
    """A recipe's results as files of that format and plain values."""
    with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        kept: list[gr.FileData] = []
        files.check_room()
        own = _path(weights, "weights") if weights is not None else None
        with closing(signals.ahead(engine.run(recipe, pictures, own))) as results:
            for result in results:
                paths = images.keep_all(result.made, Path(folder), len(kept), form=form)
                kept += [_stored(path) for path in paths]
                if result.weights:
                    kept.append(_stored(images.save_bytes(result.weights, Path(folder) / KEPT)))
                yield kept, _facts(result)


def _facts(result: Result) -> dict:
    """What stands beside the files."""
    facts: dict = {
        "recipe": common.plain_recipe(result.recipe),
        "report": result.report.as_dict(),
    }
    figures = [dict(made.figures) for made in result.made if made.figures]
    if figures:
        facts["figures"] = figures
    if result.numbers:
        facts["numbers"] = result.numbers
    return facts
