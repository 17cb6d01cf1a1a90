# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An objective that needs no labelled pixels, to test what learns from it."""

import torch


class Brightness:
    """Learn to tell each image's mean from its first logit, a sum of squares."""

    def batch(self, images, labels, _step, _rank):
        return images, labels.float()

    def terms(self, outputs, targets, _step):
        heads = outputs if isinstance(outputs, tuple) else (outputs,)
        errors = heads[0][:, 0].mean(dim=(1, 2)) - targets
        return [((errors**2).sum(), torch.tensor(float(len(targets))))], [1.0]
