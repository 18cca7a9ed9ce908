"""Without a window: `python -m ganapps run FILE --out DIR` makes what a recipe says, `export` draws
many faces as data for others, `doctor` checks what is here, `deploy` makes a Hugging Face Space.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganapps.engine import Engine, Result
    from ganapps.race import Race
    from ganapps.recipe import Recipe
    from ganapps.report import Report

# endings of the files that are taken out of a folder
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")


def flags() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ganapps", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run_ = commands.add_parser("run", help="make what a recipe says, without a window")
    run_.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="a recipe or a race (JSON), or a picture made by this app, which holds one",
    )
    run_.add_argument(
        "--picture",
        metavar="IN",
        action="append",
        default=[],
        help="a picture that the recipe works on, or a folder of them; may be given again, each is "
        "a run of its own",
    )
    run_.add_argument(
        "--mask",
        metavar="FILE",
        help="a mask for all of these pictures, in place of the recipe's own: white is marked, or "
        "what is painted on nothing; one of a single picture, photo.jpg, may be given with the "
        "pictures, named photo-mask",
    )
    run_.add_argument(
        "--weights",
        metavar="FILE",
        help="a checkpoint file of your own, which takes the place of the recipe's model",
    )
    run_.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for the pictures and report.json",
    )
    run_.add_argument(
        "--force",
        action="store_true",
        help="write over files that are there; without it the new ones get numbers",
    )
    run_.add_argument(
        "--format",
        default="png",
        choices=("png", "jpeg", "webp"),
        help="what the pictures are kept as; the latter two have 8 bits, a JPEG no transparency; "
        "a film is always a WebP",
    )
    run_.add_argument(
        "--quality",
        metavar="N",
        type=int,
        default=90,
        help="of a JPEG or WebP, 1 to 100; a WebP of 100 is without loss",
    )
    run_.add_argument(
        "--most-kb",
        metavar="N",
        type=int,
        default=0,
        help="in place of a quality: the best that has no more kB than this",
    )
    doctor_ = commands.add_parser(
        "doctor",
        help="versions, devices, cache, Hub, and every model that is here against its golden "
        "values",
    )
    doctor_.add_argument(
        "--update",
        action="store_true",
        help="write new golden values for the models that ship with the app",
    )
    export_ = commands.add_parser(
        "export", help="draw many faces with their labels, as data for others; goes on where it was"
    )
    export_.add_argument("--model", default="heads-128", help="a model of the catalogue")
    export_.add_argument("--count", metavar="N", type=int, default=100, help="how many pictures")
    export_.add_argument("--seed", default="0", help="of the first one: a number, or any words")
    export_.add_argument("--psi", type=float, default=1.0, help="variety, -2 to 2")
    export_.add_argument(
        "--labels", metavar="JSON", default="{}", help="""what to set, such as '{"beard": 0.8}'"""
    )
    export_.add_argument(
        "--layout",
        default="folder",
        choices=("folder", "zip", "webdataset"),
        help="a folder that datasets loads, the same as a ZIP, or WebDataset shards",
    )
    export_.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    for command in (run_, doctor_, export_):
        command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
        command.add_argument(
            "--offline", action="store_true", help="never ask the Hub; only models that are here"
        )
    deploy_ = commands.add_parser("deploy", help="make or update a Hugging Face Space of this app")
    deploy_.add_argument("space", metavar="OWNER/SPACE", help="the Space's name on the Hub")
    deploy_.add_argument(
        "--hardware",
        metavar="NAME",
        help="what it runs on, in the Hub's words: zero-a10g (ZeroGPU), cpu-basic, t4-small, ...",
    )
    deploy_.add_argument("--private", action="store_true", help="nobody else sees it")
    return parser


def main(words: list[str] | None = None) -> int:
    """Exit status: 0, 1 where doctor found a model that is not what it was, 2 for a request that
    can't be done as asked.
    """
    options = flags().parse_args(words)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from ganapps.errors import UserError, speak_to_any_console
    from ganapps.pictures import temporary

    speak_to_any_console()
    try:
        if words is None:  # a process of its own
            temporary.settle()
        doors = {"run": _run, "export": _export, "doctor": _doctor, "deploy": _deploy}
        return doors[options.command](options)
    except UserError as e:
        print(e, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    """One run for each picture, or one without. A picture that is refused does not keep the others
    from being made.
    """
    from ganapps import engine, recipe
    from ganapps.engine import on_files
    from ganapps.errors import UserError
    from ganapps.pictures import formats
    from ganapps.tasks.table import TASKS

    formats.asked(options.format, options.quality, options.most_kb)  # refused before anything runs
    asked = _asked(options.file)
    if not isinstance(asked, recipe.Recipe):
        return _race(options, asked)
    pictures = _pictures(options.picture)
    here = engine.start(options.device, options.offline)
    task = TASKS.get(asked.task)
    _check_mask(options, pictures)
    if len(pictures) < 2 or task is None or task.pictures != 1:
        print(*_made(here, options, asked, pictures), sep="\n")
        return 0
    status = 0
    # a mask that belongs to one of them goes with it
    for given in on_files.brings(asked.task, pictures):
        try:
            print(*_made(here, options, asked, given), sep="\n", flush=True)
        except UserError as e:
            print(f"{Path(given[0]).name}: {e}", file=sys.stderr)
            status = 2
    return status


def _check_mask(options: argparse.Namespace, pictures: list[str]) -> None:
    from ganapps.errors import UserError

    if options.mask and not pictures:
        raise UserError("A mask needs its picture: give it with --picture.")


def _export(options: argparse.Namespace) -> int:
    """All that was asked for that is not there yet. Who stops it keeps what is there."""
    from ganapps import engine, recipe
    from ganapps.errors import UserError
    from ganapps.export import exported

    try:
        labels = recipe.values(options.labels)
    except UserError as e:
        raise UserError("{labels} are no labels: JSON is expected.", labels=options.labels) from e
    settings = {"seed": options.seed, "psi": options.psi, "labels": labels}
    asked = recipe.Recipe("export", options.model, settings | {"layout": options.layout})
    here = engine.start(options.device, options.offline)
    results = exported(here, asked, options.out, options.count)
    with _writing(options.out), contextlib.closing(results):
        while True:
            try:
                _tell(next(results))
            except StopIteration as end:
                print(*end.value, sep="\n")
                return 0


def _pictures(given: list[str]) -> list[str]:
    """The files that are meant: of a folder its pictures, by name."""
    from ganapps.errors import UserError

    files: list[str] = []
    for path in map(Path, given):
        if not path.is_dir():
            files.append(str(path))
            continue
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file())
        if not found:
            raise UserError("There is no picture in {folder}.", folder=str(path))
        files += map(str, found)
    return files


def _made(
    here: Engine, options: argparse.Namespace, asked: Recipe, pictures: list[str]
) -> list[Path]:
    """The files of one run, which bear its picture's name, and its report beside them."""
    from ganapps.pictures import images
    from ganapps.workers import signals

    files: list[Path] = []
    name = Path(pictures[0]).stem if pictures else ""
    report = _place(options)
    run = _results(here, asked, pictures, options.weights, options.mask)
    with contextlib.closing(signals.ahead(run)) as results:
        for result in results:
            _tell(result)
            with _writing(options.out):
                files += _kept(options, result, options.out, files, name)
                told = result.report.as_dict()
                told |= {"recipe": json.loads(result.recipe.to_json())}
                told |= {"files": [file.name for file in files]}
                images.save_text(images.as_json(told), report)
    return files


