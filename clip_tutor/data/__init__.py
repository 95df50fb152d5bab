"""Where pairs of images and captions come from: the embedded emoji scenes, drawn and described on the fly."""

from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji, load_emoji
from clip_tutor.data.folder import read_folder
from clip_tutor.data.pairs import Pair
from clip_tutor.data.scenes import Scene, Scenes

__all__ = ["FIRST_WORDS", "Emoji", "Pair", "Scene", "Scenes", "find_emoji", "load_emoji", "read_folder"]
