# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
CropDraw batches of crops in an order that depends on nothing but the seed and the step.

A crop's random numbers come from (seed, epoch, place in the epoch), so that worker processes,
several training processes and a run that was interrupted all see the same crops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import signal
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from rtformer_ros.processes.lifeline import end_with_parent
from rtformer_ros.training.data.sample_store import ImageHwc
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

_ORDER, _CROP = 0, 1
"""Tell the random streams of one seed apart."""


class CropMaker(Protocol):
    """Something that makes training crops of numbered samples."""

    def crop(
        self, index: int, rng: np.random.Generator
    ) -> tuple[ImageHwc, npt.NDArray[np.integer[Any]]]:
        """Return a crop of sample `index`, RGB uint8 [h, w, 3], and its label, drawn by `rng`."""
        ...


class CropDraw(NamedTuple):
    """One crop to make: which sample, when."""

    epoch: int
    place: int
    sample: int


@dataclass(frozen=True)
class BatchOrder:
    """
    Which samples each step trains on.

    sample_count: samples of the data set; batch_size: crops a step over all processes; rank and
    world_size: which equal share of a step this process takes.
    """

    sample_count: int
    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1

    def draws(self, step: int) -> list[CropDraw]:
        """Return this process's crops of a step (from 0); epochs follow without a gap."""
        share = self.batch_size // self.world_size
        first = step * self.batch_size + self.rank * share
        places = [divmod(number, self.sample_count) for number in range(first, first + share)]
        samples = {epoch: self._shuffled(epoch) for epoch, _ in places}
        return [CropDraw(epoch, place, int(samples[epoch][place])) for epoch, place in places]

    def _shuffled(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self.seed, _ORDER, epoch)).permutation(self.sample_count)


class StepSampler(Sampler[list[CropDraw]]):
    """Yield the draws of each step from `first_step` to before `last_step`."""

    def __init__(self, order: BatchOrder, first_step: int, last_step: int) -> None:
        """Keep the order and the range of steps."""
        self.order, self.steps = order, range(first_step, last_step)

    def __iter__(self) -> Iterator[list[CropDraw]]:
        """Iterate over steps."""
        return (self.order.draws(step) for step in self.steps)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steps)


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Make the crop that a draw stands for."""

    def __init__(self, maker: CropMaker, seed: int) -> None:
        """Keep what makes crops, and the seed of their random numbers."""
        self.maker, self.seed = maker, seed

    def __getitem__(self, draw: CropDraw) -> tuple[Tensor, Tensor]:
        """Return (image uint8 [h, w, 3], label)."""
        rng = np.random.default_rng((self.seed, _CROP, draw.epoch, draw.place))
        image, label = self.maker.crop(draw.sample, rng)
        return torch.from_numpy(image), torch.from_numpy(label)


def load_batches(
    maker: CropMaker,
    order: BatchOrder,
    first_step: int,
    last_step: int,
    workers: int,
    *,
    pin_memory: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """
    Yield one batch a step: images uint8 [n, h, w, 3] and labels [n, ...].

    workers: processes that make crops ahead; 0 makes them here, when they are asked for.
    pin_memory: put batches where a CUDA device copies them from fastest.
    """
    more: dict[str, Any] = {}
    if workers:
        more = {'prefetch_factor': 4, 'worker_init_fn': _prepare_worker}
        more['multiprocessing_context'] = 'fork'
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        Crops(maker, order.seed),
        batch_sampler=StepSampler(order, first_step, last_step),
        num_workers=workers,
        pin_memory=pin_memory,
        **more,
    )
    return iter(loader)


def _prepare_worker(_worker: int) -> None:
    """Leave the cores to training, and the end of the run to the main process; end with it."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent()
