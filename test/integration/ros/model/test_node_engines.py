# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node runs a real RTFormer with either engine, and publishes just what the engine says."""

import cv2
import numpy as np
import pytest
from ros_peer import number_of, values_of
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import build_rtformer, Checkpoint, save_checkpoint
from rtformer_ros.ros.input.image_messages import image_array
import torch

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Return a narrow RTFormer with fixed random weights as a checkpoint and as ONNX."""
    folder = tmp_path_factory.mktemp('network')
    torch.manual_seed(3)
    network = build_rtformer('slim', 5, base_channels=8, head_channels=8, aux_head=False)
    with torch.no_grad():
        network.train()(torch.randn(4, 3, HEIGHT, WIDTH))
    checkpoint, onnx = folder / 'small.safetensors', folder / 'small.onnx'
    save_checkpoint(Checkpoint.of(network.eval(), labels=LabelSet.generic(5)), checkpoint)
    export_onnx(checkpoint, onnx, HEIGHT, WIDTH)
    return {'torch': checkpoint, 'onnxruntime': onnx}


def street(street_photo, number: int) -> np.ndarray:
    photo = cv2.imread(str(street_photo))[..., ::-1]
    return np.ascontiguousarray(cv2.resize(photo, (WIDTH, HEIGHT))[:, :: 1 - 2 * (number % 2)])


def own_result(files, engine: str, image_hwc: np.ndarray) -> np.ndarray:
    opened = open_engine(EngineRequest(files[engine], engine, network_size=(HEIGHT, WIDTH)))
    try:
        return opened.infer(image_hwc[None])[0].class_map_hw
    finally:
        opened.close()


def test_engines_are_exchanged_while_frames_flow(
    files, peer, camera, street_photo, start_node, connect
):
    start_node(model=files['onnxruntime'], network_size=f'{WIDTH}x{HEIGHT}')
    masks = connect('mask')
    peer.watch_diagnostics()
    for engine in ('onnxruntime', 'torch', 'onnxruntime'):
        result = peer.set_atomically({'model': str(files[engine]), 'engine': 'auto'})
        assert result.successful, result.reason
        number = camera.publish(street(street_photo, len(camera.sent)))
        peer.wait_for(lambda n=number: masks and number_of(masks[-1]) == n, 'the mask')
        ids = own_result(files, engine, camera.sent[number])
        assert len(np.unique(ids)) > 1
        # Its own result, but for the order in which another thread count adds up floats.
        assert (image_array(masks[-1]) == ids).mean() > 0.999
        status = peer.wait_for_diagnostic(lambda s: True, 'diagnostics')
        assert values_of(status)['engine'] == engine
        assert values_of(status)['model'] == str(files[engine])
    assert len(masks) == len(camera.sent)
