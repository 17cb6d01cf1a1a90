# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The base class of all engines: what each does, and the checks that hold for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, replace
import threading
from typing import TYPE_CHECKING

from rtformer_ros.errors import EngineClosed, EngineError, ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.request import BuildWatch, EngineRequest
    from rtformer_ros.labels.label_set import LabelSet
    from rtformer_ros.segmentation import Segmentation, SegmentationBatch


@dataclass(frozen=True)
class EngineDescription:
    """
    What an open engine runs and what it takes.

    engine: its name in the table of engines; device: 'cpu', 'cuda:0'; model: the file it was
    opened from; height, width: pixels of its input and of its output; labels: the classes whose
    ids it returns; detail: one line for people (library version, provider, precision, threads);
    passed_over: why `engine: auto` took none of those that it prefers, '' where it did not have
    to; untried: which of those it would try first with this model, which was put off, '' for none.
    labels_warning: how the labels differ from those of the model, '' where they do not.
    frames_refused: why no frame goes in as it comes though that was asked for, '' otherwise.
    """

    engine: str
    device: str
    model: Path
    height: int
    width: int
    labels: LabelSet
    detail: str = ''
    passed_over: str = ''
    untried: str = ''
    labels_warning: str = ''
    frames_refused: str = ''


class Engine(ABC):
    """
    An open model that segments batches of images until it is closed.

    Calls of `infer` from several threads run one after the other. `close` may be called from any
    thread, in any state and repeatedly; a call of `infer` that is running is cut short where the
    engine can do that. Subclasses implement `open`, `_run`, `_release` and, where they can,
    `_interrupt`; one that compiles models implements `needs_build`, one that takes frames
    `frame_encodings`, `_run_frame` and, where it paints pictures well, `frame_pictures`, and one
    that compiles for frames `awaited_frames` and `add_frames`, too.
    """

    def __init__(self, description: EngineDescription) -> None:
        """Keep what describes this engine; subclasses open their model before they call this."""
        self._description = description
        self._running = threading.Lock()
        self._closed = False
        self._released = False

    @classmethod
    @abstractmethod
    def open(cls, request: EngineRequest) -> Engine:
        """
        Open the model of a request and run it once.

        Its field `engine` was resolved already. Raises EngineUnavailable where the device is
        missing, and what else open_engine raises.
        """

    @classmethod
    def needs_build(cls, request: EngineRequest) -> bool:
        """
        Return whether `open` would compile the model first.

        Raises EngineUnavailable where nothing can, ModelError for a model that cannot be read.
        """
        del request
        return False

    @property
    def description(self) -> EngineDescription:
        """Return what this engine runs; stays readable after close()."""
        return self._description

    @property
    def frame_encodings(self) -> frozenset[str]:
        """Return the encodings of the frames that `infer_frame` takes; none for most engines."""
        return frozenset()

    @property
    def largest_frame(self) -> tuple[int, int] | None:
        """
        Return (height, width) that frames and their masks may have at most; None for any.

        Those are two limits: of the height, and of the width.
        """
        return None

    @property
    def awaited_frames(self) -> str:
        """Return the encoding of the frames that `add_frames` would make it take, '' for none."""
        return ''

    def add_frames(self, watch: BuildWatch) -> None:
        """
        Compile what `awaited_frames` asks for, for minutes, and take such frames from then on.

        `infer` may be called meanwhile. After a failure nothing is awaited any more, and the
        description says why. Raises EngineBuildCancelled, EngineClosed after close(), and what
        else open_engine raises for a model that is compiled.
        """
        raise NotImplementedError

    @property
    def frame_pictures(self) -> frozenset[str]:
        """Return the pictures that `infer_frame` paints quicker than the host; mostly none."""
        return frozenset()

    def note_choice(self, passed_over: str, untried: str = '') -> None:
        """Keep in the description why this engine was taken and no better one."""
        self._description = replace(self._description, passed_over=passed_over, untried=untried)

    def infer(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        """
        Segment a batch of RGB images.

        images_nhwc: uint8 [N, H, W, 3] with N >= 1 and the H and W of the description; need not
        be contiguous and is only read. The result's arrays belong to the caller.
        Raises ImageError for another shape or dtype, EngineClosed after close() and when close()
        cuts it short, EngineError when the engine fails; after the first and the last, the next
        call may succeed.
        """
        with self._turn():
            self._check_batch(images_nhwc)
            return self._run(images_nhwc)

    def infer_frame(self, frame: CameraFrame) -> Segmentation:
        """
        Segment a camera's frame as it came: its masks have the size that its tables say.

        The small class map of the result has the network's size, remapped as the large one, bars
        included. Of the pictures that the frame asks for it has those that the engine painted; the
        others are the caller's to draw.
        Raises ImageError for an encoding that is not in `frame_encodings` and a size beyond
        `largest_frame`, else what `infer` raises.
        """
        with self._turn():
            if frame.encoding not in self.frame_encodings:
                raise ImageError(
                    f'the {self._description.engine} engine takes no frames of {frame.encoding}, '
                    f'but of {", ".join(sorted(self.frame_encodings)) or "none"}; decode and '
                    'resize them first'
                )
            return self._run_frame(frame)

    def close(self) -> None:
        """Release the model and its device memory."""
        self._closed = True
        self._interrupt()
        with self._running:
            if not self._released:
                self._released = True
                self._release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for other calls; raise EngineClosed where it is closed, or was meanwhile."""
        with self._running:
            if self._closed:
                raise self._closed_error()
            try:
                yield
            except EngineError as error:
                if self._closed:
                    raise self._closed_error() from error
                raise

    @abstractmethod
    def _run(self, images_nhwc: npt.NDArray[np.uint8]) -> SegmentationBatch:
        """Segment a checked batch; raise EngineError for whatever the library raises."""

    def _run_frame(self, frame: CameraFrame) -> Segmentation:
        """Segment a frame of one of `frame_encodings`; raise as `_run` does."""
        raise NotImplementedError

    @abstractmethod
    def _release(self) -> None:
        """Give back what the engine holds; called once, never while `_run` runs."""

    # An engine that cannot be interrupted is waited for, which is right as it stands.
    def _interrupt(self) -> None:  # noqa: B027
        """Make a running `_run` return soon; called from another thread, possibly repeatedly."""

    def _closed_error(self) -> EngineClosed:
        return EngineClosed(
            f'the {self._description.engine} engine of {self._description.model} is closed; '
            'open it again with open_engine()'
        )

    def _check_batch(self, images_nhwc: npt.NDArray[np.uint8]) -> None:
        height, width = self._description.height, self._description.width
        shape, dtype = images_nhwc.shape, images_nhwc.dtype
        if dtype.name != 'uint8':
            raise ImageError(f'images are {dtype}; expected uint8, RGB, 0..255')
        if len(shape) != 4 or shape[0] < 1 or shape[1:] != (height, width, 3):
            raise ImageError(
                f'images have the shape {list(shape)}; {self._description.model.name} takes '
                f'[N, {height}, {width}, 3] with N >= 1: resize the images first'
            )
