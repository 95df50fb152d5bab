"""Where the published checkpoints lie on the Hub, and what each of them was trained with.

PUBLISHED["ViT-B/32"]["openai"]  ─▶  Checkpoint(repo, revision, file, preprocessing)

The activation is the model's: "ViT-B/32" is QuickGELU, "ViT-B-32" is GELU, and a checkpoint stands only under the
one that it was trained with. The revision is a commit, so that the same line gives the same weights in ten years;
where it is "main", none is known. Source of names and places: open_clip ``pretrained.py``, and the Hub's own pages.
"""

from dataclasses import dataclass

from clip_tutor.images import LAION_L14_PREPROCESSING, Preprocessing

# What the files are called: OpenCLIP's layout today and before, then transformers'.
OPEN_CLIP = "open_clip_model.safetensors"
EARLIER_OPEN_CLIP = "open_clip_pytorch_model.safetensors"
EARLIEST_OPEN_CLIP = "open_clip_pytorch_model.bin"
TRANSFORMERS = "model.safetensors"
EARLIER_TRANSFORMERS = "pytorch_model.bin"
FILES = (OPEN_CLIP, EARLIER_OPEN_CLIP, TRANSFORMERS, EARLIEST_OPEN_CLIP, EARLIER_TRANSFORMERS)


@dataclass(frozen=True)
class Checkpoint:
    """One set of published weights."""

    repo: str  # on the Hub
    revision: str = "main"
    file: str = OPEN_CLIP
    preprocessing: Preprocessing | None = None  # where it differs from the model's


# Language models stand apart: they are no CLIP. See `clip_tutor.applications.language_model`.
LANGUAGE_MODELS = {
    "gpt2": Checkpoint("openai-community/gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e", TRANSFORMERS),
}

