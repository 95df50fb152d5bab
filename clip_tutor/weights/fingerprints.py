"""Which weights made these vectors? A short name for a model's weights."""

import hashlib

from clip_tutor.model import CLIP


def fingerprint(model: CLIP) -> str:
    """Return a short name for these very weights: two models share it only if they are the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
