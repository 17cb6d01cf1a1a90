"""
Find the images and labels of the data sets that people train on.

Imports labels alone.
"""
