"""Show the whole path: a camera, the segmentation node and a listener, each its own process."""
