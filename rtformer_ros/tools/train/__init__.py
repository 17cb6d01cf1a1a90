"""Train a network: `python -m rtformer_ros.tools.train`."""
