"""Memory that is freed stays in the process, ready for the next step.

A training step on a processor frees and asks again for the same large blocks. The C library of most Linux systems
(glibc) hands a block of 32 MB or more back to the system at once, whose pages must then be cleared and mapped anew at
every step: a fifth of the time of a small XLNet's step (docs/lab-notes.md, memory). `mallopt(3)` can stop that.
"""

import ctypes
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
"""The names of `malloc.h`."""

KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _TOP_PAD: 64 * 2**20}
"""No block of its own for anything, nothing is trimmed, and the heap grows by 64 MiB."""

DEFAULT = {_MMAP_MAX: 2**16, _MMAP_THRESHOLD: 32 * 2**20, _TRIM_THRESHOLD: 64 * 2**20, _TOP_PAD: 2**17}
"""What glibc's own adjustment comes to in a program that frees large blocks."""


def keep_freed_memory() -> bool:
    """Keep freed memory in this process; return whether the C library can be told so."""
    return _set(KEEPING)


def give_freed_memory_back() -> bool:
    """Return to the C library's own ways, and what was kept to the system; return whether it can be told so."""
    is_glibc = _set(DEFAULT)
    if is_glibc:
        ctypes.CDLL(None).malloc_trim(0)
    return is_glibc


def _set(options: dict[int, int]) -> bool:
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    done = [library.mallopt(name, value) == 1 for name, value in options.items()]
    return all(done)
