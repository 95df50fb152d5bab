"""A zero-shot classifier as a thing of its own: a matrix, the prompts that wrote it, and whose vectors it is for.

names × templates ─▶ prompts ─text tower─▶ (M, E) ─ save ─▶ pets.safetensors ─ open ─▶ no text tower needed
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from clip_tutor.evaluation.prompts import prompts_for, require_names
from clip_tutor.evaluation.zero_shot import class_features, classify
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import fingerprint, read_tensors, write_tensors


@dataclass(frozen=True)
class Classifier:
    """What `build_classifier` returns.

    Raises:
        ValueError: names, prompts and weights are not as many, or the names cannot be told apart.
    """

    names: tuple[str, ...]  # M
    prompts: tuple[tuple[str, ...], ...]  # of each class, one or several
    weights: Tensor  # (M, E) unit vectors
    logit_scale: float  # of the model: what cosine similarities are multiplied with
    model: str  # the fingerprint of the weights that made it

    def __post_init__(self) -> None:
        require_names(self.names)
        if not len(self.names) == len(self.prompts) == len(self.weights):
            raise ValueError(
                f"{len(self.names)} names, {len(self.prompts)} lists of prompts and {len(self.weights)} vectors: a "
                "classifier has one of each for each class"
            )

    def logits(self, image_features: Tensor) -> Tensor:
        """Return (N, M) logits, the cosine similarities times the scale, of (N, E) unit vectors."""
        return self.logit_scale * image_features @ self.weights.T

    def probabilities(self, image_features: Tensor) -> Tensor:
        """Return (N, M) probabilities that share 1 among the classes.

        Raises:
            ValueError: see `clip_tutor.evaluation.zero_shot.classify`.
        """
        return classify(image_features, self.weights, self.logit_scale)

    def save(self, path: str | Path) -> None:
        """Write the classifier to a safetensors file, atomically.

        Raises:
            OSError: it could not be written.
        """
        words = json.dumps({"names": self.names, "prompts": self.prompts}, ensure_ascii=False)
        facts = {"classifier": words, "logit_scale": repr(self.logit_scale), "model": self.model}
        write_tensors(path, {"weights": self.weights}, facts)

    @classmethod
    def open(cls, path: str | Path, model: CLIP | None = None) -> Classifier:
        """Read a classifier that ``save`` wrote.

        Args:
            model: whose image vectors it will be given; not given, nobody checks.

        Raises:
            FileNotFoundError, ValueError: there is none, it is damaged, or another model made it.
        """
        tensors, facts = read_tensors(path)
        try:
            words, scale, made_by = json.loads(facts["classifier"]), float(facts["logit_scale"]), facts["model"]
            prompts = tuple(map(tuple, words["prompts"]))
            found = cls(tuple(words["names"]), prompts, tensors["weights"], scale, made_by)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not a classifier: give a file written by Classifier.save") from error
        if model is not None and found.model != fingerprint(model):
            raise ValueError(
                f"{path} was made by another model: its vectors mean nothing to this one; build it again from its "
                "prompts, build_classifier(model, tokenizer, prompts=Classifier.open(path).prompts, names=…)"
            )
        return found


def build_classifier(
    model: CLIP,
    tokenizer: Tokenizer,
    names: Sequence[str],
    templates: Sequence[str] = ("a photo of a {}.",),
    prompts: Sequence[Sequence[str]] | None = None,
) -> Classifier:
    """Return the classifier that the text tower writes: each prompt normalized, their mean, normalized again.

    Args:
        names: of M classes.
        templates: what is made of each name; several are an ensemble.
        prompts: instead of templates, the prompts of each class, written out.

    Raises:
        TypeError, ValueError: names, templates or prompts make no sense, or the model gives vectors of NaN.

    Source: Radford et al. 2021, section 3.1.4; OpenCLIP's ``build_zero_shot_classifier`` gives the same.
    """
    written = prompts_for(names, templates) if prompts is None else [list(group) for group in prompts]
    weights = class_features(model, tokenizer, written)  # (M, E)
    if not weights.isfinite().all():
        raise ValueError("the model's text vectors are not numbers (NaN): it has diverged, or its weights are damaged")
    scale = model.log_logit_scale.exp().item()
    return Classifier(tuple(names), tuple(map(tuple, written)), weights, scale, fingerprint(model))
