"""Exercises of notebook 23, SigLIP 2.

build     23.1 the teacher   23.2 centering and sharpening   23.3 the masked loss   23.4 NaFlex's search
further   23.5 mIoU
"""

from clip_tutor.lessons.nb23_siglip2.centering_exercise import CENTERING
from clip_tutor.lessons.nb23_siglip2.masked_exercise import MASKED
from clip_tutor.lessons.nb23_siglip2.overlap_exercise import MEAN_IOU
from clip_tutor.lessons.nb23_siglip2.search_exercise import SIZE
from clip_tutor.lessons.nb23_siglip2.teacher_exercise import TEACHER

EXERCISES = (TEACHER, CENTERING, MASKED, SIZE, MEAN_IOU)
