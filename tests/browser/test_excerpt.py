"""An excerpt of a notebook holds what its cells read, and no more."""

import pytest

from tests.browser.excerpt import Cell, excerpt


def code(id: str, *lines: str, **metadata: str) -> Cell:
    return {"id": id, "cell_type": "code", "metadata": metadata, "source": [f"{line}\n" for line in lines]}


CELLS = [
    {"id": "title", "cell_type": "markdown", "metadata": {}, "source": ["# A title"]},
    code("start", "%pip install kit", clip_tutor="setup"),
    code("imports", "import torch", "from kit import Index, plots"),
    code("old", "vectors = torch.zeros(3)"),
    code("new", "vectors = torch.ones(3)"),
    code("fill", "index = Index()"),
    code("add", "index.add(vectors)"),
    code("look", "plots.bars([len(one) for one in vectors])"),
    code("scale", "vectors[0] = 2"),
    code("play", "def draw(k=3):", "    found = index.search(k)", "    return plots.bars(found)", "", "draw()"),
    code("after", "index = None"),
]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (["play"], ["start", "imports", "new", "fill", "add", "play"]),
        (["look"], ["start", "imports", "new", "look"]),
        (["title", "after"], ["title", "start", "after"]),
    ],
)
def test_an_excerpt_holds_what_its_cells_read(wanted: list[str], kept: list[str]) -> None:
    assert [cell["id"] for cell in excerpt(CELLS, wanted)] == kept


def test_what_a_cell_changes_is_needed_as_well_as_what_it_sets() -> None:
    cells = [*CELLS, code("last", "plots.bars(vectors)")]
    assert [cell["id"] for cell in excerpt(cells, ["last"])] == ["start", "imports", "new", "scale", "last"]


def test_a_cell_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="there is no cell play-board"):
        excerpt(CELLS, ["play-board"])
