"""Where the stories of a broken picture and the clean one part, against a plain loop."""

import itertools

import numpy as np

from store import open_run
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from store.text import normalise
from tests.synthetic import begin_run, image_id

TEXTS = ("a cat", "A  cat.", "a dog", "")


def captions(condition, stories, layers):
    return [
        {"condition_id": condition, "image_id": image_id(i), "layer": layer, "text": story[layer]}
        for i, story in enumerate(stories)
        for layer in layers
    ]


def test_it_is_the_first_layer_whose_caption_differs(tmp_path):
    clean = list(itertools.product(TEXTS, repeat=2))
    stories = {
        "fog@3": [tuple(reversed(story)) for story in clean],
        "fog@5": [(one, "a bird") for one, _ in clean],
        "fog@1": clean,
    }
    run = begin_run(tmp_path, "d", 1, 1, (1, 1), 0)
    with write_part(stage_folder(run, "capture", {}), "p0") as part:
        part.table("image", [{"image_id": image_id(i)} for i in range(len(clean))])
        part.table("caption", captions("baseline", clean, range(2)))
    with write_part(stage_folder(run, "sweep.x", {}), "p0") as part:
        every = [row for c, told in stories.items() for row in captions(c, told, range(2))]
        part.table("caption", every + captions("skip:1", clean, [1]))
    publish(run)
    with open_run(run) as opened:
        stat = opened.table("image_stat", "metric = 'divergence_layer'")
        lasting = opened.table("image_stat", "metric = 'lasting_divergence_layer'")
    assert set(stat.condition_id) == set(stories)  # not of the last layer alone
    assert len(stat) == 3 * len(clean)
    ids = [image_id(k) for k in range(len(clean))]

    def differ(row):
        pairs = zip(
            stories[row.condition_id][ids.index(row.image_id)],
            clean[ids.index(row.image_id)],
            strict=True,
        )
        return [normalise(one) != normalise(other) for one, other in pairs]

    for row in stat.itertuples():
        first = next((layer for layer in range(2) if differ(row)[layer]), None)
        assert (None if np.isnan(row.value) else row.value) == first
    assert len(lasting) == 3 * len(clean)
    for row in lasting.itertuples():
        from_here = next((layer for layer in range(2) if all(differ(row)[layer:])), None)
        assert (None if np.isnan(row.value) else row.value) == from_here
    assert lasting.value.nunique() == 2
