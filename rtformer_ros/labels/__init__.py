"""
Say what classes are: names, colours, planner groups, and what users write about them.

Imports errors and segmentation's constants alone.
"""

from rtformer_ros.labels.label_set import (
    ColorRgb,
    LabelClass,
    LabelSet,
    PlannerGroup,
    distinct_colors,
    load_labels,
)

__all__ = [
    'ColorRgb',
    'LabelClass',
    'LabelSet',
    'PlannerGroup',
    'distinct_colors',
    'load_labels',
]
