"""What can be asked of a model from a shell: each task opens its data, encodes it, and returns a result.

classify         zero-shot classification of a labelled set
probe            linear probe, few shots, nearest centroid, beside zero-shot
retrieval        captions find images, and images captions
hard-negatives   on scenes: of two captions that differ in one fact, which?
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.labelled import LabelledImages, open_labelled
from clip_tutor.data.sources import open_pairs
from clip_tutor.evaluation.calibration import fit_temperature
from clip_tutor.evaluation.classification import classification
from clip_tutor.evaluation.classifier import Classifier, build_classifier
from clip_tutor.evaluation.encoding import Encoded
from clip_tutor.evaluation.featurizer import Labelled, featurizer_report, joint_features, probe_features, split_off
from clip_tutor.evaluation.hard_negatives import hard_negative_report
from clip_tutor.evaluation.kept_vectors import encode_keeping
from clip_tutor.evaluation.pair_vectors import retrieval_on_pairs
from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import Retrieval, retrieval
from clip_tutor.weights import Loaded, fingerprint

SCENES = "scenes"


@dataclass(frozen=True)
class Job:
    """A loaded model, a data set, and how the one is asked about the other."""

    loaded: Loaded
    data: str  # see `clip_tutor.data.labelled.opening`
    split: str | None = None
    train_split: str = "train"  # of a probe, and of the temperature
    names: tuple[str, ...] | None = None
    templates: tuple[str, ...] = ("a photo of a {}.",)
    classifier: Path | None = None  # a saved one, instead of names and templates
    save_classifier: Path | None = None
    temperature: bool = False  # fit one on the training split
    limit: int | None = None  # images of each split, spread evenly over it
    workers: int = 4
    vectors: Path | None = None  # the folder where vectors are kept while it runs

    def open(self, split: str | None) -> LabelledImages:
        """Return a split of the labelled set, cut to the limit."""
        size = self.loaded.model.config.vision.image_size
        labelled = open_labelled(self.data, split, self.names, size)
        if self.limit is None or self.limit >= len(labelled):
            return labelled
        if self.limit < 1:
            raise ValueError(f"a limit of {self.limit} images leaves nothing to measure on: take at least 1")
        return labelled.take(torch.linspace(0, len(labelled) - 1, self.limit).long().tolist())

    def encode(self, split: str | None, labelled: LabelledImages) -> Encoded:
        """Return the vectors of a split from before the projection, from which the joint ones are computed."""
        model = self.loaded.model
        key = f"{fingerprint(model)} {self.data} {split} {len(labelled)} {hash_of(labelled)}"
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        path = self.vectors / f"{name}.safetensors" if self.vectors else None
        with bar(len(labelled), f"{self.data} {split or ''}".strip()) as seen:
            return encode_keeping(model, labelled, path, key, partial(probe_features, model), self.workers, seen)

    def joint(self, encoded: Encoded) -> Encoded:
        """Return the same in the joint space, (N, E) unit vectors."""
        return replace(encoded, features=joint_features(self.loaded.model, encoded.features))

    def classifier_for(self, labelled: LabelledImages) -> Classifier:
        """Return the classifier that is to be measured: a saved one, or one that the text tower writes.

        Raises:
            ValueError: the saved one has other classes than the set.
        """
        if self.classifier is None:
            model, tokenizer, _ = self.loaded
            made = build_classifier(model, tokenizer, labelled.names, self.templates)
        else:
            made = Classifier.open(self.classifier, self.loaded.model)
            if made.names != labelled.names:
                raise ValueError(
                    f"the classes of {self.classifier} ({', '.join(made.names[:5])} …) do not match those of the set "
                    f"({', '.join(labelled.names[:5])} …): build one for this set"
                )
        if self.save_classifier:
            made.save(self.save_classifier)
        return made


def hash_of(labelled: LabelledImages) -> str:
    """Return a short name for the labels of a set: another order of its images is another set."""
    return hashlib.sha256(",".join(map(str, labelled.labels)).encode()).hexdigest()[:8]


@contextmanager
def bar(total: int | None, what: str) -> Iterator[Callable[[int], Any]]:
    """Show a progress bar on the error stream, and give what moves it on by so many images."""
    with tqdm(total=total, desc=what, unit="image", mininterval=0.5) as shown:
        yield shown.update


def classify(job: Job) -> Result:
    """Return zero-shot classification of the test split."""
    labelled = job.open(job.split)
    classifier = job.classifier_for(labelled)  # before anything is encoded: a bad prompt must not cost an hour
    temperature = 1.0
    if job.temperature:
        held_out = job.joint(job.encode(job.train_split, job.open(job.train_split)))
        temperature = fit_temperature(classifier.logits(held_out.features), held_out.labels)
    return classification(classifier, job.joint(job.encode(job.split, labelled)), temperature)


def probe(job: Job) -> Result:
    """Return what a linear probe on the training split makes of the test split, beside zero-shot."""
    test, train = job.open(job.split), job.open(job.train_split)
    classifier = job.classifier_for(test)
    of_train, of_test = job.encode(job.train_split, train), job.encode(job.split, test)
    both = split_off(Labelled(of_train.features, of_train.labels))
    return featurizer_report(
        job.loaded.model, *both, Labelled(of_test.features, of_test.labels), classes=classifier.weights
    )


def find(job: Job) -> Retrieval:
    """Return retrieval both ways among the images of a set and their captions."""
    model, tokenizer, _ = job.loaded
    kind, _, place = job.data.partition(":")
    if kind == SCENES:
        from clip_tutor.data.scenes import Scenes
        from clip_tutor.embedding import encode_images, encode_texts

        scenes = Scenes(_objects(place), "test", model.config.vision.image_size)
        batch = scenes.batch(scenes.distinct(job.limit or 1000))
        images, texts = encode_images(model, batch.pixels), encode_texts(model, tokenizer, batch.captions, True)
        return retrieval(images, texts, torch.arange(len(images)))
    pairs: Any = open_pairs(job.data, job.split)
    if job.limit is not None and hasattr(pairs, "__len__"):
        pairs = [pairs[n] for n in range(min(job.limit, len(pairs)))]
    with bar(len(pairs) if hasattr(pairs, "__len__") else None, job.data) as seen:
        return retrieval_on_pairs(model, tokenizer, pairs, seen)


def hard_negatives(job: Job) -> Result:
    """Return how often the right caption of a scene wins against one that is wrong in one fact."""
    kind, _, place = job.data.partition(":")
    if kind != SCENES:
        raise ValueError(f"hard negatives are made from the truth of scenes, which {job.data} has not: take scenes")
    model, tokenizer, _ = job.loaded
    return hard_negative_report(model, tokenizer, _objects(place), job.limit or 1000)


TASKS: dict[str, Callable[[Job], Result]] = {
    "classify": classify,
    "probe": probe,
    "retrieval": find,
    "hard-negatives": hard_negatives,
}


def _objects(place: str) -> Any:
    return load_emoji() if place == "all" else find_emoji(FIRST_WORDS)
