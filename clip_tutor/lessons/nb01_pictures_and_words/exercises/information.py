"""Exercise 01.1: how many bits a word tells of a fact."""

import math
from collections import Counter

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def mutual_information(words: torch.Tensor, facts: torch.Tensor) -> float:
    """Return how many bits the words tell of the facts, 0 if they tell nothing.

    words and facts are (N,), whole numbers from 0: which word pair i's caption has, and which fact holds of its image.
    Probabilities are shares of the N pairs. What never occurs counts 0.
    """
    N, w, f = len(words), words.tolist(), facts.tolist()
    of_words, of_facts, of_both = Counter(w), Counter(f), Counter(zip(w, f, strict=True))
    p_words, p_facts = ({one: n / N for one, n in counts.items()} for counts in (of_words, of_facts))
    return sum(n / N * math.log2(n / N / (p_words[word] * p_facts[fact])) for (word, fact), n in of_both.items())


def _check(information: Attempt) -> str:
    four = torch.tensor([0, 1, 2, 3] * 5)
    coin, tables = four % 2, _tables()
    value, half, nothing = information(four, four), information(coin, four), information(four // 2, coin)
    demand(
        isinstance(value, (int, float)) or getattr(value, "shape", None) == (),
        f"the result is {describe(value)}",
        "one number, of bits",
    )
    demand(
        not math.isnan(float(value)),
        "nan, where some pairs of word and fact never occur",
        "2.000 bits",
        "0 · log 0 is nan to a computer: leave out what never occurs",
    )
    _compare(float(value), 2.0, "four facts that are equally frequent, each with a word of its own")
    _compare(float(half), 1.0, "two words, each for two of four facts")
    _compare(float(nothing), 0.0, "words that are dealt out without regard to the facts")
    for words, facts in tables:
        right = mutual_information(words, facts)
        _compare(float(information(words, facts)), right, f"{len(words)} pairs, {words.max() + 1} words")
    return "2 bits, 1 bit and 0 bits by hand, and words and facts of 3 sets in which some never meet"


def _compare(found: float, right: float, where: str) -> None:
    demand(abs(found - right) < 1e-4, f"{found:.4f} for {where}", f"{right:.4f} bits")


def _tables() -> list[tuple[torch.Tensor, torch.Tensor]]:
    random = torch.Generator().manual_seed(0)
    sets = []
    for N, words, facts in ((40, 3, 5), (300, 6, 4), (25, 7, 2)):
        fact = torch.randint(facts, (N,), generator=random) * torch.randint(2, (N,), generator=random)
        noise = torch.randint(words, (N,), generator=random)
        sets.append((torch.where(torch.rand(N, generator=random) < 0.6, fact % words, noise), fact))
    return sets


def _shares(words, facts):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    joint = torch.zeros(int(words.max()) + 1, int(facts.max()) + 1, dtype=torch.float64)
    joint.index_put_((words, facts), torch.tensor(1 / len(words), dtype=torch.float64), accumulate=True)
    return joint, joint.sum(dim=1, keepdim=True), joint.sum(dim=0, keepdim=True)


def _entropy(shares):  # type: ignore[no-untyped-def]
    shares = shares[shares > 0]
    return -(shares * shares.log2()).sum().item()


def _with_zeros(words, facts):  # type: ignore[no-untyped-def]
    joint, of_words, of_facts = _shares(words, facts)
    return (joint * (joint / (of_words * of_facts)).log2()).sum().item()


def _unweighted(words, facts):  # type: ignore[no-untyped-def]
    joint, of_words, of_facts = _shares(words, facts)
    return (joint / (of_words * of_facts))[joint > 0].log2().sum().item()


INFORMATION = Exercise(
    id="01.1",
    title="Mutual information",
    difficulty=2,
    minutes=12,
    reference=mutual_information,
    check=_check,
    hints=(
        "Count three things: how often each word comes, how often each fact, and how often both come together. "
        "Divided by N, these are the probabilities of the formula.",
        "`Counter(zip(words.tolist(), facts.tolist()))` has an entry for each combination that occurs, and none for "
        "those that never do. For each: how much more often does it occur than p(w) · p(f) says?",
        "The sum runs over `for (word, fact), n in of_both.items()`; each term is n / N times "
        "`math.log2(n / N / (p_words[word] * p_facts[fact]))`.",
    ),
    mutants=(
        Mutant(_with_zeros, "0 · log 0 is nan to a computer: leave out what never occurs"),
        Mutant(
            lambda w, f: mutual_information(w, f) * math.log(2),
            "the natural logarithm counts in nats; bits are counted with .log2()",
        ),
        Mutant(lambda w, f: mutual_information(w, f) / math.log2(10), "log10: bits are counted with .log2()"),
        Mutant(lambda w, f: -mutual_information(w, f), "the sign: what is told is never below 0"),
        Mutant(
            _unweighted,
            "the logarithms were added up unweighted: a cell counts as often as its pair of word and fact occurs",
        ),
        Mutant(
            lambda w, f: _entropy(_shares(w, f)[0]),
            "that is the entropy of word and fact together: how surprising the pairs are, not what one tells of the "
            "other",
        ),
        Mutant(
            lambda w, f: _entropy(_shares(w, f)[2]),
            "that is the entropy of the facts: what there is to tell, whether the words tell it or not",
        ),
        Mutant(
            lambda w, f: _entropy(_shares(w, f)[0]) - _entropy(_shares(w, f)[1]),
            "that is what is still open when one knows the word: take it off the facts' entropy to get what was told",
        ),
        Mutant(
            lambda w, f: mutual_information(w, f) * len(w),
            "a sum over the N pairs: bits for one pair are their mean",
        ),
    ),
)