PUBLISHED: dict[str, dict[str, Checkpoint]] = {
    # OpenAI: in half precision, and in OpenCLIP's layout.
    "RN50": {"openai": Checkpoint("timm/resnet50_clip.openai", "ec3d92cf63a5f9d591f0d611b736895966c73076")},
    "RN101": {"openai": Checkpoint("timm/resnet101_clip.openai")},
    "RN50x4": {"openai": Checkpoint("timm/resnet50x4_clip.openai", "89dd952669c168aa2ea94db6fdf2827927a6945e")},
    "RN50x16": {"openai": Checkpoint("timm/resnet50x16_clip.openai")},
    "RN50x64": {"openai": Checkpoint("timm/resnet50x64_clip.openai")},
    "ViT-B/32": {
        "openai": Checkpoint("timm/vit_base_patch32_clip_224.openai", "a6f597a30f7b82c51704746581f9a4e41421e878")
    },
    "ViT-B/16": {
        "openai": Checkpoint("timm/vit_base_patch16_clip_224.openai", "977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d")
    },
    "ViT-L/14": {
        "openai": Checkpoint("timm/vit_large_patch14_clip_224.openai", "18d0535469bb561bf468d76c1d73aa35156c922b")
    },
    "ViT-L/14@336px": {
        "openai": Checkpoint("timm/vit_large_patch14_clip_336.openai", "81e38efc4637de5023b10e75a7f9bd1c6fa6b010")
    },
    # OpenCLIP, trained on LAION and DataComp; a tag tells the samples seen and the batch size.
    "ViT-B-32": {
        "laion2b_s34b_b79k": Checkpoint(
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "1a25a446712ba5ee05982a381eed697ef9b435cf"
        ),
        "datacomp_xl_s13b_b90k": Checkpoint(
            "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", "f0e2ffa09cbadab3db6a261ec1ec56407ce42912"
        ),
    },
    "ViT-B-32-256": {
        "datacomp_s34b_b86k": Checkpoint(
            "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", "4afec35ffe57a943d569ff7ee888061830164da8"
        ),
    },
    "ViT-B-16": {
        "laion2b_s34b_b88k": Checkpoint(
            "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", "7288da5a0d6f0b51c4a2b27c624837a9236d0112"
        ),
        "datacomp_xl_s13b_b90k": Checkpoint(
            "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", "d110532e8d4ff91c574ee60a342323f28468b287", EARLIEST_OPEN_CLIP
        ),
    },
    "ViT-L-14": {
        "laion2b_s32b_b82k": Checkpoint(
            "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
            "1627032197142fbe2a7cfec626f4ced3ae60d07a",
            EARLIER_OPEN_CLIP,
            preprocessing=LAION_L14_PREPROCESSING,
        ),
        "datacomp_xl_s13b_b90k": Checkpoint(
            "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "84c9828e63dc9a9351d1fe637c346d4c1c4db341", EARLIEST_OPEN_CLIP
        ),
    },
    "ViT-H-14": {
        "laion2b_s32b_b79k": Checkpoint(
            "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "1c2b8495b28150b8a4922ee1c8edee224c284c0c"
        ),
    },
    "ViT-g-14": {
        "laion2b_s12b_b42k": Checkpoint(
            "laion/CLIP-ViT-g-14-laion2B-s12B-b42K", "4b0305adc6802b2632e11cbe6606a9bdd43d35c9", EARLIER_OPEN_CLIP
        ),
        "laion2b_s34b_b88k": Checkpoint(
            "laion/CLIP-ViT-g-14-laion2B-s34B-b88K", "15efd0f6ac0c40c0f9da7becca03c974d7012604", EARLIEST_OPEN_CLIP
        ),
    },
    "ViT-bigG-14": {
        "laion2b_s39b_b160k": Checkpoint(
            "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", "bc7788f151930d91b58474715fdce5524ad9a189", EARLIER_OPEN_CLIP
        ),
    },
    "convnext_base_w": {
        "laion2b_s13b_b82k": Checkpoint(
            "laion/CLIP-convnext_base_w-laion2B-s13B-b82K", "43cc4adea32de0ca94f71bfe1162eba29c824d6e"
        ),
        "laion2b_s13b_b82k_augreg": Checkpoint(
            "laion/CLIP-convnext_base_w-laion2B-s13B-b82K-augreg", "f231e88547aac0dd86ad224432612fcf91aa4226"
        ),
    },
    "convnext_base_w_320": {
        "laion_aesthetic_s13b_b82k_augreg": Checkpoint(
            "laion/CLIP-convnext_base_w_320-laion_aesthetic-s13B-b82K-augreg",
            "d52c7bb6ef5a9f30f524279344cb4bc960e86ae7",
        ),
    },
    "convnext_large_d": {
        "laion2b_s26b_b102k_augreg": Checkpoint(
            "laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg",
            "cd66c85f4f24a12952b171b3aa8b5c12f8e56644",
            EARLIEST_OPEN_CLIP,
        ),
    },
    "convnext_large_d_320": {
        "laion2b_s29b_b131k_ft_soup": Checkpoint(
            "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup", "654d0f80ff73c58e7281a3ca7dc425589049e2e1"
        ),
    },
    "convnext_xxlarge": {
        "laion2b_s34b_b82k_augreg_soup": Checkpoint(
            "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup",
            "9f3e8ee3f383c672388d9178afe70af9e63ac9df",
            EARLIEST_OPEN_CLIP,
        ),
    },
    # Google, in transformers' layout; WebLI is the data set.
    "SigLIP-B/16-224": {
        "webli": Checkpoint("google/siglip-base-patch16-224", "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed", TRANSFORMERS)
    },
    "SigLIP-B/16-256": {
        "webli": Checkpoint("google/siglip-base-patch16-256", "b078df89e446d623010d890864d4207fe6399f61", TRANSFORMERS)
    },
    "SigLIP-B/16-384": {
        "webli": Checkpoint("google/siglip-base-patch16-384", "41aec1c83b32e0a6fca20ad88ba058aa5b5ea394", TRANSFORMERS)
    },
    "SigLIP-B/16-512": {
        "webli": Checkpoint("google/siglip-base-patch16-512", "753a949581523b60257d93e18391e8c27f72eb22", TRANSFORMERS)
    },
    "SigLIP-L/16-256": {
        "webli": Checkpoint("google/siglip-large-patch16-256", "d0da9f876e7d66b4e250cd2450c3ba2ce735e447", TRANSFORMERS)
    },
    "SigLIP-L/16-384": {
        "webli": Checkpoint("google/siglip-large-patch16-384", "ce005573a40965dfd21fd937fbdeeebf2439fc35", TRANSFORMERS)
    },
    "SigLIP-SO400M/14-224": {
        "webli": Checkpoint(
            "google/siglip-so400m-patch14-224", "d04cf29fca7b6374f74d8bea1969314492266b5e", TRANSFORMERS
        )
    },
    "SigLIP-SO400M/14-384": {
        "webli": Checkpoint(
            "google/siglip-so400m-patch14-384", "9fdffc58afc957d1a03a25b10dba0329ab15c2a3", TRANSFORMERS
        )
    },
    "SigLIP2-B/16-224": {
        "webli": Checkpoint("google/siglip2-base-patch16-224", "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2", TRANSFORMERS)
    },
    "SigLIP2-B/16-256": {
        "webli": Checkpoint("google/siglip2-base-patch16-256", "3f9f96cb90da5dbc758b01813f2f6f1aee24c1ab", TRANSFORMERS)
    },
    "SigLIP2-B/16-384": {
        "webli": Checkpoint("google/siglip2-base-patch16-384", "f775b65a79762255128c981547af89addcfe0f88", TRANSFORMERS)
    },
    "SigLIP2-B/16-512": {
        "webli": Checkpoint("google/siglip2-base-patch16-512", "a89f5c5093f902bf39d3cd4d81d2c09867f0724b", TRANSFORMERS)
    },
    "SigLIP2-L/16-256": {
        "webli": Checkpoint(
            "google/siglip2-large-patch16-256", "787800c8990e6f058423089178e718139608408c", TRANSFORMERS
        )
    },
    "SigLIP2-L/16-384": {
        "webli": Checkpoint(
            "google/siglip2-large-patch16-384", "1b426889ea62b5a72bf9839009a1b184bfc9c178", TRANSFORMERS
        )
    },
    "SigLIP2-L/16-512": {
        "webli": Checkpoint(
            "google/siglip2-large-patch16-512", "49488218e80259885f3be61d7a9455faf833b7a8", TRANSFORMERS
        )
    },
    "SigLIP2-SO400M/14-224": {
        "webli": Checkpoint(
            "google/siglip2-so400m-patch14-224", "78e403963a4f6a3640d07803284752326fdf4edf", TRANSFORMERS
        )
    },
    "SigLIP2-SO400M/14-384": {
        "webli": Checkpoint(
            "google/siglip2-so400m-patch14-384", "e8e487298228002f3d8a82e0cd5c8ea9c567f57f", TRANSFORMERS
        )
    },
    "SigLIP2-SO400M/16-256": {
        "webli": Checkpoint(
            "google/siglip2-so400m-patch16-256", "e8708ab72d125807e45b36fb7d4e0aacbb59f379", TRANSFORMERS
        )
    },
    "SigLIP2-SO400M/16-384": {
        "webli": Checkpoint(
            "google/siglip2-so400m-patch16-384", "dd658faac399427308559e2c3ac1e99cbe43845d", TRANSFORMERS
        )
    },
    "SigLIP2-SO400M/16-512": {
        "webli": Checkpoint(
            "google/siglip2-so400m-patch16-512", "ceea1cba8130d8271436da4828633198c176a775", TRANSFORMERS
        )
    },
    "SigLIP2-B/16-NaFlex": {
        "webli": Checkpoint(
            "google/siglip2-base-patch16-naflex", "b53b807d3a2d5e2b3911292f2d69e5341cdc064c", TRANSFORMERS
        )
    },
    "SigLIP2-SO400M/16-NaFlex": {
        "webli": Checkpoint(
            "google/siglip2-so400m-patch16-naflex", "cc24074f717b612951c2dead130904ab9b65a81e", TRANSFORMERS
        )
    },
    # Kakao Brain, trained on COYO.
    "ALIGN-base": {
        "coyo700m": Checkpoint(
            "kakaobrain/align-base", "e96a37facc7b1f59090ece82293226b817afd6ba", EARLIER_TRANSFORMERS
        )
    },
}


def list_weights(name: str) -> list[str]:
    """Return the tags of the published weights of a model, none for one that nobody published.

    >>> list_weights("ViT-B/32")
    ['openai']
    """
    return list(PUBLISHED.get(name, {}))
