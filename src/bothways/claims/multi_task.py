"""MT-DNN: tasks that share an encoder help each other, and an ensemble of such models can be made one again.

alone       a model for each task
together    one encoder, a head for each task, as many steps on each task as alone (Liu et al. 2019a)
distilled   such a model that learns what several of them say on average (Liu et al. 2019b), of the same records and
            of others that nobody has labelled: a transfer set (Hinton et al. 2015, section 2)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from bothways.claims.base import Claim, Finding, Models
from bothways.claims.curves import curve
from bothways.claims.lexicon_tasks import LEXICON_TASKS, WORDS, Lexicon
from bothways.claims.practice import ROWS, accuracy_of, fresh_encoder, practise, reader_of, tokenizer_of
from bothways.claims.verdict import in_words, measured, together
from bothways.claims.verdict import judge as verdict_on
from bothways.model.encoder import Encoder
from bothways.objectives.teaching import TeachingSettings
from bothways.pages.figures import Figure
from bothways.records.types import TextRecord
from bothways.records.types import unlabelled as unlabelled_record
from bothways.tasks import Several, Task, build_several, build_task
from bothways.tasks.answering import outputs_by_record
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.feed import Feed, MixSettings, Mixture
from bothways.text.tokenizer import vocabulary_of

SHARING_MARGIN, DISTILLING_MARGIN = 0.01, 0.0
"""Mean accuracy that training together must add, and that distilling must add to it."""
TEACHING = TeachingSettings(teachers=("an ensemble of models trained together",), temperature=1.0, mix=1.0)
"""All from the ensemble, since most of the student's records have no label."""
ALONE, TOGETHER, DISTILLED, ENSEMBLE = "alone", "together", "distilled", "the ensemble"

Records = Mapping[str, Sequence[TextRecord]]
"""Of each task."""
Answers = Mapping[str, Sequence[np.ndarray]]
"""What is said of each record of each task, float32 [labels]."""
Scores = dict[str, dict[str, float]]
"""For each way to train, the accuracy in each task."""


@dataclass(frozen=True)
class Size:
    """How much is learned and judged."""

    records: int = 96
    """Training records a task."""
    unlabelled: int = 512
    """Further records a task, which only the ensemble answers."""
    judged: int = 1000
    """Test records a task."""
    steps: int = 200
    """On each task; by then the training records are known by heart."""
    student_steps: int = 400
    """On each task of the student, who has more to read."""
    teachers: int = 3
    alone: int = 2
    """Models of each task alone, whose mean counts, since single ones differ much."""


FULL = Size()
QUICK = Size(unlabelled=256, judged=300, steps=100, student_steps=150, teachers=2, alone=1)


@dataclass(frozen=True)
class Shared:
    """A model of all tasks."""

    encoder: Encoder
    several: Several


class Workshop:
    """One seed's lexicon with its records, and the models that learn from them."""

    def __init__(self, seed: int, size: Size) -> None:
        draw = np.random.default_rng(seed)
        lexicon = Lexicon.drawn(draw)
        self.seed, self.size = seed, size
        self.tokenizer: Tokenizer = tokenizer_of(WORDS)
        self.vocabulary = vocabulary_of(self.tokenizer)
        self.reader = reader_of(self.tokenizer, self.vocabulary)
        self.train, unlabelled, self.test = (
            {
                name: [record(lexicon, draw) for _ in range(count)]
                for name, (record, _) in LEXICON_TASKS.items()
            }
            for count in (size.records, size.unlabelled, size.judged)
        )
        self.transfer = {
            name: [unlabelled_record(record) for record in (*self.train[name], *unlabelled[name])]
            for name in LEXICON_TASKS
        }
        self.settings = {
            name: ClassifySettings(labels=labels, length=64, dropout=0.0)
            for name, (_, labels) in LEXICON_TASKS.items()
        }

    def alone(self) -> dict[str, float]:
        """Train models of each task, and return their mean accuracies."""
        return {
            name: mean(self._alone(name, self.seed * 1000 + number) for number in range(self.size.alone))
            for name in LEXICON_TASKS
        }

    def _alone(self, name: str, seed: int) -> float:
        encoder = fresh_encoder(self.vocabulary, seed)
        task = build_task(self.settings[name], self.vocabulary, encoder)
        items = [item for record in self.train[name] for item in task.items(record, self.reader)]
        practise(encoder, task, Feed(task, items, seed, ROWS), seed=seed, steps=self.size.steps)
        return accuracy_of(task, encoder, self.test[name], self.reader)

    def together(self, seed: int) -> Shared:
        """Train one model to all tasks."""
        return self._shared(seed, self.size.steps, self.train)

    def distilled(self, seed: int, teachers: Sequence[Shared]) -> Shared:
        """Train one model to what teachers say of the records of all tasks."""
        return self._shared(seed, self.size.student_steps, self.transfer, self.say(teachers, self.transfer))

    def _shared(self, seed: int, steps: int, records: Records, soft: Answers | None = None) -> Shared:
        encoder = fresh_encoder(self.vocabulary, seed)
        several = build_several(self.settings, self.vocabulary, encoder)
        feeds = {}
        for name in LEXICON_TASKS:
            task = several.task(name)
            items = [task.items(record, self.reader) for record in records[name]]
            if soft is not None:
                task.taught = TEACHING
                items = [
                    task.with_soft_targets(each, answer)
                    for each, answer in zip(items, soft[name], strict=True)
                ]
            feeds[name] = Feed(task, [item for each in items for item in each], seed, ROWS, name)
        rows = Mixture(feeds, MixSettings(), seed)
        practise(encoder, several, rows, seed=seed, steps=steps * len(feeds))
        return Shared(encoder, several)

    def accuracies(self, model: Shared) -> dict[str, float]:
        """Return a model's accuracy in each task."""
        return {
            name: accuracy_of(model.several.task(name), model.encoder, records, self.reader)
            for name, records in self.test.items()
        }

    def say(self, models: Sequence[Shared], records: Records) -> Answers:
        """Return the mean of the probabilities that models give the labels of each record."""
        return {
            name: [np.mean(answers, axis=0) for answers in zip(*answered, strict=True)]
            for name in records
            if (answered := [self._say(model, name, records[name]) for model in models])
        }

    def _say(self, model: Shared, name: str, records: Sequence[TextRecord]) -> list[np.ndarray]:
        task: Task[Any] = model.several.task(name)
        items = [task.items(record, self.reader) for record in records]
        outputs = outputs_by_record(task, model.encoder, items)
        return [
            task.soft_targets(each, output, TEACHING.temperature)
            for each, output in zip(items, outputs, strict=True)
        ]

    def of_ensemble(self, models: Sequence[Shared]) -> dict[str, float]:
        """Return the accuracy of the label that models hold for most probable on average."""
        answers = self.say(models, self.test)
        return {
            name: mean(
                self.settings[name].labels[int(each.argmax())] == record.label
                for each, record in zip(answers[name], records, strict=True)
            )
            for name, records in self.test.items()
        }


