"""
Draw pixels for people: masks in class colours, overlays, legends, panels, the ground from above.

Imports labels, imaging and geometry; nothing that runs a network.
"""
