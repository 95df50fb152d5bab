"""How the next token is chosen among V logits: the likeliest, or one drawn among the likely.

    logits          a 3.2    the 2.9    one 1.1    xylophone −4.0 …
    / temperature   below 1 the likely become likelier, above 1 all become more alike
    top-p           the fewest likely tokens that hold p of the probability stay; the long tail goes
    draw            among what is left

Each token of the tail is unlikely, but there are fifty thousand of them: drawn from all V, a text soon leaves the
rails. Taken the likeliest always, it soon repeats itself.

Source: Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Choose = Callable[[Tensor], Tensor]  # (B, V) logits to (B,) ids


def greedy(logits: Tensor) -> Tensor:
    """Return (B,): the likeliest token of each row of logits (B, V)."""
    return logits.argmax(dim=-1)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Return logits (B, V) with -inf for the tokens of the tail, which together hold at most 1 - p.

    The likeliest token always stays.
    """
    ascending, places = logits.sort(dim=-1)
    tail = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - p  # (B, V)
    tail[:, -1] = False
    return logits.masked_fill(torch.zeros_like(tail).scatter(1, places, tail), -torch.inf)


def top_p(p: float, temperature: float = 1.0, generator: torch.Generator | None = None) -> Choose:
    """Return a function that draws one token a row, (B,), among those that hold ``p`` of the probability.

    Args:
        p: above 0, at most 1; 1 draws among all tokens.
        temperature: the logits are divided by it first; near 0 the choice is `greedy`.
        generator: where the random numbers come from; the same seed draws the same text.

    Raises:
        ValueError: ``p`` or ``temperature`` is out of its range.
    """
    if not 0 < p <= 1:
        raise ValueError(f"p is {p}: it is a share of the probability, above 0 and at most 1")
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}: take one above 0, or choose=greedy for the likeliest token")

    def choose(logits: Tensor) -> Tensor:
        probabilities = keep_top_p(logits / temperature, p).softmax(dim=-1)  # (B, V)
        return torch.multinomial(probabilities, num_samples=1, generator=generator).squeeze(1)  # (B,)

    return choose
