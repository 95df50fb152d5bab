"""The course itself: its list of notebooks, the cells and files that are generated from it, its map, its stills."""
