"""Every verb of the command line: one literal map from its name to its function.

A verb is a few lines: turn words into values, call one function of the module that does the work, show what it returns.
Those modules are imported inside the verbs, so that `--help` and `--version` need not wait for PyTorch.
"""

from collections.abc import Callable

from bothways.verbs.ask import explain, fill, score
from bothways.verbs.claims import claims
from bothways.verbs.distil import distil
from bothways.verbs.look import bench, doctor, recipes
from bothways.verbs.pages import report
from bothways.verbs.tasks import evaluate, finetune, predict
from bothways.verbs.train import compare, demo, prepare, pretrain

VERBS: dict[str, Callable[..., None]] = {
    "pretrain": pretrain,
    "prepare": prepare,
    "finetune": finetune,
    "predict": predict,
    "evaluate": evaluate,
    "distil": distil,
    "fill": fill,
    "score": score,
    "explain": explain,
    "recipes": recipes,
    "doctor": doctor,
    "demo": demo,
    "compare": compare,
    "report": report,
    "claims": claims,
    "bench": bench,
}
