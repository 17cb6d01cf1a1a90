# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Probabilities over scales and mirrored images are the mean of those of each."""

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, EngineUnavailable
from rtformer_ros.evaluation.averaged_network import AveragedNetwork
from rtformer_ros.network import build_rtformer, Checkpoint, ImageSegmenter
import torch

SIZE = (44, 61)


@pytest.fixture(scope='module')
def checkpoint():
    torch.manual_seed(5)
    network = build_rtformer('slim', 4, cross_size=3, base_channels=8, head_channels=8).train()
    # Running statistics like the data's, so that logits differ from pixel to pixel.
    for _ in range(20):
        network(torch.randn(2, 3, 64, 64))
    return Checkpoint.of(network)


@pytest.fixture(scope='module')
def image():
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(noise, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def test_one_scale_is_the_network_itself(checkpoint, image):
    segmenter = ImageSegmenter(checkpoint.build()).eval()
    with torch.inference_mode():
        class_map = segmenter(torch.from_numpy(image)[None])[0][0].numpy()
    came = AveragedNetwork(checkpoint, (1.0,), flip=False)(image)
    assert came.dtype == np.uint8
    np.testing.assert_array_equal(came, class_map)
    assert len(np.unique(came)) > 1


def test_a_scaled_image_is_resized_there_and_back(checkpoint, image):
    """Against OpenCV's bilinear resizing."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for scale in (0.5, 1.5):
        size = tuple(int(pixels * scale + 0.5) for pixels in SIZE)
        scaled = cv2.resize(image.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        normalised = ((scaled / 255 - mean) / std).astype(np.float32)
        with torch.inference_mode():
            logits = checkpoint.build()(torch.from_numpy(normalised).permute(2, 0, 1)[None])[0]
        resized = np.stack([cv2.resize(each, SIZE[::-1]) for each in logits.numpy()])
        powers = np.exp(resized)
        came = AveragedNetwork(checkpoint, (scale,), flip=False).probabilities(image).numpy()
        np.testing.assert_allclose(came, powers / powers.sum(axis=0), atol=1e-4)


def test_several_scales_and_mirrored_images_are_averaged(checkpoint, image):
    def single(scale, picture):
        return AveragedNetwork(checkpoint, (scale,), flip=False).probabilities(picture).numpy()

    mirrored = np.ascontiguousarray(image[:, ::-1])
    scales = (0.5, 1.0, 1.25)
    parts = [single(scale, image) for scale in scales]
    parts += [single(scale, mirrored)[:, :, ::-1] for scale in scales]
    assert np.abs(parts[1] - parts[4]).max() > 0.01
    averaged = AveragedNetwork(checkpoint, scales, flip=True)
    np.testing.assert_allclose(averaged.probabilities(image), np.mean(parts, axis=0), atol=1e-5)
    np.testing.assert_array_equal(averaged(image), np.mean(parts, axis=0).argmax(axis=0))


@pytest.mark.parametrize('scale', [0.0, -1.0, 5.0, float('nan')])
def test_scales_out_of_range_are_refused(checkpoint, scale):
    with pytest.raises(ConfigError, match=r'a scale is .*; expected 0\.1 to 4'):
        AveragedNetwork(checkpoint, (1.0, scale), flip=False)


@pytest.mark.parametrize(
    ('device', 'error'), [('tpu?', ConfigError), ('cuda:99', EngineUnavailable)]
)
def test_devices_that_are_not_here_are_refused(checkpoint, device, error):
    with pytest.raises(error, match='device is'):
        AveragedNetwork(checkpoint, (1.0,), flip=False, device=device)
