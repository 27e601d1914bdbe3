"""A small folder of text, and recipes that learn from it in a second, for tests from the text to the model."""

import os
import random
import shutil
from pathlib import Path

from safetensors.torch import load_file

from bothways.cli import main
from bothways.pretrain import pretrain
from bothways.recipe import resolve

WORDS = (
    "alpha beta gamma delta river stone house green walks sleeps quick slow under over cold warm "
    "zürich naïve window garden seven"
).split()

COMMON = [
    "data.workers=1",
    "data.held_out=8",
    "training.batch=8",
    "training.log_every=1",
    "training.precision=float32",
    "training.threads=1",
    "evaluation.while_training_tokens=32",
    "format.length=32",
    "backbone.layers=2",
    "backbone.width=32",
    "backbone.heads=2",
    "backbone.feed_forward=64",
    "backbone.dropout=0.1",
    "backbone.attention_dropout=0.1",
]

RECIPES = {
    "bert": ["bert-tiny", *COMMON],
    "xlnet": ["xlnet-tiny", *COMMON, "format.reuse=16", "backbone.memory=24"],
}
"""Two layers of width 32, dropout on; BERT on pairs with the pair loss, XLNet on a stream with memory."""


def write_text(folder, files=24, seed=0):
    """Write a folder of plain text, always the same."""
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    for number in range(files):
        sentences = [" ".join(draw.choices(WORDS, k=draw.randint(4, 11))) + " ." for _ in range(20)]
        (folder / f"{number:02d}.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return folder


def words_for(model, text, shards, *more):
    """Return the arguments of a recipe on `text`: its name and its settings."""
    return [*RECIPES[model], f"data.train='{text}'", f"data.shards='{shards}'", *more]


def train(model, text, out, *more, **options):
    """Pretrain in this process; the prepared text lies beside the text, one for each tokenizer."""
    recipe, *words = words_for(model, text, f"{text}-{model}", *more)
    return pretrain(resolve(recipe, words), out, **{"quiet": True} | options)


def command(model, text, out, *more):
    """Return the words of the command line that does the same."""
    return ["pretrain", *words_for(model, text, f"{text}-{model}", *more), "--out", str(out)]


def failing(capsys, *words):
    """Run a command that must fail; return its exit code and its one line."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1, said
    return code, said[0]


def tree(folder):
    """Return every file under a folder with its content."""
    return {path: path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def flip(path, place=0.6):
    """Change one bit of a file, by default well behind its header."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)


def copied(folder, to):
    return Path(shutil.copytree(folder, to))


def weights_of(folder):
    return load_file(Path(folder) / "model.safetensors")


def is_root():
    return os.geteuid() == 0
