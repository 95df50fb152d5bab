"""Asking a Flamingo: a few images with their answers, then an image without one.

    shots    <image> red end   <image> blue end   <image>
                                                          └─▶ the model goes on: green

The examples are part of the text, and no weight changes: in-context learning. The model was trained on texts in which
answer follows image follows answer, and goes on as this one does. With no example at all the prompt is the mark alone.

An answer can be written token by token, or chosen among some that are given, by how likely each is.

Sources: Alayrac et al. 2022, section 2.5; open_flamingo ``eval``, which generates captions and compares
log-probabilities of class names.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.applications.flamingo.model import Flamingo
from clip_tutor.applications.language_model.checks import check_prompt
from clip_tutor.applications.language_model.choosing import greedy
from clip_tutor.applications.language_model.generation import cut_at_end


def few_shot_prompt(answers: Sequence[Sequence[int]], image_id: int, end_id: int) -> list[int]:
    """Return the ids of a prompt: each example's mark, answer and end token, and the mark of the image asked about.

    It wants one image more than there are answers, the one asked about last.

    Args:
        answers: the ids of each example's answer, without the end token; there may be none.
        image_id: the id of the mark, ``flamingo.image_id``.
        end_id: the token that ends an answer.

    Raises:
        ValueError: an answer holds the mark or the end token.
    """
    prompt: list[int] = []
    for number, answer in enumerate(answers):
        if image_id in answer or end_id in answer:
            raise ValueError(
                f"answer {number}, {list(answer)}, holds the mark ({image_id}) or the end token ({end_id}): give the "
                "words alone, both are put around them here"
            )
        prompt += [image_id, *answer, end_id]
    return [*prompt, image_id]


@torch.no_grad()
def answer_log_likelihoods(
    flamingo: Flamingo, features: Tensor, prompt_ids: Tensor, answers: Sequence[Sequence[int]]
) -> Tensor:
    """Return (B, M): the log-probability, in nats, of each of M answers as what comes after each prompt.

    The plain way: prompt and answer are read anew for each answer. It is the sum over an answer's tokens: let all end
    in the end token, or one that another begins with is never the less likely.

    Args:
        features: (B, images, N, D_image), the images of each prompt.
        prompt_ids: (B, T).
        answers: the ids of each answer, of any lengths.

    Raises:
        ValueError: an answer is empty or outgrows the context with its prompt; and what `Flamingo.forward` refuses.
    """
    images = flamingo.encode(features)  # (B, images, latents, D_image)
    B, T = prompt_ids.shape
    found = []
    for number, answer in enumerate(answers):
        if not answer:
            raise ValueError(f"answer {number} is empty, and nothing is always certain: give it a token at least")
        ids = torch.tensor(answer, device=prompt_ids.device).expand(B, -1)  # (B, A), A tokens of the answer
        logits = flamingo.read(images, torch.cat([prompt_ids, ids], dim=1))  # (B, T + A, V)
        log_probs = logits[:, T - 1 : -1].log_softmax(dim=-1)  # (B, A, V): each place is about the token after it
        found.append(log_probs.gather(2, ids[..., None]).sum(dim=(1, 2)))  # (B,)
    return torch.stack(found, dim=1)


@torch.no_grad()
def generate(
    flamingo: Flamingo, features: Tensor, prompt_ids: Tensor, *, end_id: int, max_tokens: int
) -> list[list[int]]:
    """Return how the model goes on: the likeliest token each time, up to ``end_id`` or so many.

    Args:
        features: (B, images, N, D_image), the images of each prompt.
        prompt_ids: (B, T).
        end_id: the token that ends an answer; it is the last one returned unless ``max_tokens`` came first.

    Raises:
        ValueError: there is no room in the context for ``max_tokens`` more; and what `Flamingo.forward` refuses.
    """
    check_prompt(flamingo.embed(prompt_ids), max_tokens, flamingo.language_model.config)
    images = flamingo.encode(features)  # (B, images, latents, D_image)
    written: list[Tensor] = []
    ended = torch.zeros(len(prompt_ids), dtype=torch.bool, device=prompt_ids.device)
    while len(written) < max_tokens and not ended.all():
        written.append(greedy(flamingo.read(images, prompt_ids)[:, -1]))  # (B,)
        ended |= written[-1] == end_id
        prompt_ids = torch.cat([prompt_ids, written[-1][:, None]], dim=1)  # (B, T + 1)
    return cut_at_end(written, end_id)
