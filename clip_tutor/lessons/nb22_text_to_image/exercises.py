"""Exercises of notebook 22, text to image.

build     22.1 the cosine schedule   22.2 the loss   22.3 cross-attention   22.4 a step of DDIM   22.5 guidance
          22.6 a CLIP's gradient   22.7 the loss of a prior   22.8 the best of several   22.9 the sphere
further   22.10 which place looks at which word
"""

from clip_tutor.lessons.nb22_text_to_image.attention_exercise import ATTENTION
from clip_tutor.lessons.nb22_text_to_image.best_exercise import BEST
from clip_tutor.lessons.nb22_text_to_image.clip_gradient_exercise import CLIP_GRADIENT
from clip_tutor.lessons.nb22_text_to_image.guidance_exercise import GUIDANCE
from clip_tutor.lessons.nb22_text_to_image.loss_exercise import LOSS
from clip_tutor.lessons.nb22_text_to_image.prior_exercise import PRIOR_LOSS
from clip_tutor.lessons.nb22_text_to_image.schedule_exercise import SCHEDULE
from clip_tutor.lessons.nb22_text_to_image.sphere_exercise import SPHERE
from clip_tutor.lessons.nb22_text_to_image.step_exercise import STEP
from clip_tutor.lessons.nb22_text_to_image.word_exercise import WORDS

EXERCISES = (SCHEDULE, LOSS, ATTENTION, STEP, GUIDANCE, CLIP_GRADIENT, PRIOR_LOSS, BEST, SPHERE, WORDS)
