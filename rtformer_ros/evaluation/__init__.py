"""
Measure how well a model segments the images of a data set, and show where it fails.

Imports training's data sets and metrics, and drawing.
"""
