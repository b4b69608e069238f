"""Captions by readers against states translated by hand and the captioner asked one at a time."""

import numpy as np
import pytest
import torch

from precompute.config.translators import TranslatorsConfig
from precompute.estimate import describe
from precompute.estimate.workload import workload
from precompute.images import load_dataset, readable
from precompute.models import size_of, with_permuted_tower
from precompute.pipeline import train_translators
from precompute.runner.plan import plan_runs
from precompute.translators.passes import all_states
from precompute.translators.storage import FILE_NAME, read_translators
from store import open_run
from store.disk import read_run
from store.interventions import read_spec
from store.query import translators as reader_queries
from tests.precompute.brute_force import states

READERS = {
    "tuned", "tuned-bias", "tuned-others", "tuned-permuted", "tuned-untrained", "tuned-jacobian",
}  # fmt: skip


@pytest.fixture(scope="module")
def fitted(folder, captioner):
    weights = read_run(folder)["weights_sha256"]
    (stage,) = folder.glob("parts/translators.tuned-*")
    return {
        path.parent.name: read_translators(path, captioner.tower, weights)
        for path in stage.glob(f"*/{FILE_NAME}")
    }


@pytest.fixture(scope="module")
def tables(folder):
    with open_run(folder) as run:
        names = ("caption", "score", "condition", "curve", "change", "landmark")
        return {name: run.table(name) for name in names}


@pytest.fixture(scope="module")
def seen(with_translators, captioner):
    """Image -> its states in the tower as it is, by hooks, and in the permuted one."""
    permuted = with_permuted_tower(captioner, 0).tower
    with torch.no_grad():
        return {
            item.image_id: (
                states(captioner, captioner.pixels([picture])),
                all_states(permuted, captioner.pixels([picture])),
            )
            for item, picture in readable(load_dataset(with_translators.datasets[0]))
        }


def applied(value, layer, z, bias=False):
    """T(z), in numpy, of one image."""
    if layer == len(value.maps):
        return z
    one, z = value.maps[layer], z[0].double().numpy()
    offset = (one.shift if bias else one.offset).numpy()
    added = np.zeros_like(z) if bias else z @ one.matrix.double().numpy()
    rows = np.where(np.arange(len(z))[:, None] == 0, offset[0], offset[1])
    return torch.from_numpy(z + added + rows).float()[None]


def by_hand(reader, layer, image, seen, fitted, other):
    plain, permuted = seen[image]
    if reader == "tuned-others":
        return applied(fitted["tuned"], layer, seen[other[image]][0][layer])
    kind = reader.removeprefix("tuned-")
    if kind in ("permuted", "untrained"):
        return applied(fitted[kind], layer, permuted[layer])
    if kind == "jacobian":
        return applied(fitted["jacobian"], layer, plain[layer])
    return applied(fitted["tuned"], layer, plain[layer], bias=kind == "bias")


@pytest.fixture(scope="module")
def other(tables):
    """Who stands in for whom: each once, none for itself; told by what was said at the top."""
    captions = tables["caption"].set_index(["condition_id", "image_id", "layer"]).token_ids
    ids = sorted({image for _, image, _ in captions.index})
    from random import Random

    circle = list(ids)
    Random(3).shuffle(circle)
    pairs = dict(zip(circle, [*circle[1:], circle[0]], strict=True))
    for image, stand_in in pairs.items():
        mine = captions["tuned-others", image, 3]
        assert list(mine) == list(captions["baseline", stand_in, 3])
    return pairs


@pytest.mark.parametrize("reader", sorted(READERS))
def test_captions_equal_those_of_states_translated_by_hand(
    reader, tables, seen, fitted, other, captioner, config
):
    rows = tables["caption"].query("condition_id == @reader")
    final = tables["caption"].query("condition_id == 'baseline' and layer == 3")
    final = final.set_index("image_id").token_ids
    assert set(zip(rows.image_id, rows.layer, strict=True)) == {
        (image, layer) for image in seen for layer in range(4)
    }
    for row in rows.itertuples():
        state = by_hand(reader, row.layer, row.image_id, seen, fitted, other)
        with torch.no_grad():
            memory = captioner.read(state, config.decode.prompt)
            (ids,) = captioner.generate(memory, config.decode.generation)
            assert row.text == captioner.text(ids)
            asked = [ids], [final[row.image_id].tolist()]
            own, ending = (captioner.logprob(memory, some).item() for some in asked)
        assert (row.mean_logprob, row.final_logprob) == pytest.approx((own, ending), abs=2e-3)


def test_divergence_and_error_equal_a_loop(tables, seen, fitted, captioner, config):
    final = tables["caption"].query("condition_id == 'baseline' and layer == 3")
    final = final.set_index("image_id").token_ids
    rows = tables["score"].query("metric in ('final_kl', 'state_error')")
    assert set(rows.against) == {"final"}
    value = rows.set_index(["metric", "condition_id", "image_id", "layer"]).value
    readers = ("baseline", "tuned", "tuned-bias", "tuned-untrained", "tuned-jacobian")
    assert len(value) == len(seen) * 4 * (2 * len(readers) - 1)
    mean = fitted["tuned"].final_mean.double().numpy()

    def logprobs(state, ids):
        with torch.no_grad():
            logits = captioner.model.language_model(
                encoder_outputs=(captioner.read(state, config.decode.prompt).hidden,),
                decoder_input_ids=torch.tensor([[0, *ids[:-1]]]),
            ).logits[0]
        return logits.double().log_softmax(-1)

    for image, (plain, _) in seen.items():
        ids, last = list(final[image]), plain[3][0].double().numpy()
        top = logprobs(plain[3], ids)
        apart = np.square(last[:1] - mean[0]).sum() + np.square(last[1:] - mean[1]).sum()
        for reader in readers:
            for layer in range(4):
                state = plain[layer]
                if reader != "baseline":
                    state = by_hand(reader, layer, image, seen, fitted, {})
                    error = np.square(state[0].double().numpy() - last).sum() / apart
                    got = value["state_error", reader, image, layer]
                    assert got == pytest.approx(error, rel=2e-3, abs=1e-5)
                here = logprobs(state, ids)
                kl = sum(
                    float((p.exp() * (p - q)).sum()) for p, q in zip(top, here, strict=True)
                ) / len(ids)
                got = value["final_kl", reader, image, layer]
                assert got == pytest.approx(kl, abs=2e-3)


