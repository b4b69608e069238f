"""`python -m dashboard.report RUN`: a run as one HTML file that needs no server and no network."""

import argparse
import base64
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dashboard.captions import text as caption_text
from dashboard.charts import maps, pruning_tables
from dashboard.figures import believed, files, film_strip, patching, robustness
from dashboard.figures import paper as paper_figures
from dashboard.figures import translators as reader_figures
from dashboard.figures.paper import About, Ask, Figure
from dashboard.names import metrics, provenance
from store import Run, open_run
from store.disk import results_folder
from store.errors import StoreError
from store.query import conditions as condition_queries
from store.query import judges as judge_queries
from store.query import one_image as one_image_queries
from store.schema import BASELINE

FIRST_IMAGES = 4
"""Pictures of a report that nobody chose pictures for."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def report(run: Run, images: Sequence[str] = (), paper: bool = False) -> str:
    """A run's figures, some pictures' film strips, and its provenance, as HTML.

    Everything is in the file, and its policy forbids a browser to fetch anything. Pictures are
    images of their own, so that what their text says is never part of the page.

    Args:
        run: an open run.
        images: whose film strips; the first ones if none are named.
        paper: number layers as the paper does, one less than here.

    Raises:
        ImageNotFound: an image that the run does not have.
    """
    ask, about = partial(_ask, run), About(run.run_id, paper=paper, class_token=run.class_token)
    chosen = list(images) or [
        str(name)
        for name in run.table("image", "true ORDER BY image_id", limit=FIRST_IMAGES)["image_id"]
    ]
    shown, absent = _figures(run, ask, about, chosen)
    return _TEMPLATES.get_template("report.html").render(
        run=run.run_id,
        paper=paper,
        n_images=int(run.sql("SELECT count(*) AS n FROM image")["n"][0]),
        chosen=bool(images),
        tower=about.tower,
        facts=provenance.facts(run.info),
        generation=run.generation,
        certificate=metrics.certificate(run.info.get("parity"))[0],
        checks=(run.info.get("parity") or {}).get("checks") or [],
        figures=[_embedded(figure) for figure in shown],
        absent=absent,
        pictures=[_picture(run, image_id, about) for image_id in chosen],
    )


def _ask(run: Run, query: Any, *values: object) -> pd.DataFrame:
    frame: pd.DataFrame = query(run, *values)
    return frame


def _figures(
    run: Run, ask: Ask, about: About, chosen: Sequence[str]
) -> tuple[list[Figure], list[str]]:
    """The figures that the run has, in the paper's order, and what to do for the others."""
    judges = ask(judge_queries.judges, BASELINE)["judge"]
    layers = ask(condition_queries.layers_with_head_captions)["layer"]
    candidates: dict[str, list[Figure | None]] = {
        "figure2": [paper_figures.figure2(ask, about)],
        "figure3": [*paper_figures.figure3(ask, about)],
        "figure5": [paper_figures.figure5(ask, about, str(judge)) for judge in judges],
        "figure6": [_heads(run, ask, about, chosen[0], int(layers.max()))]
        if len(layers) and chosen
        else [],
        "table1": [*paper_figures.table1(ask, about)],
        "readers": [
            figure
            for name in reader_figures.names(ask)
            for figure in reader_figures.reading(ask, about, name)
        ],
        "maps": [*believed.figures(ask, about)],
        "robustness": [*robustness.robustness(ask, about)],
        "patching": [patching.patching(ask, about)],
    }
    absent = paper_figures.ABSENT | {"readers": reader_figures.ABSENT}
    shown = {name: [one for one in several if one] for name, several in candidates.items()}
    return (
        [one for several in shown.values() for one in several],
        [absent[name] for name, several in shown.items() if not several and name in absent],
    )


def _heads(run: Run, ask: Ask, about: About, image_id: str, layer: int) -> Figure:
    tensors = run.tensors(image_id)
    return paper_figures.figure6_of(
        ask, about, image_id, layer, tensors, maps.grid_of(tensors), _captions(run, image_id)
    )


def _captions(run: Run, image_id: str) -> dict[int, str]:
    return caption_text.by_layer(one_image_queries.captions(run, image_id, BASELINE))


def _embedded(figure: Figure) -> dict[str, Any]:
    """A figure as the template takes it: picture and numbers as data URLs."""
    frame = figure.frame
    table = pruning_tables.readable(frame) if figure.chart is None else None
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "svg": None if figure.chart is None else _url("image/svg+xml", files.svg(figure.chart)),
        "csv": _url("text/csv", frame.to_csv(index=False)),
        "columns": [] if table is None else list(table.columns),
        "rows": []
        if table is None
        else [[_cell(value) for value in row] for row in table.itertuples(index=False)],
    }


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _picture(run: Run, image_id: str, about: About) -> dict[str, Any]:
    tensors, captions = run.tensors(image_id), _captions(run, image_id)
    row = one_image_queries.image_row(run, image_id).iloc[0]
    layers = film_strip.turning_points(captions)
    grid, legend = maps.grid_of(tensors), about.tower.legend
    strip = film_strip.film_strip(tensors, captions, layers, grid, legend=legend, paper=about.paper)
    return {
        "image_id": image_id,
        "svg": _url("image/svg+xml", strip),
        "references": [str(text) for text in row["refs"]],
        "captions": [
            (layer - about.paper, text)
            for layer, text in sorted(captions.items())
            if layer >= about.paper
        ],
    }


def _url(mime: str, text: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(text.encode()).decode()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; the exit code."""
    parser = argparse.ArgumentParser(
        "python -m dashboard.report",
        description=("Write a run's figures, film strips and provenance into one HTML file."),
    )
    parser.add_argument("run", help="its name, with or without the hash")
    parser.add_argument("-o", "--output", type=Path, help="the file; RUN.html if not given")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="ID",
        help=(
            f"a picture with a film strip, once a picture; the first {FIRST_IMAGES} if not given"
        ),
    )
    parser.add_argument(
        "--paper-numbers", action="store_true", help="number layers as the paper does, from 0"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=results_folder(),
        help="the folder of all runs; PEEL_RESULTS, or results",
    )
    asked = parser.parse_args(arguments)
    try:
        with open_run(asked.results, asked.run) as run:
            text = report(run, asked.image, asked.paper_numbers)
            output = asked.output or Path(f"{run.run_id}.html")
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    output.write_text(text, encoding="utf-8")
    print(f"{output}: {len(text.encode()) / 1e6:.1f} MB, of {run.run_id} in {asked.results}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
