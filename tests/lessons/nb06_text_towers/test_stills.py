"""The still of notebook 06."""

from matplotlib.figure import Figure

from clip_tutor.lessons.nb06_text_towers import stills


def test_the_card_can_be_drawn():
    assert isinstance(stills.card(), Figure)
