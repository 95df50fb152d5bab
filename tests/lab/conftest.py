"""Each test leaves the screen empty and the style as it was: widgets and settings outlive the test that made them."""

from collections.abc import Iterator

import ipywidgets
import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean_up() -> Iterator[None]:
    with matplotlib.rc_context():
        yield
    ipywidgets.Widget.close_all()
