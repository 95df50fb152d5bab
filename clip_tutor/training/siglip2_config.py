"""What SigLIP 2 adds to the sigmoid loss, how much of it, and when.

    share of the training   0 ─────────────────────────────────── 0.8 ──────── 1
    sigmoid                 ████████████████████████████████████████████████████   1       the images as they are
    decoder                 ████████████████████████████████████████████████████   1       the images as they are
    self-distillation                                             ██████████████   1    × 0.25    views of them
    masked prediction                                             ██████████████   0.25 × 0.25    views of them

Each part can be left out, which is how one learns what it is good for: `ARMS`.

Source: Tschannen et al. 2025 (SigLIP 2), sections 2.2 and 2.3: stages and weights, 8 small views and one large one,
half of the patches and of the captions hidden, and the factor 0.25 of size B (L has 0.5, So400m 1, g 0.5). The areas of
the views are those of SILC and DINO.
"""

from dataclasses import dataclass, field, replace

from clip_tutor.towers.prototypes import PrototypeConfig


@dataclass(frozen=True)
class SigLIP2Config:
    """The published recipe for size B; what the paper leaves open is marked.

    Raises:
        ValueError: a share is no share, or there is no local view.
    """

    # which parts are on
    captions: bool = True
    self_distillation: bool = True
    masks: bool = True
    # when the last two begin, as a share of the training
    second_stage: float = 0.8
    # weights beside the sigmoid loss, which has 1
    captions_weight: float = 1.0  # of the mean of the three tasks; how they add up, the paper leaves open
    self_distillation_weight: float = 1.0
    masks_weight: float = 0.25
    size_factor: float = 0.25  # of both, for size B
    tasks_per_image: int = 3  # of the decoder's; with fewer they take turns, and a step is cheaper
    viewed: float = 1.0  # share of a batch that is seen in views, too; with less, a step is cheaper
    # what is hidden
    parallel: float = 0.5  # share of the captions that are predicted in parallel
    mask_ratio: float = 0.5  # share of the patches
    # views
    local_views: int = 8
    local_size: int = 96  # pixels of a side; DINO's, for images of 224
    local_scale: tuple[float, float] = (0.05, 0.4)  # share of the image's area
    global_scale: tuple[float, float] = (0.4, 1.0)
    # the teacher: a fixed momentum, as SILC has it; its value is the kit's own. DINO's, which ends at 1, would freeze
    # a teacher that must go on learning what captions teach its student.
    momentum: float = 0.99
    heads: PrototypeConfig = field(default_factory=PrototypeConfig)  # DINO's

    def __post_init__(self) -> None:
        shares = {name: getattr(self, name) for name in ("second_stage", "parallel", "momentum")}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share, from 0 to 1, and not {share:g}")
        if not 0 < self.mask_ratio < 1:
            raise ValueError(
                f"mask_ratio is {self.mask_ratio:g}: with 0 there is nothing to predict, with 1 nothing to predict it "
                "from; take a share between, for instance 0.5"
            )
        if not 0 < self.viewed <= 1:
            raise ValueError(f"viewed is {self.viewed:g}: views need a share of the batch, above 0 and at most 1")
        if self.local_views < 1:
            raise ValueError("self-distillation needs local views, and local_views is below 1: leave it at 8")

    @property
    def has_teacher(self) -> bool:
        """Whether there is a second stage."""
        return self.self_distillation or self.masks

    def check_sizes(self, image_size: int, patch_size: int) -> None:
        """Refuse images whose small views would show nothing, or be cut up badly.

        Raises:
            ValueError: the smallest local view covers less than a patch, or patches do not tile the views.
        """
        smallest = int(self.local_scale[0] ** 0.5 * image_size)
        if smallest < patch_size:
            raise ValueError(
                f"images of {image_size} pixels are too small for local views: the smallest, {self.local_scale[0]:.0%} "
                f"of the area, is {smallest} pixels wide, less than one patch of {patch_size}. Take larger images, "
                "smaller patches, or a larger local_scale"
            )
        if self.local_size % patch_size or not patch_size <= self.local_size < image_size:
            raise ValueError(
                f"local views of {self.local_size} pixels do not fit images of {image_size} in patches of "
                f"{patch_size}: local_size must be a multiple of {patch_size}, and less than {image_size}"
            )


ARMS = {
    "plain": SigLIP2Config(captions=False, self_distillation=False, masks=False),
    "all": SigLIP2Config(),
    "no_captions": SigLIP2Config(captions=False),
    "no_self_distillation": SigLIP2Config(self_distillation=False),
    "no_masks": SigLIP2Config(masks=False),
}


def arm(name: str, **settings: object) -> SigLIP2Config:
    """Return the recipe of an arm, with some settings changed.

    Raises:
        KeyError: there is no such arm.

    >>> arm("no_masks", local_size=24).masks
    False
    """
    if name not in ARMS:
        raise KeyError(f"there is no arm {name!r}: take one of {', '.join(ARMS)}")
    return replace(ARMS[name], **settings)  # type: ignore[arg-type]