def measure(models: Models) -> Finding:
    """Train alone, together and from an ensemble, with each seed."""
    size = QUICK if models.quick else FULL
    return judge([scores(seed, size) for seed in models.seeds], quick=models.quick)


def scores(seed: int, size: Size) -> Scores:
    """Return what one seed's models come to, on a lexicon of its own.

    What a model trained together comes to is a mean over all teachers, each of which is one.
    """
    shop = Workshop(seed, size)
    teachers = [shop.together(seed * 1000 + number) for number in range(size.teachers)]
    singly = [shop.accuracies(teacher) for teacher in teachers]
    return {
        ALONE: shop.alone(),
        TOGETHER: {name: mean(each[name] for each in singly) for name in LEXICON_TASKS},
        DISTILLED: shop.accuracies(shop.distilled(seed * 1000, teachers)),
        ENSEMBLE: shop.of_ensemble(teachers),
    }


def judge(by_seed: Sequence[Scores], *, quick: bool) -> Finding:
    """Return what the accuracies of all seeds say; what decides is their mean over tasks."""
    ways = (ALONE, TOGETHER, DISTILLED, ENSEMBLE)
    means = {way: [mean(scores[way].values()) for scores in by_seed] for way in ways}
    sharing = [ours - alone for ours, alone in zip(means[TOGETHER], means[ALONE], strict=True)]
    distilling = [ours - shared for ours, shared in zip(means[DISTILLED], means[TOGETHER], strict=True)]
    verdict = together(
        [
            verdict_on(sharing, SHARING_MARGIN, quick=quick),
            verdict_on(distilling, DISTILLING_MARGIN, quick=quick),
        ]
    )
    because = (
        f"sharing an encoder adds {in_words(sharing)} to the mean accuracy of three tasks, where {SHARING_MARGIN} is "
        f"asked for; learning from an ensemble adds {in_words(distilling)} more, where more than "
        f"{DISTILLING_MARGIN:g} is"
    )
    measures = [measured(f"mean accuracy, {way}", values) for way, values in means.items()]
    figure = Figure(
        kind="bars",
        title="Tasks alone, together, and distilled from an ensemble",
        x="task",
        y="accuracy",
        series=tuple(
            curve(way, ((name, [scores[way][name] for scores in by_seed]) for name in LEXICON_TASKS))
            for way in ways
        ),
        references=(("chance", 0.5),),
        note="Each task has as many steps alone as together, and more when distilled; bars are intervals over seeds.",
    )
    gains = (measured("gain of sharing", sharing), measured("gain of distilling", distilling))
    return Finding((*measures, *gains), verdict, because, figure)


MULTI_TASK = Claim(
    name="multi_task",
    sentence="Tasks that share an encoder help each other, and one model can be distilled from an ensemble of such.",
    experiment=(
        "Three small tasks over one lexicon are learned alone, together, and together from what an ensemble says of "
        "these records and of unlabelled ones."
    ),
    source="Liu et al. 2019a (MT-DNN), section 3; Liu et al. 2019b, section 3; Hinton et al. 2015, section 2",
    measure=measure,
)
