"""Everything that needs Jupyter: what each notebook of the course stands on.

    from clip_tutor import lab
    device = lab.setup()

    lab.explore(draw, k=(1, 12))                        a plain function, tied to controls
    lab.predict(loss="What is the loss of guessing?")   questions with empty controls, answered at the end
    lab.check("08.1", contrastive_loss)                 an exercise, checked
    lab.my_parts("07.2")                                what the learner has built so far, else the library's
    with lab.expect_error(ValueError, match="unit"):    a mistake made on purpose
    lab.show_source(contrastive_loss, losses.contrastive_loss)

The figures that notebooks share are in `lab.plots`, `lab.training_plots` and
`lab.evaluation_plots`, flat maps of vectors in `lab.layouts`;
`lab.Live` keeps one of them up to date while something runs.
"""

from clip_tutor.lab import plots
from clip_tutor.lab.course.course_map import course_map
from clip_tutor.lab.errors import expect_error
from clip_tutor.lab.exercises.check import check
from clip_tutor.lab.my_clip import download_my_clip, my_parts, upload_my_clip
from clip_tutor.lab.plots import evaluation_plots, layouts, style, training_plots
from clip_tutor.lab.setup import setup
from clip_tutor.lab.source import show_source
from clip_tutor.lab.widgets.explore import explore
from clip_tutor.lab.widgets.gallery import gallery
from clip_tutor.lab.widgets.image_map import image_map
from clip_tutor.lab.widgets.image_search import image_search, search_my_photos
from clip_tutor.lab.widgets.live import Live
from clip_tutor.lab.widgets.meters import meters
from clip_tutor.lab.widgets.predict import predict
from clip_tutor.lab.widgets.screen import Screen
from clip_tutor.lab.widgets.search_box import search_box

__all__ = [
    "setup",
    "explore",
    "predict",
    "gallery",
    "meters",
    "search_box",
    "image_map",
    "Screen",
    "Live",
    "check",
    "my_parts",
    "download_my_clip",
    "upload_my_clip",
    "expect_error",
    "show_source",
    "course_map",
    "evaluation_plots",
    "layouts",
    "plots",
    "style",
    "training_plots",
    "image_search",
    "search_my_photos",
]
