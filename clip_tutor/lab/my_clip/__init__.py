"""`my_clip.py`, the learner's own file: what passed its check is kept there, in the order of the course.

    lab.check("07.2", contrastive_loss)   right ──▶ kept in my_clip.py
                                          a stub ─▶ the one in my_clip.py, checked again; else the library's
    lab.my_parts("04.6", "07.2")          in later notebooks: whose part is whose, said in one line

It lies beside the notebooks, or where CLIP_TUTOR_MY_CLIP says. It can be read from top to bottom, edited by hand, and
run: ``python my_clip.py`` trains the model that it describes. In Colab, whose files do not last,
``lab.download_my_clip()`` takes it to your computer and ``lab.upload_my_clip()`` brings it back.
"""

from clip_tutor.lab.my_clip.colab import download_my_clip, upload_my_clip
from clip_tutor.lab.my_clip.file import where
from clip_tutor.lab.my_clip.keeping import find, keep
from clip_tutor.lab.my_clip.parts import my_parts

__all__ = ["download_my_clip", "find", "keep", "my_parts", "upload_my_clip", "where"]
