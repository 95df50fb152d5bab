"""clip_tutor: every component of CLIP, built from scratch to be read.

    caption ──tokenizers──▶ ids ────┐
                                    ├─ towers ─▶ model ─▶ losses ─▶ training ─▶ checkpoint
    image ──images──▶ pixels ─────┘                │
                                                     └▶ evaluation · search ─▶ lab ─▶ notebooks

Importing this package imports nothing heavy: take what you need from its rooms, for example
``from clip_tutor.model import CLIP``.
"""

__version__ = "0.1.0"