def _asked(path: Path) -> Race | Recipe:
    """What a file asks for. A recipe is read before torch is imported: a wrong file is told at
    once.
    """
    from ganapps import recipe
    from ganapps.pictures import inside

    text = inside.written(path)
    held = {} if text is None else recipe.values(text)
    if not isinstance(held, dict) or "race" not in held:
        return inside.from_file(path)
    from ganapps import race

    return race.from_file(path)


def _race(options: argparse.Namespace, asked: Race) -> int:
    """Both sides of a race, each into a folder of its own."""
    from ganapps import engine, race
    from ganapps.errors import UserError
    from ganapps.pictures import images

    if options.weights:
        raise UserError("A race is run with the models that its recipes name, without --weights.")
    folders = [options.out / side for side in race.SIDES]
    files: list[list[Path]] = [[], []]
    reports: list[Report | None] = [None, None]
    last = None
    report = _place(options)

    def tell(lap: race.Lap) -> None:
        told = race.report(asked, lap, reports)
        told |= {"files": [[str(f.relative_to(options.out)) for f in made] for made in files]}
        images.save_text(images.as_json(told), report)

    for lap in race.race(engine.start(options.device, options.offline), asked, options.picture):
        _tell(lap.result)
        if lap.result.waiting:
            continue
        last, reports[lap.side] = lap, lap.result.report
        if lap.result.made:
            with _writing(options.out):
                files[lap.side] += _kept(options, lap.result, folders[lap.side], files[lap.side])
                tell(lap)
    if last is not None and not last.result.made:  # what came after the last picture
        with _writing(options.out):
            options.out.mkdir(parents=True, exist_ok=True)
            tell(last)
    print(*files[0], *files[1], sep="\n")
    return 0


