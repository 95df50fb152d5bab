"""What ALIGN's paper measured of scale against noise, in its table 10: B7 and BERT-base, trained on four sets.

Source: Jia et al. 2021, "Scaling Up Visual and Vision-Language Representation Learning With Noisy Text Supervision",
section 6.2: MSCOCO is zero-shot R@1, ImageNet the share of images whose nearest neighbor has the same label.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """A row of the table, in percent."""

    data: str
    image_to_text: float
    text_to_image: float
    imagenet_neighbor: float


TABLE_10 = (
    Row("Conceptual Captions, cleaned, 3M", 18.9, 15.5, 48.7),
    Row("ALIGN's noisy pairs, 3M (1×)", 8.1, 6.3, 41.3),
    Row("ALIGN's noisy pairs, 6M (2×)", 15.8, 11.9, 47.9),
    Row("ALIGN's noisy pairs, 12M (4×)", 23.8, 17.5, 51.4),
)
