"""A model whose weights lie cut up among processes is one model again where one process goes on alone."""

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from clip_tutor.embedding import encode_texts
from clip_tutor.training.processes import gathered
from clip_tutor.weights import load, save


@pytest.fixture
def group(tmp_path):
    """A process group of one, whose weights are cut up as those of several."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_sharded_model_is_saved_and_measured_whole(group, make_model, tokenizer, tmp_path):
    model, expected = make_model(), make_model().state_dict()
    for tower in (model.image_tower, model.text_tower):
        fully_shard(tower, mesh=init_device_mesh("cpu", (1,)))
    alone = gathered(model)
    save(tmp_path / "done.safetensors", alone, tokenizer)
    saved = load(tmp_path / "done.safetensors").model.state_dict()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in expected.items())
    assert type(alone.text_tower.projection.data) is torch.Tensor and not alone.training
    torch.testing.assert_close(
        encode_texts(alone, tokenizer, ["a cat"]), encode_texts(make_model(), tokenizer, ["a cat"])
    )


def test_a_whole_model_is_not_copied(make_model):
    model = make_model()
    assert gathered(model) is model
