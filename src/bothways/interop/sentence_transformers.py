"""What makes a folder of `transformers` one of `sentence-transformers`, too: how its states become a vector.

The library's names before its version 6, which later ones read as well.
"""

from pathlib import Path

from bothways import files
from bothways.tasks.embed import EmbedSettings

POOLING = "1_Pooling"


def write_pooling(folder: Path, task: EmbedSettings, width: int) -> None:
    """Write the four files that `SentenceTransformer(folder)` reads beside those of the encoder and the tokenizer."""
    kinds = {"0": ("", "Transformer"), "1": (POOLING, "Pooling")}
    modules = [
        {"idx": int(name), "name": name, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for name, (path, kind) in kinds.items()
    ]
    files.write_json(folder / "modules.json", modules)
    files.write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": task.length, "do_lower_case": False}
    )
    files.write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    )
    (folder / POOLING).mkdir()
    files.write_json(
        folder / POOLING / "config.json",
        {
            "word_embedding_dimension": width,
            **{
                f"pooling_mode_{mode}": mode == pooling_of(task)
                for mode in ("cls_token", "mean_tokens", "lasttoken")
            },
        },
    )


def pooling_of(task: EmbedSettings) -> str:
    """Return what the library calls a task's pooling: its CLS is a row's first token, never the last."""
    if task.pooling == "mean":
        return "mean_tokens"
    return "lasttoken" if task.layout == "cls_last" or task.is_causal else "cls_token"
