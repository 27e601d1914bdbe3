"""What is left of documentation reads like English."""

import pytest

from bothways.text.prose import is_sentence, paragraphs

NUMPY_STYLE = """
    Compute the median along the specified axis.

    Returns the median of the array elements, which may be
    wrapped over several lines.

    .. versionadded:: 1.9.0

    .. code-block:: python

        total = median(values)

    Parameters
    ----------
    axis : {int, sequence of int, None}, optional
        Axis along which the medians are computed. The *default* is to
        use a flattened version of the array.
    out : ndarray

    Notes
    -----
    Given a vector ``V`` of length ``N``, the result is the middle
    value of a sorted copy of it.

    ====  ====
    name  size
    ====  ====
    first  the one of the two that is seen

    >>> median([1, 2, 3])
    2
    and this is the output of it.

    Example of how it is not kept::

        this is some code and it is not prose.

    See :func:`~numpy.mean` for the average and `the docs <https://example.org>`_ for more.
    """


def test_code_tables_headings_and_signatures_go_and_sentences_stay():
    assert paragraphs(NUMPY_STYLE) == [
        "Compute the median along the specified axis.",
        "Returns the median of the array elements, which may be wrapped over several lines.",
        "Axis along which the medians are computed. The default is to use a flattened version of the array.",
        "Given a vector V of length N, the result is the middle value of a sorted copy of it.",
        "Example of how it is not kept:",
        "See numpy.mean for the average and the docs for more.",
    ]


def test_names_and_fields_before_a_description_are_removed():
    google = """Args:
        path: the path to the file that is read.
        mode (str, optional): how the file is to be opened.
    :param name: the name of the thing that is made.
    """
    assert paragraphs(google) == [
        "The path to the file that is read.",
        "How the file is to be opened.",
        "The name of the thing that is made.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Return the name of the file that was opened last.",
        'If it is "blocked", the path that was given is not used.',
        "Where the two are equal (see above), the first of them is returned.",
    ],
)
def test_sentences_are_kept(text):
    assert is_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "x = the value of the thing that is added.",
        "too short.",
        "the end of this line has no full stop at all",
        "for key, value in self._items.items(): print(key, value).",
        "Mean variance median quantile skewness kurtosis histogram covariance.",
        "is 1 2 3 4 5 6 7 8 9 10 of the 11.",
        "See the documentation at https://example.org for all of it.",
        "The sum of \\alpha and the square of \\beta is what it returns.",
        "This (one is not closed and so it is not a sentence.",
    ],
)
def test_code_formulas_and_lists_are_not(text):
    assert not is_sentence(text)
