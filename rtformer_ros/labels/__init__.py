"""
What classes are: names, colours, planner groups, and what users write about them.

Imports errors and segmentation's constants alone.
"""
