"""This app as a Hugging Face Space: `python -m ganapps deploy OWNER/SPACE` makes or updates it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import filter_repo_objects, validate_repo_id

from ganapps.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
# what running needs, and no more: no tests, no pictures of the documentation, no trainings
GOES = ("README.md", "LICENSE", "app.py", "requirements.txt", "ganapps/*", "weights/*")
STAYS = ("ganapps/training/*", "weights/training/*", "*/.*", "*__pycache__*")
OURS = ("ganapps/*", "weights/*")  # there a file that is no longer part of the app is deleted
MARK = "ganapps/recipe.py"  # a Space that holds it is this app
BARE = {"README.md", ".gitattributes"}  # what the Hub itself puts into a new Space


def deploy(space: str, hardware: str | None, private: bool, tell: Callable[[str], None]) -> str:
    """Make or update the Space called OWNER/NAME, and give its address.

    `hardware`: the Hub's word for it ("zero-a10g"), None: what the Hub gives, or what it has.
    `private`: nobody else sees it. `tell` hears, before anything is changed, what will be done.
    Raises UserError.
    """
    _check(space)
    api = HfApi()
    with _sentences(space):
        api.whoami()
        there = _files(api, space)
        files = files_of(ROOT)
        for line in _plan(api.endpoint, space, hardware, private, there, files):
            tell(line)
        if there is None:
            api.create_repo(
                space,
                repo_type="space",
                space_sdk="gradio",
                space_hardware=hardware,  # type: ignore[arg-type]  # the Hub knows newer ones, too
                private=private,
            )
        elif private:  # before anything new is there to be seen
            api.update_repo_settings(space, repo_type="space", private=True)
        api.upload_folder(
            repo_id=space,
            repo_type="space",
            folder_path=ROOT,
            allow_patterns=list(GOES),
            ignore_patterns=list(STAYS),
            delete_patterns=list(OURS),
            commit_message="Deploy ganapps",
        )
        if hardware and there is not None:
            api.request_space_hardware(space, hardware)  # type: ignore[arg-type]  # as above
    return f"{api.endpoint}/spaces/{space}"


def files_of(root: Path) -> dict[str, int]:
    """The files that go to a Space, by their path in it, with their bytes."""
    every = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    goes = filter_repo_objects(every, allow_patterns=list(GOES), ignore_patterns=list(STAYS))
    return {path: (root / path).stat().st_size for path in sorted(goes)}


def _check(space: str) -> None:
    """Raises UserError where that is no name of a Space."""
    try:
        validate_repo_id(space)
        owner, name = space.split("/")
    except (HFValidationError, ValueError):
        owner = name = ""
    if not owner or not name:
        raise UserError(
            "{space} is no name of a Space: it is OWNER/NAME, as in ada/gans.", space=space
        )


def _files(api: HfApi, space: str) -> list[str] | None:
    """What the Space holds; None where there is none. Raises UserError where it is another app."""
    try:
        files = api.list_repo_files(space, repo_type="space")
    except RepositoryNotFoundError:
        return None
    if MARK not in files and set(files) - BARE:
        raise UserError(
            "{space} is taken: a Space of that name holds something else. Choose another name.",
            space=space,
        )
    return files


def _plan(
    endpoint: str,
    space: str,
    hardware: str | None,
    private: bool,
    there: list[str] | None,
    files: dict[str, int],
) -> Iterator[str]:
    """What will be done, in lines."""
    seen = "private" if private else "public"
    address = f"{endpoint}/spaces/{space}"
    if there is None:
        on = hardware or "the hardware that the Hub gives"
        yield f"{address} will be made: {seen}, on {on}."
    else:
        yield f"{address} is there and will be updated."
        if private:
            yield "It becomes private."
        if hardware:
            yield f"It moves to {hardware}."
    yield (
        f"{len(files)} files, {sum(files.values()) / 1e6:.0f} MB, go there: what running needs of "
        "this folder. What is there already is not sent again."
    )
    gone = set(filter_repo_objects(there or (), allow_patterns=list(OURS))) - set(files)
    if gone:
        yield f"Deleted there, as no longer part of the app: {len(gone)} of its files."


@contextmanager
def _sentences(space: str) -> Iterator[None]:
    """What the Hub and its client raise, as sentences: what is wrong, and what to do."""
    try:
        yield
    except UserError:
        raise
    except OfflineModeIsEnabled as e:
        raise UserError("HF_HUB_OFFLINE is set, so no Space can be reached: unset it.") from e
    except LocalTokenNotFoundError as e:
        raise UserError(
            "No token of the Hub is here: log in with `hf auth login`, or set HF_TOKEN to a token "
            "that may write."
        ) from e
    except HfHubHTTPError as e:
        raise _refused(e, space) from e
    except Exception as e:  # the client's own network errors have no class in common
        if not _of_the_network(e):
            raise
        raise UserError(
            "The Hub was cut off ({why}): run the same command again. What has arrived is not sent "
            "again.",
            why=type(e.__cause__ or e).__name__,
        ) from e


def _refused(error: HfHubHTTPError, space: str) -> UserError:
    """What to say where the Hub refuses."""
    owner = space.split("/")[0]
    status = error.response.status_code if error.response is not None else 0
    if status == 401:
        return UserError(
            "The Hub does not accept this token: log in again with `hf auth login`, or set "
            "HF_TOKEN to a token that may write."
        )
    if status in (403, 404):
        return UserError(
            "This token may not write to {space}: give it that right on the Hub, or choose an "
            "owner other than {owner}.",
            space=space,
            owner=owner,
        )
    if status == 409:
        return UserError("{space} is taken: choose another name.", space=space)
    return UserError(
        "The Hub refuses with status {status}: {why}. Nothing more was changed.",
        status=status,
        why=error.server_message or "it does not say why",
    )


def _of_the_network(error: BaseException | None) -> bool:
    """Did the connection fail? The client's library is httpx, requests or httpx2, by its version,
    and what an upload's thread met is the cause of another error.
    """
    if error is None:
        return False
    modules = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    failed = isinstance(error, OSError) or modules & {"httpx", "httpx2", "httpcore", "requests"}
    return bool(failed) or _of_the_network(error.__cause__)
