"""What most tests need: a small world, a tokenizer that knows its words, and a model too small to wait for."""

import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
import torch

from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig


@pytest.fixture(scope="session", autouse=True)
def _own_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what tests solve out of the learner's `my_clip.py`: each process of tests has a file of its own."""
    os.environ["CLIP_TUTOR_MY_CLIP"] = str(tmp_path_factory.mktemp("own") / "my_clip.py")


@pytest.fixture(scope="session")
def objects() -> tuple[Emoji, ...]:
    """As few objects as scenes can be made of."""
    return find_emoji(FIRST_WORDS[:48])


@pytest.fixture(scope="session")
def scenes(objects: tuple[Emoji, ...]) -> Scenes:
    """Training scenes of 32 × 32 pixels."""
    return Scenes(objects, size=32)


@pytest.fixture(scope="session")
def tokenizer(scenes: Scenes) -> BPETokenizer:
    """A tokenizer of at most 700 ids that has read 2,000 captions."""
    return BPETokenizer.train([scene.caption for scene in scenes.scenes(range(2000))], 700, context_length=32)


@pytest.fixture(scope="session")
def make_model(tokenizer: BPETokenizer) -> Callable[..., CLIP]:
    """A function that gives a fresh tiny model: ``make_model(seed=1, stem_channels=(4, 8, 8))``."""

    def make(
        seed: int = 0, width: int = 16, embed_dim: int = 16, stem_channels: tuple[int, ...] = (), layers: int = 1
    ) -> CLIP:
        patch_size = 16 if stem_channels else 8
        vision = ViTConfig(32, patch_size, width, layers=layers, heads=2, stem_channels=stem_channels)
        text = TextConfig(tokenizer.vocab_size, tokenizer.context_length, width, layers=layers, heads=2)
        torch.manual_seed(seed)
        return CLIP(CLIPConfig(embed_dim, vision, text))

    return make


@pytest.fixture
def model(make_model: Callable[..., CLIP]) -> CLIP:
    """A fresh tiny model, in evaluation mode."""
    return make_model().eval()


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """Ray on this machine, with two CPUs."""
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "clip-tutor[ray]"')
    pytest.importorskip("ray.data")
    patience = pytest.MonkeyPatch()  # on a busy machine its own processes may need more than the seconds they are given
    patience.setenv("RAY_agent_register_timeout_ms", "180000")
    patience.setenv("RAY_worker_register_timeout_seconds", "180")
    options = {"log_to_driver": False, "logging_level": "ERROR", "object_store_memory": 100 * 2**20}
    for last in (False, False, False, False, True):  # Ray waits half a minute for them, and no setting changes that
        try:
            ray.init(num_cpus=2, include_dashboard=False, **options)
            break
        except Exception:
            ray.shutdown()
            if last:
                raise
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()
    patience.undo()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold slow tests: files that run side by side then end at about the same time.

    Leave out on Windows what only POSIX systems can do.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    if sys.platform == "win32":
        for item in items:
            if item.get_closest_marker("posix"):
                item.add_marker(pytest.mark.skip(reason="needs what Windows does not have"))
