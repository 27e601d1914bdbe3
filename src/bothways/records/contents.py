"""The whole content of a labelled file. Half a file or another encoding is an error: its labels would be missed."""

from pathlib import Path

from bothways.errors import DataError
from bothways.text.readers import opened

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def bytes_of(path: Path) -> bytes:
    """Return a file's bytes, unpacked if it is .gz or .zst; raise `DataError` if it is absent, cut off or damaged."""
    damage: list[Exception] = []
    try:
        with opened(path, damage) as stream:
            content = stream.read()
    except FileNotFoundError:
        raise DataError(f"no data at {path}: there is no such file; give an existing one") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; check the path") from None
    if damage:
        raise DataError(f"{path} is cut off or damaged ({damage[0]}); fetch or pack it again")
    return content


def text_of(path: Path) -> str:
    """Return a file's text, decoded from UTF-8, without a byte order mark and with newlines as line ends."""
    content = bytes_of(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if content.startswith(_UTF16_MARKS) else "another encoding"
        row = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, row {row}: the byte {content[error.start]:#04x} is not UTF-8, the file is in {encoding}; "
            "save it as UTF-8"
        ) from None
    # Only files of old programs end their lines with a lone carriage return; elsewhere it is part of a cell.
    return text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")
