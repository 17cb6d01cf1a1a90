"""Run a model file on whatever this machine has."""
