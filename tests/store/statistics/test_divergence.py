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
    assert set(stat.condition_id) == set(stories)  # not of the last layer alone
    assert len(stat) == 3 * len(clean)
    for row in stat.itertuples():
        i = [image_id(k) for k in range(len(clean))].index(row.image_id)
        apart = [
            layer
            for layer in range(2)
            if normalise(stories[row.condition_id][i][layer]) != normalise(clean[i][layer])
        ]
        assert (None if np.isnan(row.value) else row.value) == (apart[0] if apart else None)
