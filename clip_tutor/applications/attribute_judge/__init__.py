"""A judge of scenes that is not CLIP: a small classifier that says what is drawn, how often, where, and on what.

    from clip_tutor.applications.attribute_judge import facts_of, load_judge
    judge, objects, _ = load_judge()
    judge.read(pixels)  # (B, 5): what it sees in B images, comparable with facts_of(scenes, objects)

A model that draws for CLIP must not be marked by CLIP alone: it may have learned what CLIP likes. Read `facts`,
`model`, `verdicts` in this order.
"""

from clip_tutor.applications.attribute_judge.facts import FACTS, facts_of
from clip_tutor.applications.attribute_judge.files import load_judge, save_judge
from clip_tutor.applications.attribute_judge.model import AttributeJudge, JudgeConfig
from clip_tutor.applications.attribute_judge.verdicts import verdicts

__all__ = ["FACTS", "AttributeJudge", "JudgeConfig", "facts_of", "load_judge", "save_judge", "verdicts"]
