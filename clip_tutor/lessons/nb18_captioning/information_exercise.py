"""Exercise 18.4: how many nats the image adds to each word, which exposes a captioner that does not look."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.tried import without_autograd
from clip_tutor.lessons.nb18_captioning.loss_exercise import END, captions_of

Captions = Callable[[Tensor, Tensor], Tensor]


def image_nats(
    captioner: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    image_features: torch.Tensor,
    token_ids: torch.Tensor,
    end_id: int,
) -> torch.Tensor:
    """Return (B, T): how many nats the image adds to each token of B captions; 0 behind the first end_id of a row.

    captioner(image_features, token_ids) takes as many images as captions, and returns logits (B, N + T, V).
    image_features is (M, E), with M >= B: row i belongs to caption i of token_ids (B, T), the others to none.
    What the image adds is ln p(token | own image, words before) - ln p(token | words before). The latter knows of no
    image: it is the mean of p(token | image, words before) over all M images, the own one among them.
    """
    (M, _), (_, T) = image_features.shape, token_ids.shape
    nats = torch.zeros(token_ids.shape)
    for i, ids in enumerate(token_ids):
        ids = ids.expand(M, -1)  # (M, T), this caption with every image
        log_p = captioner(image_features, ids)[:, -T - 1 : -1].log_softmax(dim=-1)  # (M, T, V)
        log_p = log_p.gather(2, ids[..., None]).squeeze(2)  # (M, T)
        nats[i] = log_p[i] - (log_p.logsumexp(dim=0) - math.log(M))
    is_end = token_ids.eq(end_id)
    return nats.masked_fill(is_end.cumsum(dim=1) > is_end.long(), 0.0)


class Toy:
    """A captioner of nothing: its logits are random numbers that depend on image and words, or on the words alone."""

    def __init__(self, E: int, N: int, V: int, looks: bool) -> None:
        random = torch.Generator().manual_seed(10 * E + V)
        self.of_image = torch.randn(E, N * V, generator=random) * looks
        self.of_word = torch.randn(V, V, generator=random)
        self.pair = torch.randn(V, E, V, generator=random) * looks
        self.N, self.V, self.name = N, V, f"toy {E} {N} {V} {looks}"

    def __call__(self, image_features: Tensor, token_ids: Tensor) -> Tensor:
        """Return (B, N + T, V) logits.

        Raises:
            ValueError: not as many images as captions.
        """
        if len(image_features) != len(token_ids):
            raise ValueError(f"{len(image_features)} images and {len(token_ids)} captions: give one image a caption")
        prefix = (image_features @ self.of_image).unflatten(1, (self.N, self.V))  # (B, N, V)
        words = self.of_word[token_ids] + torch.einsum("btev,be->btv", self.pair[token_ids], image_features)
        return torch.cat([prefix, words], dim=1)

    def __repr__(self) -> str:
        return "a made-up captioner"


_CASES = (((3,), 4, 3, 2, 5, True), ((4, 2, 1), 6, 4, 3, 7, True), ((2, 3), 5, 3, 2, 6, False))


def _case(lengths: tuple[int, ...], M: int, E: int, N: int, V: int, looks: bool) -> tuple[Toy, Tensor, Tensor, int]:
    images = torch.randn(M, E, generator=torch.Generator().manual_seed(M))
    return Toy(E, N, V, looks), images, captions_of(lengths, V, M), END


def _check_information(nats_of: Attempt) -> str:
    cases = [_case(*case) for case in _CASES]
    found = [nats_of(*case) for case in cases]
    for result, case, (lengths, M, *_, looks) in zip(found, cases, _CASES, strict=True):
        ids = case[2]
        demand(
            isinstance(result, Tensor) and result.shape == ids.shape,
            f"the result is {describe(result)} for captions {tuple(ids.shape)}",
            f"a tensor {tuple(ids.shape)}: a number for each token",
        )
        right = image_nats(*case)
        for n, (row, wanted) in enumerate(zip(result, right, strict=True)):
            demand(
                torch.allclose(row.float(), wanted, atol=1e-4),
                f"{_told(row)} for caption {n} of {len(ids)} ({lengths[n]} words and an end) and {M} images"
                + ("" if looks else ", from a captioner that never looks at the image"),
                _told(wanted),
            )
    return "captions of several lengths, with more images than captions, padding, and a captioner that never looks: 0"


def _told(row: Tensor) -> str:
    return f"({', '.join(f'{value:.2f}' for value in row.tolist())})"


def _with(gain, start=-1, masks=lambda ends: ends.cumsum(1) > ends.long(), softmax=-1, rows=None):  # type: ignore[no-untyped-def]
    """Return an answer with another gain of (M, T) log-probabilities and row i, another slice, mask or softmax."""

    def answer(captioner, images, ids, end_id):  # type: ignore[no-untyped-def]
        T = ids.shape[1]
        seen = images if rows is None else images[: rows(ids)]
        nats = []
        for i, row in enumerate(ids):
            each = row.expand(len(seen), -1)
            first = captioner(seen, each).shape[1] - T + start
            log_p = captioner(seen, each)[:, first : first + T].log_softmax(softmax)
            nats.append(gain(log_p.gather(2, each[..., None])[..., 0], i))
        return torch.stack(nats).masked_fill(masks(ids == end_id), 0.0)

    return answer


def _gain(log_p: Tensor, i: int) -> Tensor:
    return log_p[i] - log_p.logsumexp(0) + math.log(len(log_p))


def _others(log_p: Tensor, i: int) -> Tensor:
    others = torch.cat([log_p[:i], log_p[i + 1 :]])
    return log_p[i] - others.logsumexp(0) + math.log(len(others))


INFORMATION = Exercise(
    id="18.4",
    title="A collapse detector",
    difficulty=2,
    minutes=15,
    reference=image_nats,
    use=without_autograd,
    check=_check_information,
    hints=(
        "One caption at a time: repeat it for all M images with `expand`, and ask the captioner once. Which places "
        "speak of its tokens, you know from 18.2.",
        "`log_softmax`, then `gather` takes out of V the entry of each token: (M, T). Row i is that of its own image.",
        "The logarithm of a mean of probabilities is `log_p.logsumexp(dim=0) - math.log(M)`. At the end put 0 wherever "
        "an end has come before, as in 18.2.",
    ),
    mutants=(
        Mutant(
            _with(lambda log_p, i: log_p[i] - log_p.mean(0)),
            "the mean of the logarithms: a single image that makes the word impossible would decide; average the "
            "probabilities, then take the logarithm",
        ),
        Mutant(_with(_others), "the own image was left out of the mean: it is one of the M"),
        Mutant(_with(lambda log_p, i: _gain(log_p, 0)), "each caption was scored with image 0: caption i has image i"),
        Mutant(_with(lambda log_p, i: -_gain(log_p, i)), "the sign: with its own image a word is likelier, not less"),
        Mutant(
            _with(lambda log_p, i: log_p[i].exp() - log_p.exp().mean(0)),
            "a difference of probabilities: nats are differences of logarithms",
        ),
        Mutant(_with(lambda log_p, i: log_p[i]), "ln p with the image alone: what is known without one must come off"),
        Mutant(
            _with(lambda log_p, i: log_p[i] - log_p.logsumexp(0)),
            "a sum in the place of the mean: divide by M, which is minus ln M in logarithms",
        ),
        Mutant(
            _with(lambda log_p, i: _gain(log_p, i) / math.log(2)), "bits: these are nats, with the natural logarithm"
        ),
        Mutant(_with(_gain, start=0), "a place too late: logits at a token speak of the next one, as in 18.2"),
        Mutant(_with(_gain, masks=lambda ends: ends & False), "behind the first end is padding: put 0 there"),
        Mutant(_with(_gain, masks=lambda ends: ends), "the first end is a token, too, and the image may say when"),
        Mutant(
            _with(_gain, softmax=0), "the softmax went over the images: probabilities of a next token add up over V"
        ),
        Mutant(
            _with(_gain, rows=len),
            "only the images that have a caption were used: the mean goes over all M of them",
        ),
    ),
)
