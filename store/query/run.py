"""The reader's door: one run, read-only, at one generation."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from store.disk import list_runs, read_run
from store.errors import ImageNotFound, PartDamaged, QueryTooLong, RunNotFound, TableNotFound
from store.parts import (
    ImageTensors,
    read_part,
    table_named,
    tensors,
    token_attention,
    word_maps,
)
from store.query import database
from store.query.database import connect, connect_at

_PART = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""What a table may name as a part: a file that somebody sent names no file elsewhere."""
Params = Sequence[Any] | Mapping[str, Any]


class Run:
    """A published run at one generation; made by `open_run`.

    Safe to use from several threads: every query has a cursor of its own. It goes on reading its
    generation when newer ones are published.

    Attributes:
        path: the run's folder.
        generation: number of the generation, for cache keys.
        info: run.json.
    """

    def __init__(self, path: Path, generation: int | None = None) -> None:
        self.path = path
        self.info = read_run(path)
        if generation is None:
            self.generation, self._con = connect(path)
        else:
            self.generation, self._con = generation, connect_at(path, generation)

    @property
    def run_id(self) -> str:
        """The run's name in full."""
        return self.path.name

    @property
    def class_token(self) -> bool:
        """Whether the tower has a class token; it decides which statistics there are."""
        return bool(self.info["class_token"])

    def sql(self, query: str, params: Params | None = None) -> pd.DataFrame:
        """The result of a query; it can read this run's tables and nothing else.

        Args:
            query: DuckDB SQL, with ``?`` or ``$name`` for values.
            params: the values.

        Raises:
            QueryTooLong: it is not answered within a minute.
            duckdb.Error: as DuckDB says it.
        """
        with self._con.cursor() as cursor:
            try:
                return cursor.execute(query, params).df()
            except duckdb.InterruptException as error:
                raise QueryTooLong(
                    f"a query must be answered within {database.SECONDS:.0f} s; this one was not. "
                    "Ask for fewer images or layers."
                ) from error

    def table(
        self,
        name: str,
        where: str | None = None,
        params: Params | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """A table, or some rows of it.

        Args:
            name: a table of the schema.
            where: an SQL condition, with ``?`` for values.
            params: the values.
            limit: at most so many rows.

        Raises:
            TableNotFound: no such table.
            duckdb.Error: the condition is not SQL.
        """
        table_named(name)
        condition = f" WHERE {where}" if where else ""
        end = "" if limit is None else f" LIMIT {int(limit)}"
        try:
            return self.sql(f"SELECT * FROM {name}{condition}{end}", params)
        except duckdb.CatalogException as error:
            if name in self.tables():
                raise
            raise TableNotFound(
                f"{self.run_id} must have table {name}; its generation {self.generation} has "
                f"{', '.join(self.tables())}. Publish it again."
            ) from error

    def tables(self) -> list[str]:
        """The names of the tables that the published file has."""
        with self._con.cursor() as cursor:
            return [str(row[0]) for row in cursor.execute("SHOW TABLES").fetchall()]

    def tensors(self, image_id: str) -> ImageTensors:
        """The arrays of an image.

        Raises:
            ImageNotFound: no such image, or no arrays of it.
        """
        part, row = self._place(image_id)
        return self._read(self.path / "parts" / part / tensors.TENSORS_FILE, row, image_id)

    def condition_tensors(self, image_id: str, condition_id: str) -> ImageTensors | None:
        """The arrays of an image as an edited model made them.

        Args:
            image_id: the image.
            condition_id: a condition, not the baseline.

        Returns:
            The arrays; None if the run did not keep any under this condition.

        Raises:
            ImageNotFound: no such image.
        """
        part, row = self._place(image_id)
        # A stage's parts hold the images of the capture's part of the same name, in its order.
        file = Path(part).name, tensors.condition_file(condition_id)
        for stage in self.info.get("stages", {}).values():
            path = self.path.joinpath("parts", stage, *file)
            if path.exists():
                return self._read(path, row, image_id)
        return None

    def _read(self, path: Path, row: int, image_id: str) -> ImageTensors:
        size = [self.info.get(name) or 0 for name in ("n_layers", "n_heads", "grid_h", "grid_w")]
        n_tokens = size[2] * size[3] + self.class_token
        shape = (size[0], size[1], n_tokens) if all(size) else None
        image = tensors.read_image(path, row, shape, self.class_token)
        if image.grid is None:
            image = replace(image, grid=self._grid())
        if image.image_id != image_id:
            raise ImageNotFound(
                f"row {row} of {path} must be {image_id!r}; got {image.image_id!r}: the parts "
                "changed after they were published. Publish again."
            )
        return image

    def _grid(self) -> tuple[int, int] | None:
        """The run's grid, where images have none of their own; None where nothing says it."""
        with self._con.cursor() as cursor:
            known = cursor.execute("SELECT grid_h, grid_w FROM run").fetchone() or (None, None)
        rows, columns = (
            self.info.get(k) or v for k, v in zip(("grid_h", "grid_w"), known, strict=True)
        )
        return (int(rows), int(columns)) if rows and columns else None

    def token_attention(self, image_id: str) -> NDArray[np.float16] | None:
        """What every token of an image attends to, mean over heads.

        Returns:
            [L, N+1, N+1]: of each layer, row i is what token i gives to every token (0 is CLS);
            rows sum to 1. Without a class token [L, N, N], patches alone. None if the run did not
            keep it for this image.

        Raises:
            ImageNotFound: no such image.
        """
        part, _ = self._place(image_id)
        stage = self.info.get("stages", {}).get(token_attention.STAGE)
        if stage is None:
            return None
        # A stage's parts are named like the capture's, and only those with chosen images exist.
        name = part.rpartition("/")[2]
        path = self.path / "parts" / stage / name / token_attention.FILE_NAME
        return token_attention.read(path, image_id) if path.exists() else None

    def word_maps(self, image_id: str, layer: int) -> word_maps.WordMaps | None:
        """Which patches and heads carry each word of an image's caption.

        Args:
            image_id: the image.
            layer: whose caption.

        Returns:
            None if the run did not follow that caption's words.

        Raises:
            ImageNotFound: no such image.
        """
        part, _ = self._place(image_id)
        stage = self.info.get("stages", {}).get(word_maps.STAGE)
        if stage is None:
            return None
        # As of `token_attention`: parts are named like the capture's.
        name = part.rpartition("/")[2]
        path = self.path / "parts" / stage / name / word_maps.FILE_NAME
        return word_maps.read(path, image_id, layer) if path.exists() else None

    def is_transparent(self, image_id: str) -> bool:
        """Whether the model saw colours of a picture that its transparency hides from an eye.

        Raises:
            ImageNotFound: no such image.
            PartDamaged: its part is not there.
        """
        part, _ = self._place(image_id)
        known = read_part(self.path / "parts" / part).manifest["meta"].get("transparent")
        return isinstance(known, list) and image_id in known

    def _place(self, image_id: str) -> tuple[str, int]:
        """An image's part of the capture, and its row in there."""
        with self._con.cursor() as cursor:
            rows = cursor.execute(
                "SELECT part, row_in_part FROM image WHERE image_id = ?", [image_id]
            ).fetchall()
        if not rows:
            raise ImageNotFound(
                f"image must be one of run {self.run_id}; got {image_id!r}. Table image lists them."
            )
        part, row = rows[0]
        if not (isinstance(part, str) and _PART.fullmatch(part) and isinstance(row, int)):
            raise PartDamaged(
                f"image {image_id!r} must be in a part of {self.run_id}, stage/part; got {part!r}: "
                "these tables were not made from its parts. Publish again."
            )
        return str(part), int(row)

    def picture(self, image_id: str) -> Image.Image:
        """The picture as the model saw it, RGB.

        Raises:
            ImageNotFound: no such image, or no arrays of it.
        """
        # A JPEG of bounded size: that was seen to when it was read.
        return Image.open(io.BytesIO(self.tensors(image_id).model_input)).convert("RGB")

    def close(self) -> None:
        """Let go of the published file; twice does no harm."""
        self._con.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Run({self.run_id!r}, generation={self.generation})"


def open_run(run_or_results: Path | str, name: str | None = None) -> Run:
    """Open a run for reading.

    Args:
        run_or_results: a run's folder, or the folder of all runs.
        name: which one, of the folder of all runs: its name, or its data set's. May be left out if
            there is only one.

    Returns:
        The run at its current generation; close it, or use ``with``.

    Raises:
        RunNotFound: no such run, or several that fit.
        NotPublished: it has no published tables yet.

    >>> from store import open_run
    >>> with open_run("results", "whoops") as run:
    ...     captions = run.table("caption", "condition_id = ? AND layer = ?", ["baseline", 2])
    ...     first = captions.image_id[0]
    ...     layers, heads, tokens = run.tensors(first).attention.shape
    >>> list(captions.columns[:4])
    ['condition_id', 'image_id', 'layer', 'text']
    >>> layers == run.info["n_layers"]
    True
    """
    return Run(find_run(Path(run_or_results), name))


def open_generation(run: Path, number: int) -> Run:
    """Open a run at one generation, whichever is the current one.

    Args:
        run: its folder.
        number: of the generation; 0 is that of a copy whose `results.duckdb` is no link.

    Raises:
        NotPublished: that generation is gone.
    """
    return Run(run, number)


def find_run(folder: Path, name: str | None = None) -> Path:
    """The folder of a run; see `open_run`."""
    if name is None and (folder / "run.json").is_file():
        return folder
    runs = list_runs(folder)
    if name is None:
        fitting = runs
    else:
        exact = [run for run in runs if run.name == name]
        # Of the others run.json is not read: one that is damaged does not stand in the way.
        alike = [run for run in runs if run.name.startswith(f"{name}-")]
        fitting = exact or [run for run in alike if read_run(run).get("dataset") == name]
    if len(fitting) == 1:
        return fitting[0]
    wanted = "one run" if name is None else f"one run named {name!r}"
    raise RunNotFound(
        f"expected {wanted} in {folder}; got {', '.join(run.name for run in fitting) or 'none'} "
        f"of {', '.join(run.name for run in runs) or 'none'}. Name one, or make one: `make demo`."
    )
