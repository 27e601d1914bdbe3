"""The model card (`README.md`) of a model folder."""

from collections.abc import Mapping
from typing import Any

from bothways.interop.heads import PURPOSES, Purpose

_PRETRAINED = {
    "BertForMaskedLM": Purpose(
        "AutoModelForMaskedLM",
        "fill-mask",
        "Trained without a pair loss: `AutoModel` reports the pooler as missing, since it has none.",
    ),
    "BertForPreTraining": Purpose(
        "BertForPreTraining",
        "fill-mask",
        "`AutoModelForMaskedLM` loads it too and leaves the pair head out.",
    ),
    "RobertaForMaskedLM": Purpose(
        "AutoModelForMaskedLM",
        "fill-mask",
        "`AutoModel` reports the pooler as missing, since RoBERTa trains none.",
    ),
    "ElectraForMaskedLM": Purpose(
        "AutoModelForMaskedLM",
        "fill-mask",
        "This is a whole model with ELECTRA's embeddings; `AutoModel` leaves its head out.",
    ),
    "MPNetForMaskedLM": Purpose(
        "AutoModelForMaskedLM",
        "fill-mask",
        "`AutoModel` reports the pooler as missing, since MPNet trains none.",
    ),
    "ModernBertForMaskedLM": Purpose(
        "AutoModelForMaskedLM",
        "fill-mask",
        "`AutoModel` leaves its head out. Rows may be of any length: positions are rotary.",
    ),
    "ElectraForPreTraining": Purpose(
        "ElectraForPreTraining",
        "feature-extraction",
        "Its logits are positive where a token looks replaced. It predicts no tokens: its generator does, which is a "
        'whole model of its own (`AutoModelForMaskedLM.from_pretrained("./generator")`).',
    ),
    "GPT2LMHeadModel": Purpose("AutoModelForCausalLM", "text-generation", "It reads from left to right."),
    "XLNetLMHeadModel": Purpose(
        "XLNetLMHeadModel",
        # The hub's own widget fills masks, which XLNet does not have.
        "feature-extraction",
        "Pass `token_type_ids` explicitly, as the tokenizer returns them; pad on the left.",
    ),
}


def model_card(architecture: str | None, config: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the card's Markdown; `facts` are shown as a table.

    `architecture` is the class of `transformers` that loads the folder, None where it has none.
    """
    rows = "\n".join(f"| {key} | {_cell(value)} |" for key, value in facts.items())
    objective, model_type = config["bothways"]["objective"]["kind"], config["model_type"]
    theirs = None if architecture is None else PURPOSES.get(objective) or _PRETRAINED[architecture]
    library = f"library_name: transformers\npipeline_tag: {theirs.pipeline}\n" if theirs else ""
    return f"""---
{library}tags: [bothways, {model_type}, {objective}]
---

# {_cell(facts.get("name", architecture or model_type))}

Made with Bothways (objective: {objective}).

{_loading(theirs, objective)}

| | |
|---|---|
{rows}
"""


def _loading(theirs: Purpose | None, objective: str) -> str:
    """Say how the model is loaded."""
    if theirs is None:
        return f"""`transformers` has no class for this model; Bothways reads the folder:

```bash
{_asking(objective)}
```"""
    return f"""```python
from transformers import AutoTokenizer, {theirs.load}

tokenizer = AutoTokenizer.from_pretrained(".")
model = {theirs.load}.from_pretrained(".")
```

{theirs.note}"""


def _asking(objective: str) -> str:
    """Return the command that asks a model which only Bothways reads."""
    if objective not in PURPOSES:
        return "bothways score . text.txt"
    return "bothways predict . FILE" + " --as TASK" * (objective == "several")


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
