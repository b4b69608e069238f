"""WHOOPS in every layout that it is in the field in."""

import csv
import dataclasses
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

CAPTIONS = ["a snowman in the desert", "a man of snow, on sand", 'it says "snow"', "ü", "five"]


def placeless(items):
    """Pictures without where they lie, which differs between layouts."""
    return [dataclasses.replace(item, source="") for item in items]


def row(image_id, **changes):
    return {
        "image_id": image_id,
        "image_designer": "somebody",
        "designer_explanation": "It would melt.",
        "selected_caption": "a snowman",
        "crowd_captions": [*CAPTIONS, image_id],
        "crowd_explanations": ["hot"],
        "question_answering_pairs": [["what is it?", "a snowman"]],
        "commonsense_category": "physics",
        **changes,
    }


ROWS = [row("b-2"), row("a-1", commonsense_category="biology"), row("c-3")]


def write_csv(path, rows):
    texts = [{k: json.dumps(v) if isinstance(v, list) else v for k, v in r.items()} for r in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(texts[0]))
        writer.writeheader()
        writer.writerows(texts)


def image_folder(root, bytes_of, inner="test", rows=ROWS):
    folder = root / inner
    write_csv(folder / "metadata.csv", [{"file_name": f"{r['image_id']}.png", **r} for r in rows])
    for r in rows:
        (folder / f"{r['image_id']}.png").write_bytes(bytes_of(r["image_id"]))


def bare_folder(root, bytes_of):
    image_folder(root, bytes_of, inner=".")


def old_zip(root, bytes_of, inner="whoops_images/", rows=ROWS):
    write_csv(root / "whoops_dataset.csv", rows)
    with zipfile.ZipFile(root / "whoops_images.zip", "w") as archive:
        for r in rows:
            archive.writestr(f"{inner}{r['image_id']}.png", bytes_of(r["image_id"]))


def flat_zip(root, bytes_of):
    old_zip(root, bytes_of, inner="")


def old_unpacked(root, bytes_of, rows=ROWS):
    old_zip(root, bytes_of, rows=rows)
    zipfile.ZipFile(root / "whoops_images.zip").extractall(root)


def parquet(root, bytes_of, column=lambda value: value):
    (root / "data").mkdir(parents=True)
    rows = [
        {
            **{k: column(v) if isinstance(v, list) else v for k, v in r.items()},
            "image": {"bytes": bytes_of(r["image_id"]), "path": None},
        }
        for r in ROWS
    ]
    for k, part in enumerate((rows[:2], rows[2:])):
        pq.write_table(
            pa.Table.from_pylist(part),
            root / "data" / f"test-0000{k}-of-00002.parquet",
            row_group_size=1,
        )
    pq.write_table(pa.Table.from_pylist(rows[:1]), root / "data" / "train-00000-of-00001.parquet")


def parquet_of_json(root, bytes_of):
    parquet(root, bytes_of, json.dumps)


LAYOUTS = {
    image_folder: "image folder (metadata.csv)",
    bare_folder: "image folder (metadata.csv)",
    old_zip: "whoops_dataset.csv and whoops_images.zip",
    flat_zip: "whoops_dataset.csv and whoops_images.zip",
    old_unpacked: "whoops_dataset.csv and whoops_images/",
    parquet: "2 parquet files",
    parquet_of_json: "2 parquet files",
}
