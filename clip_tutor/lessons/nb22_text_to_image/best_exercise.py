"""Exercise 22.8: of several embeddings that a prior predicts, the one that its text likes best."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import in_words, random_tensor


def my_best_of(candidates: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Return (B, E), unit vectors: for each of B texts the best of N image embeddings that were predicted for it.

    candidates is (N, B, E), as a prior says them: candidates[n, b] is the n-th one for texts[b], and they differ in
    length. texts is (B, E), unit vectors.
    Each candidate is brought to length 1 first. The best one has the largest product with its text.
    """
    images = F.normalize(candidates, dim=-1)  # (N, B, E)
    chosen = (images * texts).sum(dim=-1).argmax(dim=0)  # (B,)
    return images[chosen, torch.arange(len(texts))]


def _check_best(best_of: Attempt) -> str:
    for N, B, E in ((3, 3, 3), (2, 1, 5), (2, 4, 4), (5, 2, 6)):
        lengths = torch.linspace(0.3, 3, N * B).view(N, B, 1)
        candidates, texts = lengths * random_tensor(N, B, E), F.normalize(random_tensor(B, E, seed=4), dim=-1)
        found, right = best_of(candidates, texts), my_best_of(candidates, texts)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for {N} candidates (E = {E}) for each of {B} texts",
            f"a tensor {tuple(right.shape)}",
        )
        for b in range(B):
            seen, wanted = ((one[b] @ texts[b]).item() for one in (found, right))
            demand(
                torch.allclose(found[b], right[b], atol=1e-5),
                f"for text {b} of {B}, of {N} candidates, ({in_words(found[b], right[b])}), of length "
                f"{found[b].norm():.3f}, whose product with it is {seen:.3f}",
                f"({in_words(right[b], found[b])}), of length 1, whose product with it is {wanted:.3f}",
            )
    return "two, three and five candidates of different length, one text and several, each with a choice of its own"


def _with(images=None, products=None, choose=None):  # type: ignore[no-untyped-def]
    """Return an answer that looks at other vectors, measures in another way, or chooses otherwise."""
    images = images or (lambda candidates: F.normalize(candidates, dim=-1))
    products = products or (lambda images, texts: (images * texts).sum(dim=-1))
    choose = choose or (lambda products: products.argmax(dim=0))

    def answer(candidates, texts):  # type: ignore[no-untyped-def]
        found = images(candidates)
        return found[choose(products(found, texts)), torch.arange(len(texts))]

    return answer


def _by_raw_length(candidates, texts):  # type: ignore[no-untyped-def]
    chosen = (candidates * texts).sum(dim=-1).argmax(dim=0)
    return F.normalize(candidates, dim=-1)[chosen, torch.arange(len(texts))]


BEST = Exercise(
    id="22.8",
    title="The best of several",
    difficulty=1,
    minutes=8,
    reference=my_best_of,
    check=_check_best,
    hints=(
        "`(images * texts).sum(dim=-1)` is (N, B): the product of each candidate with its own text.",
        "`argmax(dim=0)` goes through the N candidates of each text and gives (B,) numbers.",
        "`images[chosen, torch.arange(B)]` takes from candidate chosen[b] the row b, for all b at once.",
    ),
    mutants=(
        Mutant(
            _by_raw_length, "the longest won: bring candidates to length 1 before they are compared, not only after"
        ),
        Mutant(
            _with(images=lambda candidates: F.normalize(candidates, dim=1)),
            "brought to length 1 along the texts, the default of `F.normalize`: a candidate's numbers are in the last "
            "dimension",
        ),
        Mutant(_with(images=lambda candidates: candidates), "the candidates were not brought to length 1"),
        Mutant(_with(choose=lambda products: products.argmin(dim=0)), "the smallest product won"),
        Mutant(
            _with(choose=lambda products: products.sum(dim=1).argmax().expand(products.shape[1])),
            "one choice for the whole batch: each text chooses for itself",
        ),
        Mutant(
            _with(choose=lambda products: torch.zeros(products.shape[1], dtype=torch.long)),
            "the first candidate was taken whatever the text says",
        ),
        Mutant(_with(choose=lambda products: products[:2].argmax(dim=0)), "only two candidates were compared"),
        Mutant(
            _with(choose=lambda products: products.argmax(dim=1)),
            "the largest product of each candidate: take the largest of each text, with dim=0",
        ),
        Mutant(
            lambda candidates, texts: F.normalize(candidates, dim=-1)[
                (F.normalize(candidates, dim=-1) * texts).sum(dim=-1).argmax(dim=0)
            ],
            "all rows of the chosen candidates: of candidate chosen[b] only row b is meant",
        ),
        Mutant(
            _with(products=lambda images, texts: (images @ texts.T).sum(dim=-1)),
            "each candidate was compared with all texts: its own is in its own row",
        ),
        Mutant(
            lambda candidates, texts: F.normalize(F.normalize(candidates, dim=-1).mean(dim=0), dim=-1),
            "the mean of all candidates: that is no embedding of an image, and nothing was chosen",
        ),
    ),
)
