"""The program that the notebook starts twice: the same batch cut in two, one gradient for each way to talk.

    process 0 ─ its half of the batch ─▶ vectors ─┐                    ┌─▶ loss ─▶ gradient ─┐
                                                  ├─ one of four ways ─┤                     ├─ mean ─▶ gradients.pt
    process 1 ─ its half of the batch ─▶ vectors ─┘                    └─▶ loss ─▶ gradient ─┘

The notebook writes the ways, because they are what is learned there. Here stands what is around them.
"""

_BEFORE = """
import os, torch, torch.distributed as dist, torch.nn.functional as F
from datetime import timedelta
from clip_tutor.losses import contrastive_loss, distributed_contrastive_loss
from clip_tutor.weights import load

rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
timeout = timedelta(seconds=60)
dist.init_process_group("gloo", os.environ["MEETING"], rank=rank, world_size=world, timeout=timeout)
model = load("emoji").model.eval()
pixels, ids = (tensor.chunk(world)[rank] for tensor in torch.load("batch.pt"))
"""

_AFTER = """
found, losses = {}, {}
for way in (no_exchange, constants, put_back, distributed_contrastive_loss):
    model.zero_grad()
    loss = way(*model(pixels, ids)[:3])
    loss.backward()
    towers = (model.image_tower, model.text_tower)
    gradient = torch.cat([weight.grad.flatten() for tower in towers for weight in tower.parameters()])
    dist.all_reduce(gradient)  # a sum, in place
    found[way.__name__], losses[way.__name__] = gradient / world, loss.item()
if rank == 0:
    torch.save(found, "gradients.pt")
    print(world, "processes,", len(pixels), "pairs each; the losses that process 0 saw:")
    print({name: round(loss, 4) for name, loss in losses.items()})
dist.barrier()
dist.destroy_process_group()
"""


def around(ways: str) -> str:
    """Return the whole program, from the source of the functions ``no_exchange``, ``constants`` and ``put_back``.

    Each takes (B / W, E) vectors of images and captions and the logit scale, and returns a loss. The fourth way is the
    library's `distributed_contrastive_loss`. The program reads batch.pt, (pixels, ids), and writes gradients.pt, the
    mean over processes of each way's gradient along all weights of both encoders, by name.
    """
    return _BEFORE + ways + _AFTER
