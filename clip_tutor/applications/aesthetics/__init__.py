"""Aesthetic ranking: a taste is one direction. Heads that score images, LAION's and your own.

    from clip_tutor.applications.aesthetics import fit_ratings, held_out_agreement
    head = fit_ratings(vectors, ratings)
    head.score(other_vectors)
    print(held_out_agreement(vectors, ratings))

Read `heads`, `training`, `agreement`, `nudging`, `audit`, `removing` in this order; `published` reads LAION's files.
"""

from clip_tutor.applications.aesthetics.agreement import Agreement, agreement, held_out_agreement, ordered_share
from clip_tutor.applications.aesthetics.audit import Audit, audit, explained_share, scene_attributes
from clip_tutor.applications.aesthetics.heads import AestheticHead, FiveLayerHead, LinearHead, collapse
from clip_tutor.applications.aesthetics.nudging import nudge, nudged_search
from clip_tutor.applications.aesthetics.published import load_head
from clip_tutor.applications.aesthetics.removing import attribute_directions, without
from clip_tutor.applications.aesthetics.training import fit_pairs, fit_ratings, pairs_of

__all__ = [
    "AestheticHead",
    "Agreement",
    "Audit",
    "FiveLayerHead",
    "LinearHead",
    "agreement",
    "attribute_directions",
    "audit",
    "collapse",
    "explained_share",
    "fit_pairs",
    "fit_ratings",
    "held_out_agreement",
    "load_head",
    "nudge",
    "nudged_search",
    "ordered_share",
    "pairs_of",
    "scene_attributes",
    "without",
]
