"""ImageNet-val in every layout that people have it in."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io

from precompute.images import imagenet_classes

WNID = {
    "ILSVRC2012_val_00000001": "n02056570",
    "ILSVRC2012_val_00000002": "n01440764",
    "ILSVRC2012_val_00000003": "n02056570",
    "ILSVRC2012_val_00000004": "n15075141",
}
LABELS = ["king penguin", "tench", "king penguin", "toilet tissue"]
# The devkit numbers classes in an order of its own, inner synsets after the 1,000 leaves.
DEVKIT_ID = {"n02056570": 3, "n15075141": 1, "n01440764": 2, "n00001740": 1001}


def placeless(items):
    """Pictures without where they lie, which differs between layouts."""
    return [dataclasses.replace(item, source="") for item in items]


def flat_with_wnids(root, bytes_of):
    root.mkdir(parents=True)
    for image_id, wnid in reversed(WNID.items()):
        (root / f"{image_id}_{wnid}.JPEG").write_bytes(bytes_of(image_id))


def flat(root, bytes_of):
    root.mkdir(parents=True)
    for image_id in WNID:
        (root / f"{image_id}.JPEG").write_bytes(bytes_of(image_id))


def devkit(folder):
    folder.mkdir(parents=True)
    truth = "".join(f"{DEVKIT_ID[wnid]}\n" for wnid in WNID.values())
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(truth)
    synsets = np.zeros(
        (len(DEVKIT_ID), 1),
        dtype=[
            (name, object)
            for name in ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children")
        ],
    )
    for k, (wnid, number) in enumerate(DEVKIT_ID.items()):
        synsets[k, 0] = (
            float(number),
            wnid,
            "words",
            "gloss",
            float(number > 1000),
            np.array([1.0, 2.0]) if number > 1000 else np.array([]),
        )
    scipy.io.savemat(folder / "meta.mat", {"synsets": synsets})


def flat_beside_devkit(root, bytes_of):
    flat(root, bytes_of)
    devkit(root.parent / "ILSVRC2012_devkit_t12" / "data")


def flat_in_val_with_devkit(root, bytes_of):
    flat(root / "val", bytes_of)
    devkit(root / "ILSVRC2012_devkit_t12" / "data")


def wnid_folders(root, bytes_of):
    for image_id, wnid in WNID.items():
        (root / "val" / wnid).mkdir(parents=True, exist_ok=True)
        (root / "val" / wnid / f"{image_id}.JPEG").write_bytes(bytes_of(image_id))
    (root / "val" / "n01443537").mkdir()


def parquet(root, bytes_of, named=True, features=None):
    """As the hub has it: rows in any order, names of pictures with wnids, small row groups."""
    (root / "data").mkdir(parents=True)
    order = [
        "ILSVRC2012_val_00000003",
        "ILSVRC2012_val_00000001",
        "ILSVRC2012_val_00000004",
        "ILSVRC2012_val_00000002",
    ]
    rows = [
        {
            "image": {"bytes": bytes_of(i), "path": f"{i}_{WNID[i]}.JPEG" if named else None},
            "label": imagenet_classes.wnids().index(WNID[i]),
        }
        for i in order
    ]
    for k, part in enumerate((rows[:3], rows[3:])):
        table = pa.Table.from_pylist(part)
        if features:
            table = table.replace_schema_metadata(
                {"huggingface": json.dumps({"info": {"features": features}})}
            )
        pq.write_table(
            table, root / "data" / f"validation-0000{k}-of-00002.parquet", row_group_size=2
        )
    pq.write_table(pa.Table.from_pylist(rows), root / "data" / "train-00000-of-00001.parquet")


def parquet_with_names(root, bytes_of):
    """With the class names that Hugging Face's `datasets` notes in the file."""
    names = [
        ", ".join(imagenet_classes.class_names(None)[wnid]) for wnid in imagenet_classes.wnids()
    ]
    parquet(root, bytes_of, features={"label": {"names": names, "_type": "ClassLabel"}})


LAYOUTS = {
    flat_with_wnids: "flat, with wnids in the names",
    flat_beside_devkit: "flat, with the devkit's ground truth",
    flat_in_val_with_devkit: "flat, with the devkit's ground truth",
    wnid_folders: "4 folders, one a wnid",
    parquet: "2 parquet files",
    parquet_with_names: "2 parquet files",
}
