"""Text to token shards, beside `datasets.map` and beside bare tokenizing.

The text is the embedded corpus, some eight megabytes, each document once. Repeating it would flatter us: words that
were met before are looked up (`text/memo.py`), and a repeated text has no new ones. So the time to start worker
processes, a tenth of a second on either side, weighs more here than in a large corpus.

Our side reads a JSON Lines file, cleans, drops duplicates, splits sentences, tokenizes, writes shards and their
checksums, and waits for the disk. The peers have less to do:

- `datasets.map` finds its documents in Arrow files that were made beforehand, tokenizes each as a whole with the same
  tokenizer, and writes the ids, and nothing else, to Arrow as int32. It calls the tokenizer as its documentation
  does, through `transformers`, or directly, which is faster and has a row of its own. It runs with a process a core,
  or with one process and the tokenizer's own threads, whichever was faster when both were tried.
- Raw tokenising is one call with all documents, on all cores, of which the result is thrown away.
"""

import atexit
import contextlib
import copy
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from bothways.bench.measure import Contest, Side, seconds_of
from bothways.errors import UsageError
from bothways.text import embedded
from bothways.text.corpus import CorpusReport, DataSettings, read_documents
from bothways.text.shards import write_shards
from bothways.text.tokenizer import TokenizerSettings, load_tokenizer, train_tokenizer
from bothways.text.workers import default_count

_BATCH = 100
"""Documents that `datasets.map` hands over at a time; 1,000, its default, is no faster."""


Rows = dict[str, list[str]]
Tokenize = Callable[[Rows], dict[str, Any]]


def shard_contests(quick: bool) -> list[Contest]:
    """Return "shards from text", twice, and "shards, share of raw tokenising", in MB/s (10^6 bytes of UTF-8 text).

    `quick` takes every second document. Raises `UsageError` where `datasets` or `transformers` is not installed.
    """
    datasets = _datasets()
    _imported("transformers")
    folder = Path(tempfile.mkdtemp(prefix="bothways-shards-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    texts = [document.text for document in embedded.documents()][:: 2 if quick else 1]
    return contests(texts, folder, datasets)


def contests(texts: list[str], folder: Path, datasets: Any) -> list[Contest]:
    """Return the contests over the given documents; `folder` is used as long as they are."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    file = write_text(texts, folder)
    tokenizer = learn_tokenizer(texts, folder)
    arrow = write_arrow(texts, folder, datasets)
    ours = Side(partial(_in_new_folder, partial(ours_to_shards, file, tokenizer), folder))
    through, direct = (
        _fastest_map(arrow, tokenize, folder)
        for tokenize in (through_transformers(tokenizer), partial(directly, tokenizer=tokenizer))
    )
    raw = Side(partial(tokenize_only, texts, tokenizer))
    return [
        Contest("shards from text", megabytes, "MB/s", ours, through, target=1.5),
        Contest("shards from text, peer without transformers", megabytes, "MB/s", ours, direct),
        Contest("shards, share of raw tokenising", megabytes, "MB/s", ours, raw, target=0.9),
    ]


def write_text(texts: list[str], folder: Path) -> Path:
    """Write the documents as JSON Lines, which is what we read."""
    file = folder / "text.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return file


def learn_tokenizer(texts: list[str], folder: Path) -> Tokenizer:
    """Learn BERT's WordPiece from the documents; both sides use it."""
    path = folder / "tokenizer.json"
    path.write_text(train_tokenizer(texts, TokenizerSettings()).to_str(), encoding="utf-8")
    return load_tokenizer(path)


def write_arrow(texts: list[str], folder: Path, datasets: Any) -> Any:
    """Return the documents as a dataset that is mapped from disk, so that processes share it."""
    datasets.Dataset.from_dict({"text": texts}).save_to_disk(folder / "arrow")
    return datasets.load_from_disk(folder / "arrow")


def ours_to_shards(file: Path, tokenizer: Tokenizer, folder: Path) -> None:
    """Read a file and write shards, as `bothways prepare` does once it has a tokenizer."""
    documents = read_documents(str(file), DataSettings(train=str(file)), CorpusReport())
    write_shards(documents, tokenizer, folder)


def theirs_to_arrow(arrow: Any, tokenize: Tokenize, processes: int | None, folder: Path) -> Any:
    """Tokenize with `datasets.map` in this process (None) or in several, and return the dataset of tokens."""
    datasets = _datasets()
    token_ids = datasets.Features({"input_ids": datasets.List(datasets.Value("int32"))})
    with _rust_threads(processes is None):
        return arrow.map(
            tokenize,
            batched=True,
            batch_size=_BATCH,
            num_proc=processes,
            remove_columns=["text"],
            features=token_ids,
            cache_file_name=str(folder / "tokens.arrow"),
            load_from_cache_file=False,
            new_fingerprint=f"turn {next(_TURNS)}",  # so that no time goes into a hash of the function
        )


def through_transformers(tokenizer: Tokenizer) -> Tokenize:
    """Return the tokenizer as `datasets`' documentation calls it, spared all that is not ids."""
    transformers = _imported("transformers")
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=copy.deepcopy(tokenizer))
    return partial(_called, wrapped)


def directly(rows: Rows, tokenizer: Tokenizer) -> dict[str, list[np.ndarray]]:
    """Tokenize a batch without `transformers`: ids, int32 [tokens] each."""
    return {"input_ids": [np.array(row.ids, np.int32) for row in _plain(tokenizer, rows["text"])]}


def tokenize_only(texts: list[str], tokenizer: Tokenizer) -> object:
    """Tokenize the documents as they are, on all cores."""
    with _rust_threads(True):
        return _plain(tokenizer, texts)


_TURNS = count()


def _called(tokenizer: Any, rows: Rows) -> dict[str, list[list[int]]]:
    encoded = tokenizer(
        rows["text"],
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        split_special_tokens=True,
        verbose=False,
    )
    return {"input_ids": encoded["input_ids"]}


def _plain(tokenizer: Tokenizer, texts: list[str]) -> list[Encoding]:
    # As in our shards, "[MASK]" in a text is text. Set here because it is lost on the way to another process.
    tokenizer.encode_special_tokens = True
    return tokenizer.encode_batch_fast(texts, add_special_tokens=False)


def _fastest_map(arrow: Any, tokenize: Tokenize, folder: Path) -> Side:
    """Return `datasets.map` in the way that takes less time, of two turns the better."""
    sides = [
        Side(partial(_in_new_folder, partial(theirs_to_arrow, arrow, tokenize, processes), folder))
        for processes in (None, default_count())
    ]
    return min(sides, key=lambda side: min(seconds_of(side), seconds_of(side)))


def _in_new_folder(write: Callable[[Path], object], folder: Path) -> None:
    """Write into an empty folder, so that nothing an earlier turn left is used again."""
    with tempfile.TemporaryDirectory(dir=folder) as empty:
        write(Path(empty))


@contextlib.contextmanager
def _rust_threads(are_used: bool) -> Iterator[None]:
    """Let `tokenizers` use all cores within one call, or one."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if are_used else "false"
    try:
        yield
    finally:
        del os.environ["TOKENIZERS_PARALLELISM"]
        if before is not None:
            os.environ["TOKENIZERS_PARALLELISM"] = before


def _datasets() -> Any:
    """Import `datasets`, silent and without the network; what it writes goes where we say."""
    datasets = _imported("datasets")
    datasets.config.HF_HUB_OFFLINE = True
    datasets.disable_progress_bars()
    return datasets


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError(
            f"cannot measure shards: the peer, {name}, is not installed; pip install 'bothways[bench]'"
        ) from None