def _place(options: argparse.Namespace) -> Path:
    """Where the report goes."""
    from ganapps.pictures import images

    report: Path = options.out / "report.json"
    return report if options.force else images.free(report)


def _kept(
    options: argparse.Namespace, result: Result, folder: Path, already: list[Path], of: str = ""
) -> list[Path]:
    """The result's pictures as files in `folder`, which is made where it is missing."""
    from ganapps.pictures import formats, images

    form = formats.asked(options.format, options.quality, options.most_kb)
    folder.mkdir(parents=True, exist_ok=True)
    return images.keep_all(result.made, folder, len(already), of, options.force, form)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A folder that takes no files is one sentence."""
    from ganapps.errors import UserError

    try:
        yield
    except OSError as e:
        raise UserError(
            "{folder} can't be written to: {why}.",
            folder=str(folder),
            why=e.strerror or type(e).__name__,
        ) from e


def _results(
    here: Engine, asked: Recipe, pictures: list[str], weights: str | None, mask: str | None
) -> Iterator[Result]:
    """The run; where no picture is given, a chain is made from its beginning."""
    with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        brought = pictures or _earlier(here, asked, Path(folder))
        of_all = [mask] if mask and len(brought) == 1 else []
        yield from here.run(asked, brought + of_all, weights)


def _earlier(here: Engine, asked: Recipe, folder: Path) -> list[str]:
    """The picture that a chain works on, made anew by the recipe before: its path in `folder`, or
    nothing where nothing stands before.
    """
    from ganapps.pictures import images

    if not asked.before:
        return []
    *_, made = (
        kept
        for result in here.run(asked.before[0], _earlier(here, asked.before[0], folder))
        for kept in result.made
    )
    return [str(images.keep(made, folder, len(list(folder.iterdir()))))]


def _tell(result: Result) -> None:
    """How far it is, on one line that is written over; nothing where nobody looks."""
    if sys.stderr.isatty():
        told = f"{result.done:.0f} of {result.total:.0f}"
        if result.waiting:
            told = str(result.waiting)
        last = "\n" if result.done == result.total and not result.waiting else ""
        print(f"\r\x1b[K{told}", end=last, file=sys.stderr, flush=True)


def _doctor(options: argparse.Namespace) -> int:
    from ganapps import engine
    from ganapps.measure import doctor

    # models are checked as they lie here; only the Hub's line asks the Hub
    here = engine.start(options.device, offline=True)
    print(*doctor.machine(here, options.offline), sep="\n", flush=True)
    findings = []
    for finding in doctor.models(here, options.update):
        print(f"{finding.model:<26} {finding}", flush=True)
        findings.append(finding)
    if options.update:
        with _writing(doctor.GOLDEN.parent):
            doctor.write_golden(findings)
        print(f"wrote {doctor.GOLDEN}")
    return 1 if any(f.fault for f in findings) else 0


def _deploy(options: argparse.Namespace) -> int:
    from ganapps import deploy

    def tell(line: str) -> None:
        print(line, flush=True)

    tell(deploy.deploy(options.space, options.hardware, options.private, tell))
    return 0


def _ended() -> int:
    """The exit status of this process: that of a shell's where Ctrl+C, or a reader of its output
    that leaves (`| head`), ends it.
    """
    try:
        status = main()
        if sys.stdout is not None:  # a closed one
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # what is still to be written goes nowhere, without a word at the very end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


if __name__ == "__main__":
    sys.exit(_ended())
