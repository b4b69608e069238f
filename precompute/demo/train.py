"""Train the demo captioner, or measure it: `python -m precompute.demo.train`."""

import argparse
import logging
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from transformers import InstructBlipForConditionalGeneration, InstructBlipProcessor

from precompute.demo import evaluate, layer_captions, sprites
from precompute.demo.batches import draw_batch
from precompute.demo.sprites import Sprite
from precompute.demo.trainer import Settings, Trainer

HERE = Path(__file__).parent
CHECKPOINT = HERE / "checkpoint"
STATE = HERE / ".training" / "state.pt"
log = logging.getLogger(__name__)


def train(
    settings: Settings, resume: bool, state: Path = STATE, further: Path | None = None
) -> None:
    """Train until the time is spent, keeping the best checkpoint on held-out scenes.

    Args:
        settings: What decides the run.
        resume: Whether to go on where `state` was left.
        state: Where a run is kept.
        further: A checkpoint whose weights are trained on, in place of fresh ones.
    """
    trainer = Trainer(settings)
    book = sprites.load()
    if resume and state.exists():
        trainer.load(state)
    elif further:
        trainer.take_weights(further)
        keep_if_better(trainer, book)
    rng = np.random.default_rng([settings.seed, trainer.step])
    saved = evaluated = trainer.spent
    with ThreadPoolExecutor(1) as ahead:
        draw = partial(draw_batch, settings.batch, book, trainer.processor, rng)
        upcoming = ahead.submit(draw)
        while trainer.spent < settings.hours * 3600:
            begun = time.monotonic()
            batch, upcoming = upcoming.result(), ahead.submit(draw)
            parts = trainer.advance(batch)
            trainer.spent += time.monotonic() - begun
            if trainer.step % 20 == 0:
                shown = "  ".join(f"{name} {value:.3f}" for name, value in parts.items())
                log.info("step %d  %.0f s  %s", trainer.step, trainer.spent, shown)
            if trainer.spent - saved > 180:
                saved = trainer.spent
                trainer.save(state)
            if trainer.spent - evaluated > 600:
                begun, evaluated = time.monotonic(), trainer.spent
                keep_if_better(trainer, book)
                trainer.spent += time.monotonic() - begun
    keep_if_better(trainer, book)
    trainer.save(state)


def further_settings(hours: float) -> Settings:
    """Settings for training on from the checkpoint, for `hours`.

    At full rates the first half of the time only wins back what they undo: they are 0.4 of
    those of a fresh run. Pictures are drawn from a seed of their own: not the first run's again.
    """
    fresh = Settings(hours)
    return replace(
        fresh,
        learning_rate=0.4 * fresh.learning_rate,
        muon_rate=0.4 * fresh.muon_rate,
        seed=zlib.crc32((CHECKPOINT / "model.safetensors").read_bytes()),
    )


def keep_if_better(trainer: Trainer, book: dict[str, Sprite]) -> None:
    """Evaluate the averaged weights on a small held-out set; save them if none were better."""
    trained = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.model.load_state_dict(trainer.averages)
    quality, *_ = evaluate.quality(trainer.model, trainer.processor, book, count=256, seed=1)
    trainer.model.load_state_dict(trained)
    log.info("step %d  held out: %s", trainer.step, quality)
    if quality.exact >= trainer.best:
        trainer.best = quality.exact
        averages = {name: weight.clone() for name, weight in trainer.averages.items()}
        trainer.model.save_pretrained(CHECKPOINT, state_dict=averages)
        trainer.processor.save_pretrained(CHECKPOINT)


def report(checkpoint: Path) -> None:
    """Print the quality of a checkpoint on held-out scenes, and its captions layer by layer."""
    processor = InstructBlipProcessor.from_pretrained(checkpoint)
    model = InstructBlipForConditionalGeneration.from_pretrained(checkpoint)
    book = sprites.load()
    quality, pictures, captions, sure = evaluate.quality(model, processor, book)
    log.info("%d scenes never trained on: %s", len(pictures), quality)
    right = [text == one.caption for text, one in zip(captions, pictures, strict=True)]
    bins = [evaluate.CALIBRATION_HEADER, *map(str, evaluate.calibration(sure, right))]
    log.info("how sure it is of them, and how often right:\n%s", "\n".join(bins))
    told = Counter(level for one in pictures for level in one.levels)
    log.info("how far their subjects can be named: %s", dict(told))
    lines = [layer_captions.HEADER, *map(str, layer_captions.qualities(model, processor, book))]
    log.info("what 256 of them are called from each layer:\n%s", "\n".join(lines))


def main() -> None:
    """Read the command line and train or evaluate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=Settings.hours, help="time to train for")
    parser.add_argument("--eval-only", action="store_true", help="only measure the checkpoint")
    parser.add_argument("--fresh", action="store_true", help="do not resume")
    parser.add_argument(
        "--further", action="store_true", help="begin with the weights of the checkpoint"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if options.eval_only:
        report(CHECKPOINT)
        return
    if options.further:
        train(further_settings(options.hours), not options.fresh, further=CHECKPOINT)
    else:
        train(Settings(hours=options.hours), not options.fresh)


if __name__ == "__main__":
    main()
