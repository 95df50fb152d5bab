"""What the C library does with memory that is freed: keep it for the next step, or give it back.

A step of training on a CPU makes and frees hundreds of tensors, some of tens of megabytes. Linux' C library hands
blocks of that size back to the kernel at once and gets each new one page by page, filled with zeros: a third of a
step's time, as ``benchmarks/throughput.py`` measures. So training keeps them.

A loop that decodes and encodes by turns needs the contrary. Its small blocks stay, its large ones come and go, and the
C library (glibc 2.36, for one) puts the large ones into ever new places: the process grows as long as the loop runs, by
some 75 kB for each image of 64 × 64 pixels. So long loops give back what lies free in between.
"""

import ctypes
import platform
from collections.abc import Iterable, Iterator
from typing import TypeVar

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the names of the two settings in glibc's malloc.h
_LARGEST = 1 << 30  # bytes
BATCHES_BETWEEN = 16  # of some 64 images: giving back takes a twentieth of a second

Batch = TypeVar("Batch")


def keep_freed_memory() -> None:
    """Keep freed blocks of up to 1 GiB in this process from now on; does nothing where the C library is not glibc."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
        libc.mallopt(_TRIM_THRESHOLD, _LARGEST)


def return_freed_memory() -> None:
    """Give all freed memory of this process back to the system; does nothing where the C library is not glibc."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def returning_freed_memory(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the batches of a long loop; after every 16th, give freed memory back."""
    for number, batch in enumerate(batches, start=1):
        yield batch
        if number % BATCHES_BETWEEN == 0:
            return_freed_memory()
