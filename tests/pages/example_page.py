"""A page that shows every block and every kind of picture, with texts that try to be more than text."""

from functools import cache

from bothways.pages.blocks import Answers, Badge, Details, Group, Paragraph, Pictures, Section, Table
from bothways.pages.figures import Figure, Point, Series
from bothways.pages.page import page

NASTY = "<script>document.title = 'run'</script> & <b>bold</b> \"quoted\" {{ 7 * 7 }}"

_SERIES = tuple(
    Series(
        name,
        tuple(
            Point(task, base + step, base + step - 0.5, base + step + 0.25) for step, task in enumerate("abc")
        ),
    )
    for name, base in {
        "BERT": 1.0,
        NASTY: 2.0,
        **{f"model {number}": float(number) for number in range(6)},
    }.items()
)
PICTURES = tuple(
    Figure(
        kind,
        f"{kind} of {NASTY}",
        "task",
        "nats",
        _SERIES,
        references=(("truth", 2.0),),
        note="What to know.",
    )
    for kind in ("lines", "bars", "intervals", "matrix")
)


@cache
def example(script: str = "", data: str | None = None) -> str:
    """Return the page; `data` is what its script finds."""
    return page(
        f"A title: {NASTY}",
        Section(
            "The answer",
            [
                Answers([(NASTY, NASTY)]),
                Paragraph(NASTY, "lead"),
                Badge("holds", "yes", NASTY),
                Badge("no", "no", "x"),
            ],
        ),
        Section(
            "Tables", [Table(["model", *"abcdefgh"], [["one", *(["a rather long cell"] * 8)]], "Caption")]
        ),
        Section("Pictures", [Pictures(PICTURES)]),
        Section(
            "Settings",
            [Group("Of a run", [Details("recipe.yaml", f"name: {NASTY}"), Badge("preview", "open", "y")])],
        ),
        lead="What this is.",
        script=script,
        data=data,
    )
