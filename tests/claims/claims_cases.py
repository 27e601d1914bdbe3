"""A plan of models that train for two steps, and a reader that knows the truth, for everything said about claims."""

import numpy as np

from bothways.claims.language import Language

BRIEF = {"training": {"steps": 2, "batch": 4, "log_every": 1}}


class Oracle:
    """Answers as the best possible model would, each word on its own."""

    def __init__(self):
        self.language = Language()
        self.numbers = {word: number for number, word in enumerate(self.language.vocabulary)}

    def encode(self, words):
        return np.array([self.numbers[word] for word in words])

    def predict(self, blanks):
        found = []
        for blank in blanks:
            visible = [None if place in blank.hidden else word for place, word in enumerate(blank.words)]
            table = np.full((len(blank.asked), len(self.numbers)), -np.inf)
            for row, place in enumerate(blank.asked):
                for word, chance in self.language.conditional(visible, place).items():
                    table[row, self.numbers[word]] = np.log(chance)
            found.append(table)
        return found

    def left_to_right(self, documents):
        return np.array(
            [
                [
                    self.language.nats(document.words, range(place, len(document.words)), (place,))
                    for place in range(len(document.words))
                ]
                for document in documents
            ]
        )

    def nats(self, blanks):
        tables = self.predict(blanks)
        return np.array(
            [
                -sum(table[row, self.numbers[blank.words[place]]] for row, place in enumerate(blank.asked))
                for blank, table in zip(blanks, tables, strict=True)
            ]
        )
