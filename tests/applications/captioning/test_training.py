"""Training: batches that can be asked for again, a run that can be stopped, and a captioner that learns to look."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from clip_tutor.applications.captioning import Captioner, collapse, write_captions
from clip_tutor.applications.captioning.files import origin_of
from clip_tutor.applications.captioning.scene_captions import encode_scenes, scene_captions
from clip_tutor.applications.captioning.train import main
from clip_tutor.applications.captioning.training import CaptionBatches, train_captioner
from clip_tutor.data.scenes import Scenes
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training import TrainConfig
from clip_tutor.training.config import Efficiency
from clip_tutor.training.log import read_log
from tests.applications.captioning.conftest import E

FLOAT32 = Efficiency(precision="float32")
CONFIG = TrainConfig(8, 5e-3, steps=8, warmup_steps=2, record_every=2, checkpoint_every=3, efficiency=FLOAT32)


@pytest.fixture
def batches(scenes: Scenes, tokenizer: BPETokenizer) -> CaptionBatches:
    """100 random vectors and the captions of 100 scenes."""
    vectors = torch.randn(100, E, generator=torch.Generator().manual_seed(0))
    return CaptionBatches(vectors, scene_captions(scenes, range(100)), tokenizer, 8, seed=0)


def test_an_epoch_shows_each_pair_at_most_once(batches: CaptionBatches, scenes: Scenes, tokenizer: BPETokenizer):
    captions = scene_captions(scenes, range(100))
    seen = []
    for k in range(12):  # of 100 pairs in batches of 8
        vectors, ids = batches.batch(k)
        assert vectors.shape == (8, E) and len(ids) == 8
        for vector, row in zip(vectors, ids, strict=True):
            (n,) = (batches.image_features == vector).all(dim=1).nonzero().flatten().tolist()
            assert tokenizer.decode(row.tolist()) == tokenizer.decode(tokenizer.encode(captions[n]))
            seen.append(n)
    assert len(set(seen)) == len(seen) == 96
    assert not batches.batch(12)[0].equal(batches.batch(0)[0]), "the next epoch has another order"
    first = batches.batch(3)
    batches.batch(20)
    assert all(a.equal(b) for a, b in zip(batches.batch(3), first, strict=True)), "whenever it is asked for"


def test_captions_of_like_length_share_a_batch(batches: CaptionBatches):
    spread = [torch.tensor([int((row != batches.end_id).sum()) for row in batches.batch(k)[1]]) for k in range(12)]
    assert sum(int(lengths.max() - lengths.min()) for lengths in spread) <= 30  # some 100 in a random order


def test_vectors_and_captions_must_be_as_many(tokenizer: BPETokenizer):
    with pytest.raises(ValueError, match="3 image vectors and 2 captions for batches of 2"):
        CaptionBatches(torch.randn(3, E), ["a", "b"], tokenizer, 2, seed=0)
    with pytest.raises(ValueError, match="at least a batch"):
        CaptionBatches(torch.randn(2, E), ["a", "b"], tokenizer, 4, seed=0)


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(
    make_captioner: Callable[..., Captioner], batches, make_model, tokenizer, tmp_path: Path
):
    origin = origin_of("emoji", make_model())
    whole, stopped = make_captioner(), make_captioner()
    history = train_captioner(whole, tokenizer, origin, batches, CONFIG)

    def interrupt(captioner: Captioner) -> dict[str, float]:
        raise KeyboardInterrupt  # after step 4: the last checkpoint is that of step 3

    with pytest.raises(KeyboardInterrupt):
        train_captioner(stopped, tokenizer, origin, batches, CONFIG, tmp_path, interrupt, evaluate_every=4)
    again = make_captioner(seed=1)
    continued = train_captioner(again, tokenizer, origin, batches, CONFIG, tmp_path)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)
    assert [record["step"] for record in continued] == [record["step"] for record in history] == [2, 4, 6, 8]
    assert [record["step"] for record in read_log(tmp_path)] == [2, 4, 6, 8]
    with pytest.raises(ValueError, match=r"started with other settings \(learning_rate 0.005 → 0.1\)"):
        train_captioner(again, tokenizer, origin, batches, replace(CONFIG, learning_rate=0.1), tmp_path)


def test_a_frozen_language_model_does_not_move(make_captioner, batches, make_model, tokenizer):
    captioner = make_captioner()
    captioner.language_model.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in captioner.state_dict().items()}
    train_captioner(captioner, tokenizer, origin_of("emoji", make_model()), batches, CONFIG)
    moved = {name.split(".")[0] for name, tensor in captioner.state_dict().items() if not tensor.equal(before[name])}
    assert moved == {"mapper"}


@pytest.mark.slow
def test_a_captioner_learns_to_look(make_captioner, make_model, scenes, tokenizer):
    """With vectors that tell the scenes apart it says each one's caption; with vectors that do not, one for all."""
    captions = scene_captions(scenes, range(32))
    vectors = torch.randn(32, E, generator=torch.Generator().manual_seed(0))
    config = TrainConfig(16, 1e-2, steps=250, warmup_steps=10, efficiency=FLOAT32)
    written = {}
    for name, shown in (("apart", vectors), ("alike", vectors[:1].expand(32, -1))):
        captioner = make_captioner()
        batches = CaptionBatches(shown, captions, tokenizer, 16, seed=0)
        train_captioner(captioner, tokenizer, origin_of("emoji", make_model()), batches, config)
        written[name] = write_captions(captioner, tokenizer, shown)
    right = [a == tokenizer.decode(tokenizer.encode(b)) for a, b in zip(written["apart"], captions, strict=True)]
    assert sum(right) >= 30
    assert collapse(written["alike"]).most_frequent == 1


def test_scenes_are_encoded_once(make_model, scenes: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clip_tutor.applications.captioning.scene_captions.PIECE", 60)
    clip = make_model().eval()
    expected = encode_scenes(clip, scenes, 130)
    assert expected.shape == (130, 16) and expected.dtype == torch.float16
    assert encode_scenes(clip, scenes, 130, tmp_path).equal(expected)
    made = sorted(tmp_path.iterdir())
    assert len(made) == 3
    times = [path.stat().st_mtime_ns for path in made]
    made[1].unlink()  # as if the run had been stopped there
    assert encode_scenes(clip, scenes, 130, tmp_path).equal(expected)
    assert [path.stat().st_mtime_ns == time for path, time in zip(made, times, strict=True)] == [True, False, True]
    assert not encode_scenes(make_model(seed=1).eval(), scenes, 130, tmp_path).equal(expected), "of another CLIP"


@pytest.mark.slow
def test_the_program_trains_saves_and_measures(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    for name, few in (("LOOKED_AT", 20), ("ASKED", 30), ("WIDTH", 32), ("LAYERS", 1)):
        monkeypatch.setattr(f"clip_tutor.applications.captioning.train.{name}", few)
    saved, curve = tmp_path / "captioner.safetensors", tmp_path / "curve.json"
    places = ["--run", str(tmp_path / "run"), "--save", str(saved), "--curve", str(curve)]
    main(["--scenes", "200", "--steps", "20", "--batch-size", "16", *places])
    assert '"steps": 20' in capsys.readouterr().out.splitlines()[-1]
    assert saved.exists() and '"background"' in curve.read_text("utf-8")
