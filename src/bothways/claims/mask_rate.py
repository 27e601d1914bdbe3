"""Why hide 15% of the tokens? Fewer teach too little a step, more leave too little to learn from.

Models of equal steps, rows and so compute hide 5% to 60%. Each is then asked for every word given all others; the
language says what the best possible model pays. The sentence is tried against the best other rate. Each is also
fine-tuned to tell possible sentences from impossible ones, which is shown beside it.
"""

from bothways.claims.acceptability import accuracy
from bothways.claims.base import Claim, Finding, Models
from bothways.claims.curves import curve
from bothways.claims.leave_one_out import nats, true_nats
from bothways.claims.verdict import difference, in_words, judge, measured
from bothways.pages.figures import Figure

RATES = (0.05, 0.15, 0.3, 0.45, 0.6)
USUAL = 0.15
MARGIN = 0.01
"""Nats a word by which another rate must be better than 15% to refute it."""


def _name(rate: float) -> str:
    return f"{rate:.0%}"


def measure(models: Models) -> Finding:
    """Ask the models of every rate for every word, and fine-tune them."""
    truth = true_nats()
    found, tuned = (
        {rate: [ask(run) for run in models.folders[_name(rate)]] for rate in RATES}
        for ask in (nats, accuracy)
    )
    worse = {rate: difference(found[rate], found[USUAL]) for rate in RATES if rate != USUAL}
    rival = min(worse, key=lambda rate: sum(found[rate]))
    verdict = judge(worse[rival], -MARGIN, quick=models.quick)
    because = (
        "compared with 15%, "
        + ", ".join(f"{_name(rate)} pays {in_words(each, 'nats more')}" for rate, each in worse.items())
        + f"; 15% stands unless the best of these, {_name(rival)}, pays less by more than {MARGIN}. Fine-tuned, "
        + f"its accuracy less that of 15% is {in_words(difference(tuned[rival], tuned[USUAL]))}"
    )
    figure = Figure(
        "lines",
        "What a word costs after equal training, by the share that was hidden",
        "share of tokens hidden in training",
        "nats a word, all others shown",
        (curve("masked models", found.items()),),
        (("the best possible", truth),),
    )
    measures = (
        *(measured(f"{_name(rate)} hidden, nats a word", found[rate], truth) for rate in RATES),
        *(measured(f"{_name(rate)} hidden, accuracy fine-tuned", tuned[rate]) for rate in RATES),
    )
    return Finding(measures, verdict, because, figure)


CLAIM = Claim(
    name="mask_rate",
    sentence="15% is the right share of tokens to mask.",
    experiment=(
        "Masked models of 5% to 60% at equal compute; nats of every word given all others, beside the exact entropy, "
        "and accuracy after fine-tuning on which sentences are possible."
    ),
    source="Devlin et al. 2019, section 3.1; Wettig et al. 2023, section 3",
    measure=measure,
    variants={_name(rate): {"objective": {"rate": rate}} for rate in RATES},
)
