"""Exercise 10.6: names of another language, learned against image vectors that stay as they are."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.losses import contrastive_loss
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, TextTower


def learn_names(names: list[str], image_features: torch.Tensor, steps: int) -> Callable[[list[str]], torch.Tensor]:
    """Train a tokenizer and a text tower from nothing, so that names find their images, and return an encoder.

    image_features is (M, E), of unit length: row m belongs to names[m]. The images' side is frozen.
    The encoder makes (B, E) of a list of B texts, of unit length and without gradients: of these names, and of whatever
    else somebody types. A text alone has the same vector as among others.
    """
    tokenizer = BPETokenizer.train(names, vocab_size=1024, context_length=32)
    tower = TextTower(TextConfig(tokenizer.vocab_size, 32, width=96, layers=1, heads=4), image_features.shape[1])
    optimizer = torch.optim.AdamW(tower.parameters(), lr=1e-3, weight_decay=0.1)

    def encode(texts: list[str]) -> torch.Tensor:
        ids = tokenizer(texts, truncate=True, pad=tokenizer.batch_padding)  # as long as the longest of them
        return F.normalize(tower(torch.tensor(ids)), dim=-1)  # (B, E)

    for _ in range(steps):
        chosen = torch.randperm(len(names))[:128]
        text_features = encode([names[m] for m in chosen.tolist()])
        loss = contrastive_loss(image_features[chosen], text_features, torch.tensor(14.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.no_grad()(encode)


# A made-up language in three alphabets: a word for the kind of a thing behind a word for its color.
FIRST = ("κόκκινο", "μπλε", "สีเขียว", "สีดำ", "жёлтый", "белый")
SECOND = ("σπίτι", "แมว", "слон", "ψάρι", "กีตาร์", "дождь", "πουλί", "ดาว")
E, STEPS = 16, 40


def _world() -> tuple[list[str], torch.Tensor, list[str], torch.Tensor]:
    """Return names and (M, E) unit vectors to learn from, and names of the same words that are put together anew."""
    random = torch.Generator().manual_seed(5)
    colors, kinds = torch.randn(len(FIRST), E, generator=random), torch.randn(len(SECOND), E, generator=random)
    pairs = [(a, b) for a in range(len(FIRST)) for b in range(len(SECOND))]
    names = [f"{FIRST[a]} {SECOND[b]}" for a, b in pairs]
    features = F.normalize(torch.stack([colors[a] + kinds[b] for a, b in pairs]), dim=-1)
    new = [n for n, (a, b) in enumerate(pairs) if (a + b) % 6 == 0]
    old = [n for n in range(len(pairs)) if n not in new]
    return [names[n] for n in old], features[old], [names[n] for n in new], features[new]


def _use(
    learn: Callable[..., Callable[[list[str]], torch.Tensor]],
    names: list[str],
    image_features: torch.Tensor,
    steps: int,
    texts: list[str],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the encoder makes of texts, together and one by one: twice (B, E)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encode = learn(names, image_features, steps)
        alone = [encode([text]) for text in texts[:3]]
    return encode(texts), torch.cat(alone)


def _check(answer: Attempt) -> str:
    names, features, new_names, new_features = _world()
    found = answer(names, features, STEPS, names + new_names)
    demand(
        isinstance(found, tuple) and all(isinstance(one, torch.Tensor) for one in found),
        f"an encoder that gives {describe(found[0])}",
        "one that gives a tensor",
    )
    vectors, alone = found
    B = len(names + new_names)
    demand(vectors.shape == (B, E), f"{describe(vectors)} for {B} texts", f"a tensor {(B, E)}")
    demand(not vectors.requires_grad, "vectors that still want gradients", "an encoder under `torch.no_grad()`")
    demand(
        same(vectors.norm(dim=1), torch.ones(B)),
        f"vectors of length {vectors.norm(dim=1).min():.2f} to {vectors.norm(dim=1).max():.2f}",
        "vectors of length 1",
    )
    demand(
        torch.allclose(vectors[:3], alone, atol=1e-4),
        "another vector for a text by itself than for the same text among others",
        "the same one",
        "does the padding reach the place where the vector is read?",
    )
    every = torch.cat([features, new_features])
    first = (vectors @ every.T).argmax(dim=1) == torch.arange(B)  # (B,)
    learned, composed = first[: len(names)].float().mean().item(), first[len(names) :].float().mean().item()
    demand(
        learned >= 0.7,
        f"{learned:.0%} of {len(names)} names find their image first, after {STEPS} steps",
        "70 % at least (chance is 2 %)",
    )
    demand(
        composed >= 0.4,
        f"names made of known words that were never seen together: {composed:.0%} find their image first",
        "40 % at least (chance is 2 %)",
    )
    return f"{learned:.0%} of names in three alphabets find their image, and {composed:.0%} of names put together anew"


def _untrained(names, image_features, steps):  # type: ignore[no-untyped-def]
    return learn_names(names, image_features, 0)


def _any_length(names, image_features, steps):  # type: ignore[no-untyped-def]
    encode = learn_names(names, image_features, steps)
    return lambda texts: 3 * encode(texts)


def _with_gradients(names, image_features, steps):  # type: ignore[no-untyped-def]
    encode = learn_names(names, image_features, steps)
    return lambda texts: encode(texts).requires_grad_()


def _shuffled(names, image_features, steps):  # type: ignore[no-untyped-def]
    return learn_names(names, image_features.roll(1, dims=0), steps)


def _latin_only(names, image_features, steps):  # type: ignore[no-untyped-def]
    """Drop every letter that is not ASCII, as code for English does."""

    def plain(texts):  # type: ignore[no-untyped-def]
        return [text.encode("ascii", "ignore").decode() or "?" for text in texts]

    encode = learn_names(plain(names), image_features, steps)
    return lambda texts: encode(plain(texts))


def _looked_up(names, image_features, steps):  # type: ignore[no-untyped-def]
    known = dict(zip(names, image_features, strict=True))
    other = F.normalize(torch.ones(image_features.shape[1]), dim=0)
    return lambda texts: torch.stack([known.get(text, other) for text in texts])


def _mean_over_padding(names, image_features, steps):  # type: ignore[no-untyped-def]
    encode = learn_names(names, image_features, steps)

    def padded(texts):  # type: ignore[no-untyped-def]
        longest = max(len(text) for text in texts)
        return F.normalize(encode(texts) + 0.1 * longest, dim=-1)

    return padded


LANGUAGE = Exercise(
    id="10.6",
    title="Search in another language",
    difficulty=3,
    minutes=25,
    kind="further",
    reference=learn_names,
    check=_check,
    use=_use,
    hints=(
        "Four parts: `BPETokenizer.train`, a `TextTower`, an optimizer, and a loop over batches of names. What does a "
        "batch of the contrastive loss need, and which side of it is there already?",
        "`TextTower(TextConfig(vocab_size, context_length, width, layers, heads), E)` makes (B, E) of ids (B, T). One "
        "layer of width 96 is enough; a fixed logit scale of 14 and a learning rate of 1e-3 will do.",
        "Write `encode(texts)` first, and use it twice: in the loop, and, under `torch.no_grad()`, as what you return. "
        "`tokenizer(texts, truncate=True, pad=tokenizer.batch_padding)` gives rows as long as the longest.",
    ),
    mutants=(
        Mutant(_untrained, "these are the vectors of an untrained tower: is the loop run ``steps`` times?"),
        Mutant(_looked_up, "whole names were looked up: a name is made of words, and new ones are made of the same"),
        Mutant(_any_length, "the encoder's vectors are not of unit length: F.normalize, in training and afterwards"),
        Mutant(_with_gradients, "the encoder keeps a graph for gradients: it is used for search now"),
        Mutant(_shuffled, "names and images were paired in another order: the same rows of both make a batch"),
        Mutant(
            _latin_only,
            "every letter but those of English was dropped, and names of other alphabets became all alike: the "
            "tokenizer reads bytes, and needs no help",
        ),
        Mutant(
            _mean_over_padding,
            "a text's vector depends on how long the OTHER texts are: padding reached the place where it is read",
        ),
    ),
)
