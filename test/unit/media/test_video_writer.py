# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import av
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.media.video_capture import VideoFile
from rtformer_ros.media.video_writer import VideoWriter


def gradient(height, width, level):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, level)], -1).astype(
        np.uint8
    )


@pytest.mark.parametrize('size', [(48, 64), (47, 63)])
@pytest.mark.parametrize('rate_hz', [10.0, 29.97])
def test_what_is_written_plays(tmp_path, size, rate_hz):
    path = tmp_path / 'clip.mp4'
    images = [gradient(*size, level) for level in (0, 100, 200)]
    with VideoWriter(path, rate_hz) as writer:
        for image in images:
            writer.write(image)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert (stream.height, stream.width) == (48, 64)
        assert float(stream.average_rate) == pytest.approx(rate_hz, rel=1e-3)
    frames = list(VideoFile(path))
    assert len(frames) == 3
    for frame, image in zip(frames, images, strict=True):
        shown = frame.image_hwc[: size[0], : size[1]].astype(int)
        assert np.abs(shown - image).mean() < 8


def test_frames_are_shown_at_their_times(tmp_path):
    times_s = [0.0, 0.1, 0.25, 1.5, 1.6]
    path = tmp_path / 'clip.mp4'
    with VideoWriter(path, 10) as writer:
        for time_s in times_s:
            writer.write(gradient(48, 64, 0), time_s)
    with av.open(str(path)) as container:
        shown_s = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    assert shown_s == pytest.approx(times_s, abs=1e-3)


def test_frames_must_be_alike(tmp_path):
    with VideoWriter(tmp_path / 'clip.mp4', 10) as writer:
        writer.write(gradient(48, 64, 0))
        with pytest.raises(
            ImageError, match=r'\[48, 66, 3\]; this video takes uint8 \[48, 64, 3\]'
        ):
            writer.write(gradient(48, 66, 0))


def test_closing_twice_and_without_frames(tmp_path):
    writer = VideoWriter(tmp_path / 'clip.mp4', 10)
    writer.close()
    writer.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('rate_hz', [0, -1, float('nan')])
def test_a_rate_must_be_positive(tmp_path, rate_hz):
    with pytest.raises(ConfigError, match='expected more than 0'):
        VideoWriter(tmp_path / 'clip.mp4', rate_hz)


def test_a_place_that_cannot_be_written():
    with pytest.raises(ConfigError, match='cannot write /absent/clip'):
        VideoWriter(Path('/absent/clip.mp4'), 10)
