"""What every section of a configuration is made of: frozen, of known keys and bounded numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A section: what it does not know is refused, and so are infinities and NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Of a random draw; no generator takes larger ones."""

DatasetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
ExperimentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
"""Names of folders are made of them, with what else identifies a run or a stage; a folder's name
has 255 bytes at most."""
