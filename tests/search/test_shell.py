"""`python -m clip_tutor.search`: index, query, info; and one sentence when something is wrong."""

import shutil

import pytest

from clip_tutor.search import __main__ as shell
from tests.search.conftest import run


def test_a_folder_is_indexed_queried_and_described(photos, capsys):
    assert "8 added" in run(capsys, "index", photos, "--workers", 2)
    assert "8 unchanged" in run(capsys, "index", photos)
    lines = run(capsys, "query", photos, "a cat", "-k", 3).splitlines()
    assert sum(".png" in line for line in lines) == 3 and any("The best score is" in line for line in lines)
    told = run(capsys, "info", photos)
    assert "8 images, encoded with emoji, 128 numbers each" in told and "search is exact" in told
    assert "(the query itself)" in run(capsys, "query", photos, "--image", photos / "0.png")
    assert "/below/" in run(capsys, "query", photos, "--image", photos / "below" / "1.png", "--in", "below")


def test_an_index_may_lie_elsewhere_and_remembers_its_model(photos, capsys, tmp_path):
    from clip_tutor.assets import asset

    weights = tmp_path / "mine.safetensors"
    shutil.copy(asset("checkpoints/emoji.safetensors"), weights)
    run(capsys, "index", photos, "--index", tmp_path / "elsewhere", "--model", weights)
    assert not (photos / ".clip_tutor_index").exists()
    assert f"encoded with {weights}" in run(capsys, "info", tmp_path / "elsewhere")
    assert "8 unchanged" in run(capsys, "index", photos, "--index", tmp_path / "elsewhere"), "with its own model again"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["index", "{}/none"], "none is no folder: give the folder of images"),
        (["query", "{}/photos", "a cat"], "is not there: give the folder of one"),
        (["index", "{}/photos", "--model", "ViT-B/33"], "ViT-B/33"),
    ],
)
def test_a_mistake_ends_in_one_sentence(photos, tmp_path, arguments, words):
    with pytest.raises(SystemExit, match=words):
        shell.run_from_shell(lambda: shell.main([argument.format(tmp_path) for argument in arguments]))


def test_a_query_without_anything_to_look_for_says_so(photos, capsys):
    run(capsys, "index", photos)
    with pytest.raises(SystemExit, match="search for words, for an image, or for both"):
        shell.run_from_shell(lambda: shell.main(["query", str(photos)]))
