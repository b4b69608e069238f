import json

import pandas as pd

from dashboard import charts, words


def rows(spec, name="value"):
    return [row for data in spec["datasets"].values() for row in data if name in row]


def test_bands_show_mean_interval_and_n():
    frame = pd.DataFrame({"layer": [0, 1], "series": "a", "mean": [1.0, 2], "low": [0.5, 1.5],
                          "high": [1.5, 2.5], "n": 7})
    text = json.dumps(charts.bands(frame, "nats").to_dict())
    assert '"95% from"' in text
    assert '"images"' in text
    assert '"legend": null' in text


def test_every_metric_of_the_tables_has_words():

    from store.schema import CAPTION_METRICS, LAYER_COLUMNS, TABLES

    metrics = {*LAYER_COLUMNS, *CAPTION_METRICS, *TABLES["head_stat"].columns}
    for metric in metrics - {"condition_id", "image_id", "layer", "head"}:
        assert words.word(metric).meaning, metric
    assert words.title("rouge_l", "final") == "ROUGE-L against the final caption"
    assert words.word("new_metric").label == "new metric"


def test_metrics_made_from_another_are_called_after_it():
    assert words.word("grounded_gain_rouge_l").label == "Grounded gain, ROUGE-L"
    assert words.word("grounding_onset_cider").label == "Grounding sets in, CIDEr"
    assert words.word("grounded_gain_new").label == "Grounded gain, new"


def test_bands_can_start_higher_and_name_every_layer():
    frame = pd.DataFrame({"layer": [10, 11, 12], "series": "a", "mean": 1.0, "low": 0.5,
                          "high": 1.5, "n": 7})
    x = charts.bands(frame, "nats", first=10).to_dict()["layer"][0]["encoding"]["x"]
    assert x["scale"]["domain"] == [10, 12]
    assert x["axis"]["values"] == [10, 11, 12]
    assert x["axis"]["tickCount"] == 3


def test_legends_stand_side_by_side_only_if_they_fit_a_phone():
    def columns(*series):
        frame = pd.DataFrame({"layer": 0, "series": series, "mean": 1.0, "low": 0.5, "high": 1.5,
                              "n": 7})
        return charts.bands(frame, "nats").to_dict()["layer"][0]["encoding"]["color"][
            "legend"]["columns"]

    assert columns("short", "names") == 2
    assert columns(*words.SERIES.values()) == 2
    assert columns("a name that goes on for long", "and another") == 1


def test_a_bar_of_settled_images_stands_on_its_layer():
    frame = pd.DataFrame({"layer": [2, 12], "n": [3, 4]})
    spec = charts.settled(frame, 12).to_dict()
    assert [(row["low"], row["high"], row["n"]) for row in rows(spec, "n")] == [
        (1.5, 2.5, 3), (11.5, 12.5, 4)]
    assert spec["encoding"]["x"]["axis"]["values"] == list(range(13))
