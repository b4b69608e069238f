"""What run.json and the files beside it have to say, held against them when they are read."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=255)]
"""Of a stage's or part's folder, or of a file in it: it names nothing elsewhere."""
Count = Annotated[int, Field(ge=0, le=2**62)]


class Manifest(BaseModel):
    """A JSON file of a run; what a model does not name is let through and not used."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Check(Manifest):
    """A check of the certificate."""

    name: str
    passed: bool
    value: float | None = None
    bound: float | None = None
    detail: str | None = None


class Certificate(Manifest):
    """What the run's first batch gave, beside the library."""

    passed: bool | None = None
    accepted_mismatch: bool | None = None
    checks: list[Check] | None = None


class RunJson(Manifest):
    """run.json."""

    schema_version: int | None = None
    created_at: str | None = None
    model: str | None = None
    backend: str | None = None
    weights_sha256: str | None = None
    dataset: str | None = None
    dataset_sha256: str | None = None
    n_layers: int | None = Field(None, ge=1, le=1000)
    n_heads: int | None = Field(None, ge=1, le=1000)
    grid_h: int | None = Field(None, ge=1, le=1000)
    grid_w: int | None = Field(None, ge=1, le=1000)
    class_token: bool = True
    prompt: str | None = None
    config: dict[str, Any] | None = None
    stages: dict[Name, Name] = {}
    parity: Certificate | None = None


class Sidecar(Manifest):
    """What a generation was built from."""

    fingerprint: str
    parts: dict[Name, dict[Name, str]]
    rows: dict[str, Count]
    seconds: float = Field(ge=0)
    published_at: float
    bytes: dict[Name, Count] = {}
    sha256: str | None = None


class OwnerJson(Manifest):
    """A process."""

    host: str
    pid: int
    start: int


class MakingJson(BaseModel):
    """What one process makes of the runs of a folder."""

    model_config = ConfigDict(extra="forbid")

    runs: Annotated[list[Name], Field(max_length=1000)]
    arguments: Annotated[list[Annotated[str, Field(max_length=10_000)]], Field(max_length=1000)]
    run: Annotated[str, Field(max_length=255)]
    stage: Annotated[str, Field(max_length=255)]
    done: Count
    total: Count
    unit: Annotated[str, Field(max_length=40)]
    seconds_left: Annotated[float, Field(ge=0, le=1e12)] | None
    at_least: bool
    ready: Annotated[list[Name], Field(max_length=1000)]
    ended: Annotated[str, Field(max_length=10_000)] | None
    began_at: float
    updated_at: float
    host: Annotated[str, Field(max_length=255)]
    owner: OwnerJson


class FileJson(Manifest):
    """A file of a part."""

    rows: Count | None
    bytes: Count
    sha256: str


class PartJson(Manifest):
    """part.json."""

    schema_version: int
    stage: str | None = None
    name: str | None = None
    created_at: str | None = None
    expects: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    files: dict[Name, FileJson]


class CompleteJson(Manifest):
    """The parts that make up a stage that is done."""

    parts: list[Name]


class SettingsJson(Manifest):
    """What a stage was made with."""

    settings: dict[str, Any]


class FailureJson(Manifest):
    """A part that was given up."""

    stage: Name
    part: Name
    error: str
    attempts: int
    where: str


class FailuresJson(Manifest):
    """All parts of a stage that were given up."""

    failures: list[FailureJson]
