"""Training a Flamingo: the order from easy to hard, what learns, and the program that made the one that ships."""

import json
from pathlib import Path

import pytest
import torch

from clip_tutor.applications.captioning.training import CaptionBatches
from clip_tutor.applications.flamingo import Flamingo, FlamingoConfig, load_flamingo
from clip_tutor.applications.flamingo import train as program
from clip_tutor.applications.flamingo.episodes import ASKED, EpisodeMaker
from clip_tutor.applications.flamingo.training import FlamingoTraining, caption_loss, episode_loss, train_flamingo
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from clip_tutor.data.scenes import Scenes
from clip_tutor.weights import save
from tests.applications.flamingo.conftest import SMALL, WIDE, N

COUNT = 400


def test_two_images_are_repeated_less_and_less():
    config = FlamingoTraining(captions_alone=10, repeated_until=100, real_from=200, repeated_share=0.2)
    assert [config.repeated(step) for step in (0, 100, 150, 180, 200, 9999)] == [1, 1, 0.5, 0.2, 0.2, 0.2]


@pytest.fixture
def parts(tokenizer, objects) -> tuple[Flamingo, torch.Tensor, CaptionBatches, EpisodeMaker]:
    """A small Flamingo, made-up places of scenes, and the captions and episodes of these scenes."""
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(tokenizer.vocab_size, 40, width=32, layers=2, heads=2))
    flamingo = Flamingo(FlamingoConfig(WIDE, **SMALL), model)
    scenes = Scenes(objects)
    features = torch.randn(COUNT, N, WIDE).half()
    captions = CaptionBatches(features, [scene.caption for scene in scenes.scenes(range(COUNT))], tokenizer, 8, seed=0)
    return flamingo, features, captions, EpisodeMaker(scenes, 4000, tokenizer, flamingo.image_id)


def test_only_the_new_layers_learn_and_the_losses_fall(parts):
    flamingo, features, captions, episodes = parts
    features = features[torch.arange(4000) % COUNT]
    before = {name: tensor.clone() for name, tensor in flamingo.state_dict().items()}
    config = FlamingoTraining(
        steps=24, captions_alone=12, repeated_until=20, real_from=22, episodes=4, learning_rate=5e-3
    )
    history = train_flamingo(flamingo, features, captions, episodes, config, lambda _: {"looked": 1.0}, every=6)
    assert [record["step"] for record in history] == [6, 12, 18, 24] and all(record["looked"] for record in history)
    assert [record["loss"] > 0 for record in history] == [False, False, True, True], "captions come alone at first"
    assert history[-1]["caption_loss"] < history[0]["caption_loss"] - 0.05
    assert not flamingo.training
    for name, tensor in flamingo.state_dict().items():
        assert torch.equal(tensor, before[name]) == name.startswith("language_model."), name


def test_a_caption_stands_behind_its_image(parts):
    flamingo, _, captions, _ = parts
    places, ids = captions.batch(3)
    marks = torch.full((len(ids), 1), flamingo.image_id)
    logits = flamingo(places[:, None], torch.cat([marks, ids], dim=1)).log_softmax(dim=-1)
    counts = (ids == captions.end_id).cumsum(dim=1) <= (ids == captions.end_id).long()
    expected = -logits[:, :-1].gather(2, ids[..., None])[..., 0][counts].mean()
    torch.testing.assert_close(caption_loss(flamingo, captions, 3), expected)


def test_all_letters_of_an_episode_are_learned(parts):
    flamingo, features, _, episodes = parts
    features = features[torch.arange(4000) % COUNT]
    config = FlamingoTraining(episodes=4, shots=(2, 4))
    batch = episodes.episodes(ASKED, 4, 4, (config.seed, 7), repeated=1.0)
    ids = torch.cat([batch.token_ids, batch.answers[:, None]], dim=1)
    logits = flamingo(features[torch.from_numpy(batch.scenes)].float(), ids).log_softmax(dim=-1)
    told = [(place, place + 1) for place in range(0, 14, 3)] + [(place + 1, place + 2) for place in range(0, 12, 3)]
    expected = -torch.stack([logits[range(4), place, ids[:, after]] for place, after in told]).mean()
    torch.testing.assert_close(episode_loss(flamingo, features, episodes, config, 7), expected)


@pytest.mark.slow
def test_the_program_trains_saves_and_measures(make_model, tokenizer, tmp_path: Path, monkeypatch, capsys):
    for name, small in (("LOOKED_AT", 4), ("ASKED_AFTER", 4), ("UNSEEN", 6000)):
        monkeypatch.setattr(program, name, small)
    save(tmp_path / "clip.safetensors", make_model(), tokenizer)
    made, curve = tmp_path / "flamingo.safetensors", tmp_path / "curve.json"
    options = ["--clip", str(tmp_path / "clip.safetensors"), "--scenes", "6000", "--steps", "200"]
    monkeypatch.setattr(FlamingoTraining, "captions_alone", 195)
    program.main([*options, "--save", str(made), "--curve", str(curve)])
    flamingo, _, tower, _, notes = load_flamingo(made)
    assert notes["steps"] == 200 and notes["command"].endswith(str(curve))
    assert not any(parameter.requires_grad for parameter in tower.parameters())
    written = json.loads(curve.read_text("utf-8"))
    assert written["shots"] == json.loads(json.dumps(notes["shots"])) and written["steps"] == [200]
    assert torch.tensor(written["gates"][-1]).allclose(flamingo.gates(), atol=1e-3)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == written
    with pytest.raises(SystemExit):
        program.main(["--steps", "1"])
