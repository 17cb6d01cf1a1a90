# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Preparation of a compilation: the reference that ONNX Runtime gives, and the graph.

Both take hundreds of MiB that their libraries do not give back. So this is done in a process of
its own that has ended, and freed them, before TensorRT starts: on a board of 8 GB it needs all.
"""

from __future__ import annotations

from dataclasses import dataclass
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
import signal
import tempfile

from rtformer_ros.engines.request import EngineRequest
from rtformer_ros.engines.tensorrt.build.graph import compile_graph, CompileGraph
from rtformer_ros.engines.tensorrt.build.job import CompileJob
from rtformer_ros.engines.tensorrt.build.verification import (
    frame_reference_of,
    FrameReference,
    Reference,
    reference_of,
)
from rtformer_ros.errors import EngineBuildError, EngineBuildOutOfMemory
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.processes.lifeline import end_with_parent


@dataclass(frozen=True)
class Preparation:
    """What a plan has to agree with, and what is compiled."""

    reference: Reference | FrameReference
    graph: CompileGraph


def prepare(job: CompileJob) -> Preparation:
    """
    Run the model with ONNX Runtime, then write the graph to the job's folder where need be.

    Raises ModelError and all else that both raise, ImportError without onnx or ONNX Runtime.
    """
    # First, as it takes a second and finds whatever is wrong with the file.
    request = _reference_request(job)
    reference = frame_reference_of(request) if job.frame_encoding else reference_of(request)
    # What takes frames has a size.
    height, width = 0, 0
    if isinstance(reference, Reference):
        _, height, width, _ = reference.images_nhwc.shape
    model, folder = Path(job.onnx_path), Path(job.work_folder)
    graph = compile_graph(model, job.precision, (height, width), folder, job.frame_encoding)
    return Preparation(reference, graph)


def prepare_in_child(job: CompileJob) -> Preparation:
    """
    Do the same in a process that has ended when this returns, and ends with this one.

    Raises what it raises, EngineBuildOutOfMemory where it was killed, EngineBuildError where it
    crashed.
    """
    context = multiprocessing.get_context('spawn')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, job))
    process.start()
    # Now only the other process can write, and its end is heard.
    sender.close()
    with receiver:
        try:
            outcome = receiver.recv()
        except EOFError:
            process.join()
            raise _crash(job, process.exitcode or 0) from None
    process.join()
    if isinstance(outcome, Exception):
        raise outcome
    assert isinstance(outcome, Preparation)
    return outcome


def _send(sender: Connection, job: CompileJob) -> None:
    end_with_parent()
    tempfile.tempdir = job.work_folder
    try:
        sender.send(prepare(job))
    except Exception as error:  # noqa: BLE001  the parent knows what to do with it
        sender.send(error)


def _reference_request(job: CompileJob) -> EngineRequest:
    labels = LabelSet.from_dict(job.labels, 'labels') if job.labels else None
    return EngineRequest(
        Path(job.onnx_path),
        'onnxruntime',
        device='cpu',
        labels=labels,
        # Whether they may differ from the model's own is the parent's to say.
        labels_override=True,
        network_size=job.network_size,
        frame_encoding=job.frame_encoding,
    )


def _crash(job: CompileJob, status: int) -> EngineBuildError:
    if status == -signal.SIGKILL:
        return EngineBuildOutOfMemory(
            f'the process that prepares {job.onnx_path} for TensorRT was killed, as Linux does '
            'when memory runs out; stop other programs or add swap'
        )
    how = f'exit code {status}' if status >= 0 else signal.Signals(-status).name
    return EngineBuildError(
        f'the process that prepares {job.onnx_path} for TensorRT crashed ({how}); check the model '
        'with ONNX Runtime (engine onnxruntime)'
    )
