"""What was met while reading a corpus: nothing in a user's text is fatal, everything odd is counted."""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

_NAMED = 3
"""How many files of a kind are named in full before the rest is only counted."""


@dataclass
class CorpusReport:
    """Counts over one reading of a corpus; `lines()` prints those that are not zero."""

    files: int = 0
    documents: int = 0
    characters: int = 0
    """Of the documents that were kept."""
    empty_files: int = 0
    empty_documents: int = 0
    unknown_files: list[str] = field(default_factory=list)
    """Files whose extension no reader knows."""
    unreadable_files: list[str] = field(default_factory=list)
    """`path: reason` of files that could not be read to their end."""
    byte_order_marks: int = 0
    carriage_returns: int = 0
    nul_characters: int = 0
    invalid_bytes: int = 0
    """Bytes that are not UTF-8 and lone surrogates; each became one U+FFFD."""
    bad_rows: int = 0
    """Rows of JSON files that do not parse, or are longer than a row may be."""
    rows_without_text: int = 0
    long_lines_cut: int = 0
    """Cuts at a space, one every megabyte of a line."""
    long_documents_cut: int = 0
    """Cuts at a paragraph or line end of a long plain-text file."""
    duplicates: int = 0
    """Documents that are exactly equal to an earlier one."""
    near_duplicates: int = 0
    """Paragraphs of the embedded corpus with more than half of their word 8-grams seen before."""

    def lines(self) -> list[str]:
        """Return one sentence per count that is not zero, the size first."""
        size = f"{self.documents:,} documents, {self.characters:,} characters from {self.files:,} files"
        counts = [
            text.format(n=getattr(self, name)) for name, text in _SENTENCES.items() if getattr(self, name)
        ]
        return [size, *counts, *self._named_files()]

    def _named_files(self) -> list[str]:
        lines = []
        if self.unknown_files:
            kinds = Counter(
                name.rpartition("/")[2].partition(".")[2] or "none" for name in self.unknown_files
            )
            shown = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common(_NAMED))
            example = self.unknown_files[0]
            lines.append(
                f"files of unknown kind skipped: {len(self.unknown_files):,} ({shown}), such as {example}"
            )
        lines += [f"could not be read to its end: {name}" for name in self.unreadable_files[:_NAMED]]
        if len(self.unreadable_files) > _NAMED:
            lines.append(
                f"and {len(self.unreadable_files) - _NAMED:,} more files could not be read to their end"
            )
        return lines

    def as_json(self) -> dict[str, int | list[str]]:
        """Return the counts for a manifest."""
        return dataclasses.asdict(self)


_SENTENCES = {
    "duplicates": "exact duplicates dropped: {n:,}",
    "near_duplicates": "near-duplicate paragraphs dropped: {n:,}",
    "long_documents_cut": "cuts of long text files at a paragraph or line end: {n:,}",
    "long_lines_cut": "cuts of very long lines, one every megabyte: {n:,}",
    "empty_files": "empty files: {n:,}",
    "empty_documents": "documents without a visible character dropped: {n:,}",
    "byte_order_marks": "byte order marks removed: {n:,}",
    "carriage_returns": "carriage returns turned into line ends: {n:,}",
    "nul_characters": "NUL characters removed: {n:,}",
    "invalid_bytes": "invalid UTF-8 bytes replaced by U+FFFD: {n:,}",
    "bad_rows": "rows skipped that are not valid JSON: {n:,}",
    "rows_without_text": "rows skipped that have no text field: {n:,}",
}
