"""Exercises of notebook 06: who may see whom, where it is read, a mean without padding, a shorter batch."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

# ---------------------------------------------------------------------------------------------------------------- 06.1


def may_see(tokens: int) -> torch.Tensor:
    """Return (T, T) booleans for a causal tower: row i is True in the columns that token i may look at.

    A token may look at itself and at all that come before it.
    """
    return torch.ones(tokens, tokens, dtype=torch.bool).tril()


def _demand_tensor(result: object, shape: tuple[int, ...], what: str) -> None:
    demand(
        isinstance(result, torch.Tensor) and tuple(result.shape) == shape,
        f"the result is {describe(result)}",
        f"a tensor {shape} of {what}",
    )


def _check_may_see(may_see_: Attempt) -> str:
    answers = [(tokens, may_see_(tokens)) for tokens in (4, 1, 7)]
    for tokens, found in answers:
        right = may_see(tokens)
        _demand_tensor(found, (tokens, tokens), "True and False")
        demand(found.dtype == torch.bool, f"numbers of type {found.dtype}", "booleans: True where a token may look")
        wrong = (found != right).nonzero()
        if len(wrong):
            row, column = wrong[0].tolist()
            sees = "may" if found[row, column] else "may not"
            raise_at = f"with {tokens} tokens, token {row} {sees} look at token {column}"
            demand(False, raise_at, f"{bool(right[row, column])} there: a token sees itself and what came before")
    return "squares of 1, 4 and 7 tokens, each token seeing itself and what came before, and nothing else"


MAY_SEE = Exercise(
    id="06.1",
    title="Who may see whom",
    difficulty=1,
    minutes=5,
    reference=may_see,
    check=_check_may_see,
    hints=(
        "Draw it for four tokens: which fields of the 4 × 4 square are True?",
        "It is a triangle, its diagonal included. torch has a function for the lower triangle of a matrix.",
        "`torch.ones(tokens, tokens, dtype=torch.bool).tril()`; or compare a column of places with a row of places.",
    ),
    mutants=(
        Mutant(
            lambda t: torch.ones(t, t, dtype=torch.bool).triu(),
            "the upper triangle: rows ask and columns answer, so row i must be True up to column i, not from there on",
        ),
        Mutant(
            lambda t: torch.ones(t, t, dtype=torch.bool).tril(-1),
            "the diagonal is missing: a token sees itself, too, or the first one has nothing to look at",
        ),
        Mutant(lambda t: torch.ones(t, t, dtype=torch.bool), "everything is visible: that is a bidirectional tower"),
        Mutant(
            lambda t: ~torch.ones(t, t, dtype=torch.bool).tril(),
            "just turned around: here True means that a token may be seen, not that it is hidden",
        ),
        Mutant(
            lambda t: torch.full((t, t), -torch.inf).triu(1),
            "that is the form that is added to the scores, 0 and -inf; asked for are True and False",
        ),
        Mutant(
            lambda t: torch.ones(t, t, dtype=torch.bool).tril().triu(-1),
            "only the token before is seen: a causal token sees all that came before, back to the start",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 06.2


def read_at_end(rows: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return (B, D): for each caption the row of its end token.

    rows is (B, T, D), what the blocks gave for each token; ids is (B, T). The end token has the largest id there is.
    """
    return rows[torch.arange(len(ids)), ids.argmax(dim=1)]


def _captions(lengths: tuple[int, ...], tokens: int, seed: int) -> torch.Tensor:
    """Return ids with a start token (98), words, an end token (99) and zeros; first words are "!", whose id is 0, too.

    In CLIP's vocabulary it is just so: whoever counts ids that are not 0 miscounts captions that hold an exclamation.
    """
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 98, (len(lengths), tokens), generator=random)
    ids[:, 0] = 98
    for row, length in zip(ids, lengths, strict=True):
        row[1 : 3 if length > 2 else 2] = 0
        row[length + 1] = 99
        row[length + 2 :] = 0
    return ids


