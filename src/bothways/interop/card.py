"""The model card (`README.md`) of a model folder."""

from collections.abc import Mapping
from typing import Any

_LOAD = {
    "BertForMaskedLM": "AutoModelForMaskedLM",
    "BertForPreTraining": "BertForPreTraining",
    "XLNetLMHeadModel": "XLNetLMHeadModel",
}

_PIPELINE = {
    # The hub's own widget fills masks, which XLNet does not have.
    "BertForMaskedLM": "fill-mask",
    "BertForPreTraining": "fill-mask",
    "XLNetLMHeadModel": "feature-extraction",
}

_NOTES = {
    "BertForMaskedLM": "Trained without a pair loss: `AutoModel` reports the pooler as missing, since it has none.",
    "BertForPreTraining": "`AutoModelForMaskedLM` loads it too and leaves the pair head out.",
    "XLNetLMHeadModel": "Pass `token_type_ids` explicitly, as the tokenizer returns them; pad on the left.",
}


def model_card(architecture: str, config: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the card's Markdown; `facts` are shown as a table."""
    rows = "\n".join(f"| {key} | {_cell(value)} |" for key, value in facts.items())
    objective = config["bothways"]["objective"]["kind"]
    return f"""---
library_name: transformers
pipeline_tag: {_PIPELINE[architecture]}
tags: [bothways, {config["model_type"]}, {objective}]
---

# {_cell(facts.get("name", architecture))}

Pretrained with Bothways (objective: {objective}).

```python
from transformers import AutoTokenizer, {_LOAD[architecture]}

tokenizer = AutoTokenizer.from_pretrained(".")
model = {_LOAD[architecture]}.from_pretrained(".")
```

{_NOTES[architecture]}

| | |
|---|---|
{rows}
"""


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
