# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Score a network that classifies images as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from rtformer_ros.training.data.image_crop import middle_crop
from rtformer_ros.training.data.image_store import ImageStore
from rtformer_ros.training.metrics import ClassificationScores, confusion_matrix, count_right_in_5
from rtformer_ros.training.process_group import ProcessGroup
import torch
from torch import Tensor

_BATCH = 32


@torch.inference_mode()
def score_images(
    logits_of: Callable[[Tensor], Tensor],
    store: ImageStore,
    size_hw: tuple[int, int],
    share: float,
    group: ProcessGroup,
    on_images: Callable[[int], object] = lambda count: None,
) -> ClassificationScores:
    """
    Return the scores of a network in eval mode on the middle of each image, once.

    logits_of: from images uint8 [n, h, w, 3] to logits [n, classes]; size_hw: of these images;
    share: see middle_window; on_images: called with the number of images of each batch. Several
    processes share the images and all get the scores of all.
    """
    classes = len(store.dataset.class_names)
    confusion = torch.zeros((classes, classes), dtype=torch.int64, device=group.device)
    right_in_5 = torch.zeros(classes, dtype=torch.int64, device=group.device)
    for images, truth in _batches(store, size_hw, share, group):
        logits = logits_of(images.to(group.device))
        truth = truth.to(group.device)
        confusion += confusion_matrix(logits.argmax(dim=1), truth, classes)
        right_in_5 += count_right_in_5(logits, truth)
        on_images(len(images))
    return ClassificationScores(
        group.total(confusion).cpu().numpy(), group.total(right_in_5).cpu().numpy()
    )


def _batches(
    store: ImageStore, size_hw: tuple[int, int], share: float, group: ProcessGroup
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images, uint8 [n, h, w, 3], and class ids, int64 [n], of this process's share."""
    own = range(group.rank, len(store), group.world_size)
    for first in range(0, len(own), _BATCH):
        pairs = [store.load(index) for index in own[first : first + _BATCH]]
        crops = [middle_crop(image, *size_hw, share) for image, _ in pairs]
        class_ids = [class_id for _, class_id in pairs]
        yield torch.from_numpy(np.stack(crops)), torch.tensor(class_ids)
