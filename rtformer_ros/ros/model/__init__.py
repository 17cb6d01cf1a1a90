"""
Decide which engine runs, and open the next one in the background.

Imports interface and frames.
"""