def _check_read(read: Attempt) -> str:
    for lengths, tokens, seed in (((3, 1, 5, 2), 8, 0), ((4,), 6, 1), ((0, 9), 11, 2)):
        ids = _captions(lengths, tokens, seed)
        rows = torch.randn(len(ids), tokens, 5, generator=torch.Generator().manual_seed(seed))
        found, right = read(rows, ids), read_at_end(rows, ids)
        _demand_tensor(found, (len(ids), 5), "one row a caption")
        for n, one in enumerate(found):
            at = [place for place in range(tokens) if torch.equal(rows[n, place], one)]
            demand(
                torch.equal(one, right[n]),
                f"caption {n} is read at place {at[0]}" if at else f"caption {n} gets no row of its own",
                f"the row at place {lengths[n] + 1}, where its end token is",
            )
    return "captions of 0 to 9 words, each read at its own end token"


READ = Exercise(
    id="06.2",
    title="Read the sentence",
    difficulty=2,
    minutes=10,
    reference=read_at_end,
    check=_check_read,
    hints=(
        "Each caption ends somewhere else. How do you find the place of the largest id in each row of ids?",
        "`ids.argmax(dim=1)` is (B,), one place a caption. Now take one row from each of B tables.",
        "Two lists of indices side by side pick one item each: `rows[torch.arange(B), places]`.",
    ),
    mutants=(
        Mutant(lambda r, i: r[:, -1], "the last place of the row: in most captions that is padding"),
        Mutant(lambda r, i: r[:, 0], "the start token's row: in a causal tower it has seen nothing but itself"),
        Mutant(
            lambda r, i: r[torch.arange(len(i)), i.argmax(dim=1) - 1],
            "one place too early: the last word has not been told that the sentence is over, the end token has",
        ),
        Mutant(
            lambda r, i: r[:, int(i[0].argmax())],
            "every caption is read where the FIRST one ends: find a place for each",
        ),
        Mutant(
            lambda r, i: r[:, i.argmax(dim=1)],
            "that takes all B places from every caption, (B, B, D): pair them up with torch.arange(B)",
        ),
        Mutant(
            lambda r, i: r[torch.arange(len(i)), (i != 0).sum(dim=1) - 1],
            'counted the ids that are not 0: but 0 is also the id of "!", and these captions hold one; find the end '
            "token itself",
        ),
        Mutant(
            lambda r, i: r.mean(dim=1),
            "the mean of all places, padding included: asked for is one row, that of the end token",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 06.3


def mean_of_words(rows: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Return (B, D): the mean of each caption's rows, those of padding left out.

    rows is (B, T, D); seen is (B, T) booleans, False where there is padding. Every caption has at least one word.
    """
    weights = seen.to(rows.dtype)[..., None]  # (B, T, 1)
    return (rows * weights).sum(dim=1) / weights.sum(dim=1)


def _check_mean(mean: Attempt) -> str:
    for lengths, seed in (((3, 1, 6), 0), ((2, 2), 1), ((5, 4, 1, 2), 2)):
        T = 6
        seen = torch.arange(T) < torch.tensor(lengths)[:, None]  # (B, T)
        rows = torch.randn(len(lengths), T, 4, generator=torch.Generator().manual_seed(seed)) + 1
        found, right = mean(rows, seen), mean_of_words(rows, seen)
        _demand_tensor(found, (len(lengths), 4), "one mean a caption")
        other = torch.where(seen[..., None], rows, rows + 100)
        demand(
            torch.allclose(mean(other, seen), found, atol=1e-4),
            "the mean changes when something else stands in the padding",
            "padding counts for nothing",
        )
        for n in range(len(lengths)):
            demand(
                torch.allclose(found[n], right[n], atol=1e-5),
                f"caption {n}, of {lengths[n]} words: {found[n, 0]:.4f} in its first column",
                f"{right[n, 0]:.4f}",
            )
    return "means of 1 to 6 words, and whatever stands in the padding counts for nothing"


MEAN = Exercise(
    id="06.3",
    title="A mean without padding",
    difficulty=2,
    minutes=10,
    reference=mean_of_words,
    check=_check_mean,
    hints=(
        "A mean is a sum divided by a number. Which rows belong in the sum, and what is the number?",
        "Multiply with the mask, so that rows of padding are 0; sum over the tokens; divide by the number of words.",
        "The mask is (B, T) and rows (B, T, D): the mask needs a last axis of length 1, `seen[..., None]`.",
    ),
    mutants=(
        Mutant(lambda r, s: r.mean(dim=1), "padding is in the sum: multiply it away first"),
        Mutant(
            lambda r, s: (r * s[..., None]).mean(dim=1),
            "divided by T, padding included: short captions come out too small. Divide by the number of words",
        ),
        Mutant(lambda r, s: (r * s[..., None]).sum(dim=1), "the sum: divide it by the number of words"),
        Mutant(
            lambda r, s: (r * s[..., None]).sum(dim=1) / s.sum(),
            "divided by the words of the whole batch: each caption has a number of its own",
        ),
        Mutant(
            lambda r, s: (r * ~s[..., None]).sum(dim=1) / (~s).sum(dim=1, keepdim=True).clamp(min=1),
            "the mean of the PADDING: seen is True where there is a word",
        ),
        Mutant(
            lambda r, s: (r * s[..., None]).amax(dim=1),
            "the largest in each column, not the mean: that is max-pooling",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 06.4


def cut_padding(ids: torch.Tensor) -> torch.Tensor:
    """Return (B, T'): the same rows without the columns in which every caption has nothing but padding.

    ids is (B, T). The end token has the largest id there is, and what lies behind it is padding.
    """
    return ids[:, : int(ids.argmax(dim=1).max()) + 1]


def _check_cut(cut: Attempt) -> str:
    batches = ((3, 1), (0,), (8, 10), (2, 2, 2))
    cases = [(lengths, _captions(lengths, 12, seed)) for seed, lengths in enumerate(batches)]
    for lengths, ids, found in [(lengths, ids, cut(ids)) for lengths, ids in cases]:
        longest = max(lengths) + 2
        _demand_tensor(
            found, (len(lengths), longest), f"ids: the longest caption has {longest}, special tokens included"
        )
        demand(torch.equal(found, ids[:, :longest]), "other ids than before", "the same ids, only fewer of them")
    return "batches whose longest caption has 2 to 12 ids, and no end token was lost"


CUT = Exercise(
    id="06.4",
    title="Cut the padding off",
    difficulty=1,
    minutes=5,
    reference=cut_padding,
    check=_check_cut,
    hints=(
        "Up to which column does at least one caption have something to say?",
        "The places of all end tokens are `ids.argmax(dim=1)`; the largest of them is the last column that is needed.",
        "A slice leaves out its end: `ids[:, : last + 1]`.",
    ),
    mutants=(
        Mutant(
            lambda i: i[:, : int(i.argmax(dim=1).max())],
            "one column too few: the longest caption lost its end token, and would be read somewhere else",
        ),
        Mutant(
            lambda i: i[:, : int(i.argmax(dim=1).min()) + 1],
            "cut at the SHORTEST caption: all the others lost words and their end tokens",
        ),
        Mutant(lambda i: i[:, : int(i[0].argmax()) + 1], "cut where the first caption ends, whatever the others are"),
        Mutant(lambda i: i, "nothing was cut"),
        Mutant(
            lambda i: i[:, : int((i != 0).sum(dim=1).max())],
            'counted the ids that are not 0: but 0 is also the id of "!", and these captions hold one; look for the '
            "end token instead",
        ),
        Mutant(
            lambda i: i[:, : int((i != 0).sum())],
            "counted the ids of the whole batch, not those of the longest caption",
        ),
    ),
)

EXERCISES = (MAY_SEE, READ, MEAN, CUT)
