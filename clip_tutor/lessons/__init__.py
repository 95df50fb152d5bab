"""What one notebook alone needs: `nbNN_name` holds the exercises, plots, stills and data of ``NN_name.ipynb``.

    exercises.py    its tuple ``EXERCISES``: the references, checks and known mistakes of `lab.exercises`
    stills.py       a function for each still that ``course.toml`` lists: ``card()`` draws ``images/NN_card.webp``
    plots.py        figures that only this notebook draws; its widgets and data lie beside it

`lab` finds the first two by these names. A lesson imports `lab` and what `lab` may import, never another lesson: what
two of them need belongs in `lab`.
"""
