"""
Make batches of augmented crops.

Imports datasets and the recipe.
"""
