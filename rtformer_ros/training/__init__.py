"""Train RTFormer: data sets, augmentation, losses, schedule, and the loop that joins them."""
