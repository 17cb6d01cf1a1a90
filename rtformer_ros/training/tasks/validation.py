# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Score a network on whole images."""

from __future__ import annotations

from collections.abc import Callable

from rtformer_ros.training.data.sample_store import SampleStore
from rtformer_ros.training.metrics import confusion_matrix, Scores
from rtformer_ros.training.process_group import ProcessGroup
import torch
from torch import nn, Tensor


def validate(
    network: nn.Module,
    normalized: Callable[[Tensor], Tensor],
    store: SampleStore,
    group: ProcessGroup,
) -> Scores:
    """
    Return the scores of a network in eval mode, each image at its own size and once.

    normalized: from images uint8 [1, h, w, 3] to what the network reads. Several processes share
    the images and all get the scores of all.
    """
    classes = len(store.dataset.labels)
    total = torch.zeros((classes, classes), dtype=torch.int64, device=group.device)
    for index in range(group.rank, len(store), group.world_size):
        image, label = store.load(index)
        predicted = predict(network, normalized, torch.from_numpy(image)[None])[0]
        truth = torch.from_numpy(label).to(group.device)
        total += confusion_matrix(predicted, truth, classes)
    return Scores(group.total(total).cpu().numpy())


@torch.inference_mode()
def predict(
    network: nn.Module, normalized: Callable[[Tensor], Tensor], images_nhwc: Tensor
) -> Tensor:
    """Return class maps, int64 [n, h, w], for images uint8 [n, h, w, 3]."""
    logits: Tensor = network(normalized(images_nhwc))
    return logits.argmax(dim=1)
