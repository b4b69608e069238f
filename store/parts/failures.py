"""Parts that could not be made, kept in the run's folder until they are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from store.disk import manifests, read_json, require_plain, write_json
from store.errors import RunRefused
from store.parts.write import has_part

FOLDER = "failed"


@dataclass(frozen=True)
class Failure:
    """A part that was given up.

    Attributes:
        stage: the stage's folder.
        part: its name.
        error: what was wrong the last time.
        attempts: how many times it was tried.
        where: host and process of the last attempt.
    """

    stage: str
    part: str
    error: str
    attempts: int
    where: str

    def __str__(self) -> str:
        return f"{self.stage}/{self.part}, {self.attempts} attempts, last on {self.where}: " + (
            self.error
        )


def write_failures(run: Path, stage: str, failures: Sequence[Failure]) -> None:
    """Keep the failures of one stage in place of those kept before.

    Args:
        run: the run's folder.
        stage: the stage's folder.
        failures: none, if all parts were made.
    """
    path = require_plain(Path(run) / FOLDER / f"{stage}.json", run)
    if failures:
        path.parent.mkdir(exist_ok=True)
        write_json(path, {"failures": [asdict(failure) for failure in failures]})
    else:
        path.unlink(missing_ok=True)


def read_failures(run: Path) -> list[Failure]:
    """What was given up and has not been made since, by stage and part."""
    failures = []
    for path in sorted((Path(run) / FOLDER).glob("[!.]*.json")):
        try:
            rows = read_json(require_plain(path, run), manifests.FailuresJson)["failures"]
            failures += [Failure(**row) for row in rows]
        except (OSError, ValueError, TypeError, RunRefused):
            continue  # removed meanwhile, or of another version: it is only a display
    return [
        failure
        for failure in failures
        if not has_part(Path(run) / "parts" / failure.stage, failure.part)
    ]
