"""Let the C library keep the memory that a step frees, for the next step to use.

A step on a CPU makes and frees hundreds of tensors, some of tens of megabytes. Linux' C library hands blocks of that
size back to the kernel at once and gets each new one page by page, filled with zeros: a third of a step's time, as
``benchmarks/throughput.py`` measures.
"""

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the names of the two settings in glibc's malloc.h
_LARGEST = 1 << 30  # bytes


def keep_freed_memory() -> None:
    """Keep freed blocks of up to 1 GiB in this process from now on; does nothing where the C library is not glibc."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
        libc.mallopt(_TRIM_THRESHOLD, _LARGEST)
