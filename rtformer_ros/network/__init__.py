"""Build RTFormer in PyTorch and read its weights."""
