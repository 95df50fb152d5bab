"""The embedding map to walk in: images and captions together, with thumbnails, hover cards, a box that lists.

    points.py    what lies on the map: N images, N captions, their vectors, one sheet of thumbnails
    coloring.py  a color for each pair, by modality or by an attribute, and its legend
    page.py      pure functions: settings ─▶ the points, and the box and the ring over them
    beside.py    pure functions: settings ─▶ what lies in the box, the chosen point and its neighbors
    style_sheet.py
    script.py    a few lines for the mouse; without them hover cards and all controls still work
    explorer.py  the widget: controls tied to these functions

Hover cards are CSS: no kernel is asked, so they appear at once, and in a notebook whose kernel has ended. The
thumbnails travel once, as one image; a redrawn map sends places and captions only.
"""

from clip_tutor.lab.widgets.embedding_explorer.explorer import EmbeddingExplorer, embedding_explorer

__all__ = ["EmbeddingExplorer", "embedding_explorer"]
