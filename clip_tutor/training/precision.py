"""In which kind of number a step computes: float32, or half of its length where the hardware is made for it.

                 largest      digits   hardware
    float32      3.4e38       7        all
    bfloat16     3.4e38       2 to 3   GPUs from Ampere (2020) on, some CPUs
    float16      65,504       3 to 4   GPUs from Volta (2017) on, such as Colab's T4

Weights, the optimizer's averages and the loss stay in float32; the matrix products between are computed in half
precision, which is *autocast*. float16 has a narrow range: gradients below 6e-8 become 0. So the loss is multiplied by
a large number, the *loss scale*, before the backward pass, and the gradients are divided by it after; where they
overflow, the step is skipped and the scale halved.

float16 was tested on a CPU alone: on a GPU it has not run yet.

Source: Micikevicius et al. 2018, "Mixed Precision Training", section 3.2; ``torch.amp.GradScaler``.
"""

from contextlib import AbstractContextManager, nullcontext

import torch

from clip_tutor.training.config import Precision

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def autocast(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[object]:
    """Return a context in which matrix products are computed in this precision."""
    dtype = DTYPES[resolve_precision(device, precision)]
    return nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype=dtype)


def resolve_precision(device: torch.device, precision: Precision) -> Precision:
    """Return the precision itself, or for "auto" the best that the hardware computes fast.

    That is bfloat16, which needs no loss scale; else float16 on a CUDA GPU, float32 on everything else.
    """
    if precision != "auto":
        return precision
    if computes_bfloat16(device):
        return "bfloat16"
    return "float16" if computes_float16(device) else "float32"


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether the processor multiplies bfloat16 in hardware; without it, a CPU takes a hundred times longer."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def computes_float16(device: torch.device) -> bool:
    """Return whether the processor multiplies float16 in hardware: every CUDA GPU does, and a CPU is not asked to."""
    return device.type == "cuda"


def make_scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Return what scales the loss and its gradients: with float16 alone, else it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=resolve_precision(device, precision) == "float16")


def require_precision(device: torch.device, precision: Precision) -> None:
    """Refuse half precision where the processor would emulate it.

    Raises:
        ValueError: it would; the message says what to take.
    """
    fast = {"bfloat16": computes_bfloat16, "float16": computes_float16}
    if precision in fast and not fast[precision](device):
        raise ValueError(
            f"this {device.type} does not compute in {precision}: it would emulate it, a hundred times slower. Take "
            "precision='auto' (half precision where it is fast) or 'float32'"
        )
