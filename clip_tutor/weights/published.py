"""Where the published checkpoints lie on the Hub, and what each of them was trained with.

PUBLISHED["ViT-B/32"]["openai"]  ─▶  Checkpoint(repo, file, revision, preprocessing)

The activation is the model's: "ViT-B/32" is QuickGELU, "ViT-B-32" is GELU, and a checkpoint stands only under the
one that it was trained with. Source of names and places: open_clip ``pretrained.py``, and the Hub's own pages.
"""

from dataclasses import dataclass

from clip_tutor.images import LAION_L14_PREPROCESSING, Preprocessing

OPEN_CLIP_FILE = "open_clip_model.safetensors"
TRANSFORMERS_FILE = "model.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """One set of published weights."""

    repo: str  # on the Hub
    file: str = OPEN_CLIP_FILE
    revision: str | None = None  # the commit that was current when this line was written; None: the main branch
    preprocessing: Preprocessing | None = None  # where it differs from the model's


def _google(repo: str, revision: str | None = None) -> dict[str, Checkpoint]:
    return {"webli": Checkpoint(repo, TRANSFORMERS_FILE, revision)}


PUBLISHED: dict[str, dict[str, Checkpoint]] = {
    # OpenAI's own weights, in half precision and OpenCLIP's layout.
    "RN50": {"openai": Checkpoint("timm/resnet50_clip.openai")},
    "RN101": {"openai": Checkpoint("timm/resnet101_clip.openai")},
    "RN50x4": {"openai": Checkpoint("timm/resnet50x4_clip.openai")},
    "RN50x16": {"openai": Checkpoint("timm/resnet50x16_clip.openai")},
    "RN50x64": {"openai": Checkpoint("timm/resnet50x64_clip.openai")},
    "ViT-B/32": {
        "openai": Checkpoint(
            "timm/vit_base_patch32_clip_224.openai", revision="a6f597a30f7b82c51704746581f9a4e41421e878"
        )
    },
    "ViT-B/16": {"openai": Checkpoint("timm/vit_base_patch16_clip_224.openai")},
    "ViT-L/14": {"openai": Checkpoint("timm/vit_large_patch14_clip_224.openai")},
    "ViT-L/14@336px": {"openai": Checkpoint("timm/vit_large_patch14_clip_336.openai")},
    # OpenCLIP, trained on LAION-2B and DataComp-1B; the tag tells samples seen and batch size.
    "ViT-B-32": {
        "laion2b_s34b_b79k": Checkpoint("laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
        "datacomp_xl_s13b_b90k": Checkpoint("laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"),
    },
    "ViT-B-32-256": {"datacomp_s34b_b86k": Checkpoint("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K")},
    "ViT-B-16": {
        "laion2b_s34b_b88k": Checkpoint("laion/CLIP-ViT-B-16-laion2B-s34B-b88K"),
        "datacomp_xl_s13b_b90k": Checkpoint("laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K"),
    },
    "ViT-B-16-plus-240": {"laion400m_e32": Checkpoint("timm/vit_base_patch16_plus_clip_240.laion400m_e31")},
    "ViT-L-14": {
        "laion2b_s32b_b82k": Checkpoint("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", preprocessing=LAION_L14_PREPROCESSING),
        "datacomp_xl_s13b_b90k": Checkpoint("laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K"),
    },
    "ViT-H-14": {"laion2b_s32b_b79k": Checkpoint("laion/CLIP-ViT-H-14-laion2B-s32B-b79K")},
    "ViT-g-14": {
        "laion2b_s12b_b42k": Checkpoint("laion/CLIP-ViT-g-14-laion2B-s12B-b42K"),
        "laion2b_s34b_b88k": Checkpoint("laion/CLIP-ViT-g-14-laion2B-s34B-b88K"),
    },
    "ViT-bigG-14": {"laion2b_s39b_b160k": Checkpoint("laion/CLIP-ViT-bigG-14-laion2B-39B-b160k")},
    "convnext_base_w": {
        "laion2b_s13b_b82k": Checkpoint("laion/CLIP-convnext_base_w-laion2B-s13B-b82K"),
        "laion2b_s13b_b82k_augreg": Checkpoint("laion/CLIP-convnext_base_w-laion2B-s13B-b82K-augreg"),
    },
    "convnext_base_w_320": {
        "laion_aesthetic_s13b_b82k_augreg": Checkpoint(
            "laion/CLIP-convnext_base_w_320-laion_aesthetic-s13B-b82K-augreg"
        )
    },
    "convnext_large_d": {
        "laion2b_s26b_b102k_augreg": Checkpoint("laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg")
    },
    "convnext_large_d_320": {
        "laion2b_s29b_b131k_ft_soup": Checkpoint("laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup")
    },
    "convnext_xxlarge": {
        "laion2b_s34b_b82k_augreg_soup": Checkpoint("laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup")
    },
    # Google, in the layout of transformers; WebLI is the data set.
    **{f"SigLIP-B/16-{pixels}": _google(f"google/siglip-base-patch16-{pixels}") for pixels in (224, 256, 384, 512)},
    **{f"SigLIP-L/16-{pixels}": _google(f"google/siglip-large-patch16-{pixels}") for pixels in (256, 384)},
    **{f"SigLIP-SO400M/14-{pixels}": _google(f"google/siglip-so400m-patch14-{pixels}") for pixels in (224, 384)},
    **{f"SigLIP2-B/16-{pixels}": _google(f"google/siglip2-base-patch16-{pixels}") for pixels in (224, 256, 384, 512)},
    **{f"SigLIP2-L/16-{pixels}": _google(f"google/siglip2-large-patch16-{pixels}") for pixels in (256, 384, 512)},
    "SigLIP2-SO400M/14-224": _google("google/siglip2-so400m-patch14-224"),
    "SigLIP2-SO400M/14-378": _google("google/siglip2-so400m-patch14-384"),  # 384 in the name, 378 = 27 × 14 in fact
    **{f"SigLIP2-SO400M/16-{pixels}": _google(f"google/siglip2-so400m-patch16-{pixels}") for pixels in (256, 384, 512)},
    "SigLIP2-B/16-NaFlex": _google("google/siglip2-base-patch16-naflex"),
    "SigLIP2-SO400M/16-NaFlex": _google("google/siglip2-so400m-patch16-naflex"),
    "ALIGN-base": {"coyo700m": Checkpoint("kakaobrain/align-base", TRANSFORMERS_FILE)},
}


def checkpoints(name: str) -> list[str]:
    """Return the tags of the published weights of a model, none for one that nobody published."""
    return list(PUBLISHED.get(name, {}))
