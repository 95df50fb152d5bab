"""Exercise 08.1: two encoders and a temperature become a CLIP."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.images import normalize
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lessons.nb08_training.exercises.parts import small_batch, small_encoders


class MyCLIP(nn.Module):
    """Two encoders, of pixels (B, 3, H, W) and of ids (B, T), which give (B, E) each, and a temperature.

    They are self.image_tower and self.text_tower; self.log_logit_scale is the logarithm of logit_scale, to be learned.
    """

    def __init__(self, image_encoder: nn.Module, text_encoder: nn.Module, logit_scale: float = 1 / 0.07) -> None:
        super().__init__()
        self.image_tower = image_encoder
        self.text_tower = text_encoder
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Return the embeddings (B, E) of images as the encoder gives them, from normalized pixels (B, 3, H, W)."""
        return self.image_tower(pixels)

    def encode_text(self, ids: Tensor) -> Tensor:
        """Return the embeddings (B, E) of captions as the encoder gives them, from ids (B, T)."""
        return self.text_tower(ids)

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the loss needs: unit vectors of images and of captions, (B, E) each, and the logit scale."""
        image_features = F.normalize(self.encode_image(pixels), dim=-1)
        text_features = F.normalize(self.encode_text(ids), dim=-1)
        return image_features, text_features, self.log_logit_scale.exp()


def _use(kind: Any, seed: int, logit_scale: float) -> tuple[Any, ...]:
    """Build a model, show it a batch, and return all that is to be seen of it."""
    encoders = small_encoders(seed)
    model = kind(*encoders, logit_scale)
    pixels, ids = normalize(small_batch(seed)[0]), small_batch(seed)[1]
    encoded = model.encode_image(pixels).detach(), model.encode_text(ids).detach()
    images, texts, scale = model(pixels, ids)
    scale = torch.as_tensor(scale)  # an answer may give a plain number, and is told so below
    logits = scale * images @ texts.T  # (B, B)
    if logits.requires_grad:
        F.cross_entropy(logits, torch.arange(len(logits))).backward()
    kept = getattr(model, "log_logit_scale", None)
    slope = getattr(kept, "grad", None)
    slopes = [encoder.projection.weight.grad is not None for encoder in encoders]
    return (
        tuple(sorted(name for name, _ in model.named_parameters())),
        *encoded,
        images.detach(),
        texts.detach(),
        float(scale.detach()),
        None if kept is None else float(torch.as_tensor(kept).detach()),
        None if slope is None else float(slope),
        *slopes,
    )


def _lengths(features: torch.Tensor) -> str:
    lengths = features.norm(dim=-1)
    return f"{lengths.min():.3f} to {lengths.max():.3f}"


def _check_model(build: Attempt) -> str:
    told = [build(seed, scale) for seed, scale in ((0, 1 / 0.07), (1, 150.0))]
    right = [_use(MyCLIP, seed, scale) for seed, scale in ((0, 1 / 0.07), (1, 150.0))]
    names, image_raw, text_raw, images, texts, scale, kept, slope, image_learns, text_learns = told[0]
    demand(
        "log_logit_scale" in names,
        f"parameters {', '.join(names) or 'none'}",
        "one called log_logit_scale among them",
        "a temperature that is learned is a torch.nn.Parameter; a plain tensor stays what it is",
    )
    demand(
        names == right[0][0],
        f"{len(names)} parameters: {', '.join(names)}",
        f"{len(right[0][0])}: log_logit_scale and those below image_tower and text_tower",
        "a module finds the weights of its parts where they are attributes: self.image_tower = image_encoder",
    )
    demand(
        same(image_raw, right[0][1]) and same(text_raw, right[0][2]),
        f"encode_image gives vectors of length {_lengths(image_raw)}, encode_text of {_lengths(text_raw)}",
        f"what the encoders give, lengths {_lengths(right[0][1])} and {_lengths(right[0][2])}",
        "the unit length is forward's work: linear probes and averages of several embeddings use the lengths",
    )
    lengths = torch.cat([images, texts]).norm(dim=-1)
    demand(
        torch.allclose(lengths, torch.ones(()), atol=1e-4),
        f"forward gives vectors of length {lengths.min():.3f} to {lengths.max():.3f}",
        "1 for each row",
        "divide each row by its own length: dim=-1",
    )
    demand(
        same(images, right[0][3]) and same(texts, right[0][4]),
        "other vectors than those of the encoders, divided by their lengths",
        "images first, then captions",
    )
    demand(same(scale, right[0][5]), f"a logit scale of {scale:.4g}", f"{right[0][5]:.4g}, as it was given")
    demand(same(kept, right[0][6]), f"log_logit_scale is {kept:.4g}", f"{right[0][6]:.4g}, the logarithm of 1/0.07")
    demand(
        same(slope, right[0][7]),
        f"a slope of {slope} along log_logit_scale",
        f"{right[0][7]:.4g}",
        "the scale that forward returns is log_logit_scale.exp(), with its way back",
    )
    demand(image_learns and text_learns, "an encoder that gets no gradient", "a gradient for both")
    demand(
        same(told[1][5], right[1][5]) and same(told[1][7], right[1][7]),
        f"a logit scale of {told[1][5]:.4g} with a slope of {told[1][7]:.4g}, where 150 was given",
        f"150, with a slope of {right[1][7]:.4g}",
        "forward holds the scale in no bounds: beyond them its gradient would be zero, and it could not come back",
    )
    return "both encoders and the temperature learn, rows of unit length, the scale as its logarithm, no clamp inside"


class _AnyLength(MyCLIP):
    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
        return self.encode_image(pixels), self.encode_text(ids), self.log_logit_scale.exp()


class _UnitInEncode(MyCLIP):
    def encode_image(self, pixels):  # type: ignore[no-untyped-def]
        return F.normalize(self.image_tower(pixels), dim=-1)


class _UnitColumns(MyCLIP):
    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
        images, texts = self.encode_image(pixels), self.encode_text(ids)
        return F.normalize(images, dim=0), F.normalize(texts, dim=0), self.log_logit_scale.exp()


class _LogReturned(MyCLIP):
    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
        images, texts, _ = super().forward(pixels, ids)
        return images, texts, self.log_logit_scale


class _ScaleKept(MyCLIP):
    def __init__(self, image_encoder, text_encoder, logit_scale=1 / 0.07):  # type: ignore[no-untyped-def]
        super().__init__(image_encoder, text_encoder, math.exp(logit_scale))

    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
        images, texts, _ = super().forward(pixels, ids)
        return images, texts, self.log_logit_scale


class _NeverLogged(MyCLIP):
    def __init__(self, image_encoder, text_encoder, logit_scale=1 / 0.07):  # type: ignore[no-untyped-def]
        super().__init__(image_encoder, text_encoder, math.e)
        self.log_logit_scale = nn.Parameter(torch.tensor(float(logit_scale)))


class _Constant(MyCLIP):
    def __init__(self, image_encoder, text_encoder, logit_scale=1 / 0.07):  # type: ignore[no-untyped-def]
        super().__init__(image_encoder, text_encoder, logit_scale)
        del self.log_logit_scale
        self.log_logit_scale = torch.tensor(math.log(logit_scale))  # type: ignore[assignment]


class _Temperature(MyCLIP):
    def __init__(self, image_encoder, text_encoder, logit_scale=1 / 0.07):  # type: ignore[no-untyped-def]
        super().__init__(image_encoder, text_encoder, 1 / logit_scale)


class _ClampInside(MyCLIP):
    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
        images, texts, scale = super().forward(pixels, ids)
        return images, texts, scale.clamp(max=100)


class _InAList(nn.Module):
    def __init__(self, image_encoder, text_encoder, logit_scale=1 / 0.07):  # type: ignore[no-untyped-def]
        super().__init__()
        self.towers = [image_encoder, text_encoder]
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))

    def encode_image(self, pixels):  # type: ignore[no-untyped-def]
        return self.towers[0](pixels)

    def encode_text(self, ids):  # type: ignore[no-untyped-def]
        return self.towers[1](ids)

    forward = MyCLIP.forward


class _CaptionsFirst(MyCLIP):
    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
        images, texts, scale = super().forward(pixels, ids)
        return texts, images, scale


class _OneSideCut(MyCLIP):
    def forward(self, pixels, ids):  # type: ignore[no-untyped-def]
        images, texts, scale = super().forward(pixels, ids)
        return images, texts.detach(), scale


MODEL = Exercise(
    id="08.1",
    title="A CLIP of your own",
    difficulty=1,
    minutes=10,
    reference=MyCLIP,
    check=_check_model,
    hints=(
        "Three things are kept, and the one that is a number must be learned, too: which class of torch.nn is that?",
        "`nn.Parameter(torch.tensor(math.log(logit_scale)))`. In `forward`, exp turns it back.",
        "`F.normalize(features, dim=-1)` divides every row by its length.",
    ),
    mutants=(
        Mutant(
            _AnyLength, "forward returns the embeddings as they are: a long vector would win every comparison a bit"
        ),
        Mutant(_UnitInEncode, "encode_image divides by the length already: leave that to forward"),
        Mutant(_UnitColumns, "dim=0 divides columns, so that one image's vector depends on the rest of the batch"),
        Mutant(_LogReturned, "the logarithm is returned: the loss multiplies by the scale itself, so take its exp"),
        Mutant(_ScaleKept, "the scale itself is kept: a step adds to it, and it can turn negative. Keep its logarithm"),
        Mutant(_NeverLogged, "forward takes exp, but __init__ took no logarithm: log_logit_scale begins at ln 14.29"),
        Mutant(_Constant, "log_logit_scale is a plain tensor: no optimizer will find it. Make it a torch.nn.Parameter"),
        Mutant(_Temperature, "logit_scale is 1 / temperature already: its own logarithm is kept, not that of 1 / it"),
        Mutant(_ClampInside, "a clamp in the forward pass has a gradient of zero beyond 100: the training step clamps"),
        Mutant(_InAList, "a list hides the encoders: model.parameters() and .to(device) find attributes only"),
        Mutant(_CaptionsFirst, "captions came first: return images, captions, scale, in this order"),
        Mutant(_OneSideCut, "detach() cuts one encoder off from the loss: it would stay random for ever"),
    ),
    kept=True,
    use=_use,
)
