"""An image whose patches can be clicked: what does this one look at, in every block and every head?

image, each patch a button    │  a map for each block (row) and head (column)
slider: who looks             │  darker: more of its look goes there
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from clip_tutor.lab.plots.style import MUTED, TEXT_COLOR
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.gallery import as_image, data_address
from clip_tutor.lessons.nb04_vision_transformer.plots import overlay

SIDE = 344  # of the clickable image on the screen, in pixels
TILE = 104  # of one map
_numbers = count()  # two boards on one page must not share their style


def attention_board(
    images: dict[str, Any],
    look: Callable[[Tensor], Tensor],
    answer: Callable[[Tensor], str],
) -> Explorer:
    """Return a widget that shows where the tokens of an image look; a click on a patch makes it the one that looks.

    Args:
        images: names for its menu, and what each stands for: (3, H, W) ``uint8``.
        look: from (1, 3, H, W) to (1, L, K, T, T), see `attention_maps.looks`.
        answer: from (1, 3, H, W) to a line that says what the tower makes of the image.
    """
    first = next(iter(images))
    G = round((look(images[first][None]).shape[-1] - 1) ** 0.5)

    def painted(image: str, cover: int, which: str) -> Tensor:
        pixels = images[image][None]  # (1, 3, H, W)
        looked_at = look(pixels)[:, :, :, 0, 1:].mean(dim=(1, 2))  # (1, N)
        return covered(pixels, looked_at if which == "most" else -looked_at, cover)

    def show(image: str = first, token: int = 0, cover: int = 0, which: str = "most") -> str:
        pixels = painted(image, cover, which)
        weights = look(pixels)[0, :, :, token]  # (L, K, T)
        return _table(pixels[0], weights, token) + f'<div style="margin:8px 0 0 6px">{answer(pixels)}</div>'

    box = explore(
        show,
        image=ipywidgets.Dropdown(options=list(images), layout={"width": "420px"}),
        token=ipywidgets.IntSlider(0, 0, G * G, description="who looks (0: class token)", layout={"width": "420px"}),
        cover=ipywidgets.IntSlider(0, 0, G * G, layout={"width": "300px"}),
        which=ipywidgets.Dropdown(options=[("the most looked at", "most"), ("the least", "least")], description="of"),
    )
    patches = _clickable(box, lambda: painted(*(box.controls[name].value for name in ("image", "cover", "which")))[0])
    box.children = [box.children[0], ipywidgets.HBox([patches, box.screen], layout={"flex_flow": "row wrap"})]
    box.add_class("kit-attention")
    return box


def covered(pixels: Tensor, ranks: Tensor, number: int) -> Tensor:
    """Return images (B, 3, H, W) with the ``number`` patches of highest rank painted over.

    ``ranks`` are (B, N), one for each patch. The paint is the image's most common color: where that is a plain
    background, a thing that is covered is simply gone.
    """
    G = round(ranks.shape[-1] ** 0.5)
    side = pixels.shape[-1] // G
    hide = torch.zeros_like(ranks, dtype=torch.bool).scatter(1, ranks.topk(number, dim=1).indices, True)  # (B, N)
    hide = hide.view(-1, 1, G, G).repeat_interleave(side, dim=2).repeat_interleave(side, dim=3)  # (B, 1, H, W)
    paint = pixels.flatten(2).mode(dim=-1).values[..., None, None]  # (B, 3, 1, 1)
    return torch.where(hide, paint, pixels)


def _clickable(box: Explorer, image: Callable[[], Tensor]) -> ipywidgets.VBox:
    """Return the image as a grid of buttons, and the class token as one above; each sets the slider ``token``."""
    token = box.controls["token"]
    G = round(token.max**0.5)
    name = f"kit-patches-{next(_numbers)}"
    style = ipywidgets.HTML()
    buttons = [
        ipywidgets.Button(tooltip=f"patch {n}", layout={"width": "auto", "height": "auto", "margin": "0"})
        for n in range(1, token.max + 1)
    ]
    above = ipywidgets.Button(description="class token", layout={"width": f"{SIDE}px"})
    for n, button in enumerate([above, *buttons]):
        button.on_click(lambda _, n=n: setattr(token, "value", n))
    cells = f"repeat({G}, {SIDE // G}px)"
    layout = {"grid_template_columns": cells, "grid_template_rows": cells, "grid_gap": "0"}
    grid = ipywidgets.GridBox(buttons, layout={**layout, "width": f"{SIDE}px", "margin": "2px", "overflow": "hidden"})
    grid.add_class(name)

    def paint(_: Any = None) -> None:
        # The image lies behind the buttons; where a page takes no style, each has its patch's mean color.
        shown = as_image(image())
        P = len(shown) // G
        for button, mean in zip(buttons, shown.reshape(G, P, G, P, 3).mean(axis=(1, 3)).reshape(-1, 3), strict=True):
            button.style.button_color = "#{:02x}{:02x}{:02x}".format(*mean.astype(int))
        frame = f"{{box-shadow: inset 0 0 0 3px {TEXT_COLOR} !important; outline: none}}"
        chosen = f".{name} > :nth-child({token.value}) {frame}"
        style.value = (
            f"<style>.{name} {{background: url({data_address(shown)}) 0 0 / 100% 100%; image-rendering: pixelated}}"
            f".{name} > * {{background: none !important; border: 1px solid #ffffff44; padding: 0; min-width: 0}}"
            f".{name} > :hover {{background: #ffffff66 !important}} {chosen if token.value else ''}</style>"
        )

    paint()
    for control in box.controls.values():
        control.observe(paint, names="value")
    return ipywidgets.VBox([style, above, grid])


def _table(image: Tensor, weights: Tensor, token: int) -> str:
    """Return HTML: a map for each block and head of ``weights`` (L, K, T), the token that looks outlined."""
    L, K = weights.shape[:2]
    G = round((weights.shape[-1] - 1) ** 0.5)
    heads = "".join(f"<th style='{_SMALL}'>head {k + 1}</th>" for k in range(K))
    rows = ""
    for block in range(L):
        maps = "".join(_map(image, weights[block, k], token, G) for k in range(K))
        rows += f"<tr><th style='{_SMALL}'>block {block + 1}</th>{maps}</tr>"
    return f"<table style='border-collapse:separate;border-spacing:5px'><tr><th></th>{heads}</tr>{rows}</table>"


_SMALL = "font-size:11px;font-weight:600;text-align:center;line-height:1.2"


def _map(image: Tensor, weights: Tensor, token: int, G: int) -> str:
    row, column = divmod(token - 1, G)
    edge = TILE / G
    mark = (
        f"<div style='position:absolute;left:{column * edge:.1f}px;top:{row * edge:.1f}px;width:{edge:.1f}px;"
        f"height:{edge:.1f}px;box-sizing:border-box;border:2px solid {TEXT_COLOR}'></div>"
    )
    said = f"the class token gets {weights[0]:.0%}, the strongest patch {weights[1:].max():.0%}"
    tag = (
        f"<img src='{data_address(overlay(image, weights[1:]))}' width='{TILE}' height='{TILE}' alt='{said}' "
        "style='display:block;margin:0'>"
    )
    return (
        f"<td style='padding:0'><div style='position:relative;width:{TILE}px' title='{said}'>{tag}"
        f"{mark if token else ''}</div><div style='font-size:10px;color:{MUTED};text-align:center'>up to "
        f"{weights[1:].max():.0%}</div></td>"
    )
