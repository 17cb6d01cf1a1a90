"""Turn a trained network into a file that a robot runs."""
