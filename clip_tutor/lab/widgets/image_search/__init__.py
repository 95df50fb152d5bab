"""An image search to use: words, an image or both go in; images with scores come out, and each leads to more like it.

    controls ─▶ Query ─ find ─▶ Answer ─▶ tiles: a thumbnail, its score, a button for more like it
       ▲                                    │
       └───── history: every query so far ◀─┘

query.py        what is looked for, and looking for it: no widget is needed
uploads.py      an uploaded file, as ipywidgets 7 and 8 hand it over
thumbnails.py   small images, decoded when they are shown
tiles.py        one image that was found
remarks.py      what is said around the images
history.py      all queries so far
demo.py         the widget; look.py, its style sheet
own_folder.py   the same for a folder of one's own photographs
"""

from clip_tutor.lab.widgets.image_search.demo import ImageSearch, image_search
from clip_tutor.lab.widgets.image_search.own_folder import search_my_photos

__all__ = ["ImageSearch", "image_search", "search_my_photos"]
