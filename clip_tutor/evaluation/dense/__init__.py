"""Do an image tower's features know WHERE? Three measures on scenes, whose places are known to the pixel.

features.py      images ─▶ (B, N, D), a vector a patch; and (B, N, E), patches beside captions
segmentation.py  a linear probe names what each patch shows; how well regions overlap: mIoU
pointing_game.py "a cat": does the patch that is most like these words lie on the cat?
referring.py     a decoder says a box for "a cat": is it the right one, by more than half?
"""

from clip_tutor.evaluation.dense.features import as_grid, joint_patch_features, patch_features
from clip_tutor.evaluation.dense.pointing_game import Pointing, pointing
from clip_tutor.evaluation.dense.referring import box_hits
from clip_tutor.evaluation.dense.segmentation import (
    class_iou,
    fit_patch_probe,
    mean_iou,
    patch_labels,
    probe_mean_iou,
    segment,
)

__all__ = [
    "Pointing",
    "as_grid",
    "box_hits",
    "class_iou",
    "fit_patch_probe",
    "joint_patch_features",
    "mean_iou",
    "patch_features",
    "patch_labels",
    "pointing",
    "probe_mean_iou",
    "segment",
]