def test_they_are_conditions_like_others_but_change_nothing_of_the_model(tables, folder):
    conditions = tables["condition"].set_index("condition_id")
    assert set(conditions.index) == READERS | {"baseline"}
    for reader in READERS:
        row = conditions.loc[reader]
        assert row.kind == "reader" and len(row.layers) == 0
        assert "more, 6 images fit and" in row.source
        spec = read_spec(row.spec)["reader"]
        assert (spec["of"], spec["dataset"]) == ("tuned", "more")
        assert spec["reader"] == reader.removeprefix("tuned-")
        assert len(spec["penalty"]) == {"jacobian": 0, "untrained": 4}.get(spec["reader"], 3)
    curves = tables["curve"]
    assert set(curves.query("metric == 'exact' and against == 'final'").condition_id) >= READERS
    assert set(curves.query("metric == 'uniqueness'").condition_id) >= READERS, "of all images"
    assert not READERS & set(tables["change"].condition_id)
    with open_run(folder) as run:
        assert set(reader_queries.readers(run).condition_id) == READERS
        gains = reader_queries.gains(run, "tuned")
    assert set(gains.versus) == {"baseline", "bias", "others", "permuted", "untrained", "zero"}
    assert set(gains.layer) == {0, 1, 2} and gains.low.isna().all(), "five images are too few"
    assert not reader_queries.unread(gains).present.any()


def test_a_plan_counts_what_is_decoded_and_kept(with_translators, tables, tmp_path):
    size = size_of(with_translators.model)
    work = {one.stage: one for one in workload(with_translators, "tiny", size, 5, 0)}
    rows = tables["caption"]
    made = rows[rows.condition_id.isin(READERS)]
    copied = made[made.condition_id.isin(("tuned", "tuned-bias", "tuned-jacobian"))]
    copied = copied[copied.layer == 3]
    assert work["readers.tuned"].captions == len(made) - len(copied) == 5 * 21
    # Each kind's towers see all eight images; the lens the six that fit, and a pass there and
    # back for each of 32 coordinates.
    assert work["translators.tuned"].passes == (1 + 1 + 2) * 8 + 6 + 1 + 2 * 32
    assert work["native_reading"].forced == 5 * 5
    own = with_translators.translators[0].model_copy(update={"images_of": "", "n": 5})
    config = with_translators.model_copy(update={"translators": (own,)})
    work = {one.stage: one for one in workload(config, "tiny", size, 5, 0)}
    assert work["readers.tuned"].captions == 2 * 21, "two of five fit and one chooses"
    assert "of rank full are fitted: float64 sums" in describe(with_translators, tmp_path)


def parts(folder):
    return {
        path: path.stat().st_mtime_ns
        for path in folder.glob("parts/*/*/part.json")
        if not path.parent.parent.name.startswith("score")
    }


def test_those_of_one_run_serve_another(
    folder, with_translators, execute_into, tmp_path, captioner
):
    """Fitted on the run's own images they are read by the others alone; `fitted` reads a folder."""
    own = TranslatorsConfig(name="own", n=6, beside=("others",))
    config = with_translators.model_copy(update={"translators": (own,)})
    first = execute_into(tmp_path / "a", config)
    with open_run(first) as run:
        read = set(run.table("caption", "condition_id = 'own'").image_id)
        assert set(run.table("condition").condition_id) == {"baseline", "own", "own-others"}
        assert "own" not in set(run.table("curve", "metric = 'uniqueness'").condition_id)
    (stage,) = first.glob("parts/translators.own-*")
    identity = read_translators(
        stage / "tuned" / FILE_NAME, captioner.tower, read_run(first)["weights_sha256"]
    ).identity
    every = {item.image_id for item, _ in readable(load_dataset(config.datasets[0]))}
    assert read == every - {*identity.fit, *identity.choose}
    # Nothing of it is made twice; and a run that names the folder reads as that one does.
    before = parts(first)
    execute_into(tmp_path / "a", config)
    assert parts(first) == before
    again = own.model_copy(update={"fitted": str(stage)})
    second = execute_into(tmp_path / "b", config.model_copy(update={"translators": (again,)}))
    assert not list(second.glob("parts/translators.*"))
    with open_run(first) as one, open_run(second) as two:
        captions = [
            run.table("caption", "condition_id = 'own'").sort_values(["image_id", "layer"])
            for run in (one, two)
        ]
    assert captions[0].text.tolist() == captions[1].text.tolist() != []


def test_they_are_fitted_alone_on_demand(with_translators, execute_into, tmp_path):
    config = with_translators.model_copy(
        update={"translators": (TranslatorsConfig(images_of="more", rank=3, beside=("bias",)),)}
    )
    run = execute_into(tmp_path, config, train_translators)
    assert [path.parent.name for path in run.glob("parts/*/*/part.json")] == ["tuned"]
    (plan, _) = plan_runs(config)
    assert run.name == plan.run_id
    odd = config.model_copy(update={"translators": (TranslatorsConfig(images_of="nowhere"),)})
    with pytest.raises(ValueError, match="got 'nowhere'"):
        execute_into(tmp_path, odd, train_translators)
