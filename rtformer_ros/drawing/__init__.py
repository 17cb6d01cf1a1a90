"""
Pictures for people: class colours, overlays, legends, panels, the ground from above.

Imports labels, segmentation, imaging and geometry; nothing that runs a network.
"""
