"""
Lead a training run, and keep what it needs to go on.

Imports the other rooms of training.
"""
