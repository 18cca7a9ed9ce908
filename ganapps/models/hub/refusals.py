"""What went otherwise, each in one sentence: of a row's place, the Hub's answer, or this disk."""

from __future__ import annotations

import errno

from huggingface_hub import constants, errors

from ganapps.errors import WeightsError
from ganapps.models.catalog import Source


def gone(source: Source, title: str) -> WeightsError:
    """A shipped file is not there."""
    return WeightsError(
        "The file {file} of {title}, which comes with this app, is missing: fetch the app's "
        "weights "
        "folder again.",
        file=source.file,
        title=title,
    )


def misplaced(source: Source, title: str) -> WeightsError:
    """The row names a place that the Hub can't have."""
    return WeightsError(
        "{source} is not a place on the Hub: correct the row of {title}.",
        source=str(source),
        title=title,
    )


def unreachable(title: str) -> WeightsError:
    """Nothing answers at the Hub's address."""
    return WeightsError(
        "The Hub at {host} can't be reached and {title} is not on this machine: check the "
        "connection, "
        "or choose a model that is here.",
        host=constants.ENDPOINT,
        title=title,
    )


def unwritable(error: OSError, title: str) -> WeightsError:
    """The disk takes no more, or takes nothing there."""
    folder = str(constants.HF_HUB_CACHE)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WeightsError(
            "The disk became full before {title} was complete: make room in {folder}, or set "
            "HF_HOME "
            "to a folder on a larger disk.",
            title=title,
            folder=folder,
        )
    return WeightsError(
        "{title} can't be written to {folder} ({why}): "
        "set HF_HOME to a folder that can be written.",
        title=title,
        folder=folder,
        why=error.strerror,
    )


def answered(error: errors.HfHubHTTPError, source: Source, file: str) -> WeightsError:
    """The sentence for an answer of the Hub that is not the file."""
    repo, revision, status = (
        source.repository,
        source.revision or "main",
        error.response.status_code,
    )
    page = f"{constants.ENDPOINT}/{repo}"
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
        return _shut(error, repo, page, status)
    if isinstance(error, errors.RevisionNotFoundError):
        return WeightsError(
            "{repo} has no revision {revision}: take a branch, tag or commit that is listed on "
            "{page}.",
            repo=repo,
            revision=revision,
            page=page,
        )
    if isinstance(error, errors.EntryNotFoundError):
        return WeightsError(
            "{repo} has no file {file} at revision {revision}: look up its name on {page}.",
            repo=repo,
            file=file,
            revision=revision,
            page=page,
        )
    if status == 429:
        return WeightsError(
            "The Hub asks for a pause before it sends {file} of {repo} (too many requests): wait "
            "some "
            "minutes; with HF_TOKEN set it allows more.",
            file=file,
            repo=repo,
        )
    return WeightsError(
        "The Hub answered {status} for {file} of {repo}: it has trouble of its own, so try again "
        "later.",
        status=status,
        file=file,
        repo=repo,
    )


def _shut(error: errors.HfHubHTTPError, repo: str, page: str, status: int) -> WeightsError:
    """The sentence for a repository that may not be read; a gated one counts as not found too, so
    it comes first.
    """
    if isinstance(error, errors.GatedRepoError):
        return WeightsError(
            "{repo} is gated: accept its terms on {page}, set HF_TOKEN to a token of that account, "
            "and start again.",
            repo=repo,
            page=page,
        )
    if isinstance(error, errors.DisabledRepoError):
        return WeightsError("{repo} has been disabled on the Hub: choose another model.", repo=repo)
    if isinstance(error, errors.RepositoryNotFoundError):
        return WeightsError(
            "There is no repository {repo} on the Hub, or it is private: check the name, or set "
            "HF_TOKEN to a token that may read it.",
            repo=repo,
        )
    return WeightsError(
        "The Hub does not let this token read {repo} (HTTP {status}): renew HF_TOKEN, or unset it "
        "for "
        "a public model.",
        repo=repo,
        status=status,
    )
