# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every source of frames against files written by something else, and paths that are none."""

from fractions import Fraction
from pathlib import Path
import struct

import av
import numpy as np
import pytest
from rtformer_ros.errors import ConfigError, ImageError
from rtformer_ros.imaging.codecs import encode_png, read_image_file
from rtformer_ros.media.image_folder import ImageFolder
from rtformer_ros.media.open_source import has_calibration, open_source
from rtformer_ros.media.photo import MovingPhoto
from rtformer_ros.media.playlist import Playlist
from rtformer_ros.media.video_capture import CameraDevice, VideoFile

SAMPLES = Path(__file__).parents[3] / 'samples'


def flat(height, width, color):
    return np.full((height, width, 3), color, np.uint8)


def write_pictures(folder, colors):
    folder.mkdir()
    for name, color in colors.items():
        (folder / name).write_bytes(encode_png(flat(6, 8, color)).tobytes())


@pytest.fixture
def clip(tmp_path):
    """Return a clip of five flat colours at 25 Hz, lossless, written by PyAV."""
    path = tmp_path / 'clip.avi'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('ffv1', rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, 'bgr0'
        for level in range(5):
            frame = av.VideoFrame.from_ndarray(flat(16, 32, (level * 40, 7, 200)), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_video_file(clip):
    source = open_source(str(clip))
    assert isinstance(source, VideoFile)
    assert source.rate_hz == pytest.approx(25)
    assert not source.is_live
    for _ in range(2):
        frames = list(source)
        assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
        for level, frame in enumerate(frames):
            np.testing.assert_array_equal(frame.image_hwc, flat(16, 32, (level * 40, 7, 200)))


def write_clip(path, times_ms, images, rate=30):
    """Write an H.264 clip with a time for each frame, in ms."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=rate, options={'crf': '4'})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for time_ms, image in zip(times_ms, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
@pytest.mark.parametrize(
    'times_ms',
    [
        [0, 33, 66, 500, 2100, 2133, 7000],
        [0, 60_000, 120_000, 180_000],
        [1500, 1533, 1700],
    ],
)
def test_frames_have_the_times_of_the_file(suffix, times_ms, tmp_path):
    path = tmp_path / f'clip{suffix}'
    images = [flat(32, 48, (level * 30, 100, 50)) for level in range(len(times_ms))]
    write_clip(path, times_ms, images)
    frames = list(open_source(str(path)))
    times_s = [(each - times_ms[0]) / 1000 for each in times_ms]
    assert [frame.time_s for frame in frames] == pytest.approx(times_s, abs=0.002)
    for frame, image in zip(frames, images, strict=True):
        np.testing.assert_allclose(frame.image_hwc, image, atol=12)


def test_a_time_that_cannot_be_waited_for_is_a_frame_later(tmp_path):
    path = tmp_path / 'clip.mkv'
    write_clip(path, [0, 40, 400_000_000, 400_000_040], [flat(32, 48, 0)] * 4, rate=25)
    times_s = [frame.time_s for frame in VideoFile(path)]
    assert times_s == pytest.approx([0, 0.04, 0.08, 0.12], abs=0.002)


@pytest.mark.parametrize(
    ('matrix', 'quarters'),
    [((0, 1, -1, 0), -1), ((0, -1, 1, 0), 1), ((-1, 0, 0, -1), 2), ((1, 0, 0, 1), 0)],
)
def test_a_clip_is_turned_as_its_file_says(matrix, quarters, tmp_path):
    path = tmp_path / 'clip.mp4'
    image = flat(32, 48, (0, 0, 0))
    image[:16, :24] = 250
    write_clip(path, [0, 40], [image] * 2)
    # ISO 14496-12, tkhd: rows (a, b, u), (c, d, v), (x, y, w) in fixed point.
    content = path.read_bytes()
    whole = struct.pack('>9i', 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (value << 16 for value in matrix)
    begin = content.index(whole, content.index(b'tkhd'))
    turned = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:begin] + turned + content[begin + len(whole) :])
    frames = list(VideoFile(path))
    assert len(frames) == 2
    np.testing.assert_allclose(frames[0].image_hwc, np.rot90(image, quarters), atol=24)


def test_image_folder_sorts_by_name_and_leaves_other_files_out(tmp_path):
    colors = {'b.png': (2, 0, 0), 'a.PNG': (1, 0, 0), 'c.jpg': (3, 0, 0)}
    write_pictures(tmp_path / 'pictures', colors)
    (tmp_path / 'pictures' / 'notes.txt').write_text('no picture')
    (tmp_path / 'pictures' / '._c.jpg').write_bytes(b'of macOS')
    source = open_source(str(tmp_path / 'pictures'))
    assert isinstance(source, ImageFolder)
    frames = list(source)
    assert [frame.image_hwc[0, 0, 0] for frame in frames] == [1, 2, 3]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.2])


def test_a_broken_picture_is_named(tmp_path):
    write_pictures(tmp_path / 'pictures', {'a.png': (1, 0, 0)})
    (tmp_path / 'pictures' / 'b.png').write_bytes(b'broken')
    frames = iter(open_source(str(tmp_path / 'pictures')))
    next(frames)
    with pytest.raises(ImageError, match=r'b\.png'):
        next(frames)


@pytest.mark.parametrize('size', [(48, 64), (60, 60), (30, 90)])
def test_moving_photo_shows_the_photo_itself(size):
    # Each pixel of this photo tells where it is.
    y, x = np.mgrid[0:120, 0:160]
    photo = np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)
    frames = list(MovingPhoto(photo, *size, rate_hz=10, duration_s=2))
    views = [frame.image_hwc for frame in frames]
    assert len(views) == 20
    scales = []
    for view in views:
        assert view.shape == (*size, 3)
        step_x = (int(view[0, -1, 0]) - int(view[0, 0, 0])) / (size[1] - 1)
        step_y = (int(view[-1, 0, 1]) - int(view[0, 0, 1])) / (size[0] - 1)
        assert step_x == pytest.approx(step_y, abs=0.1)
        # Inside the photo neighbours differ; beyond its edge they would repeat.
        assert np.abs(np.diff(view[0, :, 0].astype(int)) - step_x).max() <= 1
        assert np.abs(np.diff(view[:, 0, 1].astype(int)) - step_y).max() <= 1
        scales.append(step_x)
    for frame in frames:
        # The region's corners are half a pixel of the view beyond its first and last ones.
        left, top, width, height = frame.region * np.array([160, 120, 160, 120])
        shown = [frame.image_hwc[0, 0, :2], frame.image_hwc[-1, -1, :2]]
        half = (width / size[1] / 2, height / size[0] / 2)
        np.testing.assert_allclose(shown[0] + 0.5, (left + half[0], top + half[1]), atol=0.6)
        end = (left + width - half[0], top + height - half[1])
        np.testing.assert_allclose(shown[1] + 0.5, end, atol=0.6)
    largest = min(120 / size[0], 160 / size[1])
    assert 0.5 * largest < min(scales) < 0.7 * largest < 0.8 * largest < max(scales) <= largest
    # No jump anywhere, not from the last to the first either.
    for view, following in zip(views, [*views[1:], views[0]], strict=True):
        assert np.abs(view.astype(int) - following).max() < 30


def test_a_picture_becomes_a_moving_camera_of_even_size():
    frames = list(open_source(str(SAMPLES / 'leuven_b.jpg'), pans=True))
    assert len(frames) == 50
    assert frames[0].image_hwc.shape == (562, 750, 3)
    assert any(frame.region != (0, 0, 1, 1) for frame in frames)


@pytest.mark.parametrize('source', ['', '/dev/null', '/absent.mcap', str(SAMPLES / 'walk.mp4')])
def test_sources_without_a_calibration(source):
    assert not has_calibration(source)


def test_a_single_picture_is_shown_whole_and_at_rest(tmp_path):
    write_pictures(tmp_path / 'pictures', {'a.png': (1, 2, 3)})
    still = open_source(str(tmp_path / 'pictures' / 'a.png'))
    frames = list(still)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(50) / 10)
    for frame in frames:
        np.testing.assert_array_equal(frame.image_hwc, flat(6, 8, (1, 2, 3)))
        assert frame.region == (0, 0, 1, 1)


def test_the_street_of_the_bundled_playlist_at_rest():
    photo = read_image_file(SAMPLES / 'leuven_a.jpg')
    frames = [frame.image_hwc for frame in open_source('', is_still=True)]
    assert len(frames) == 50
    assert frames[0].shape == (480, 640, 3)
    # All of it: blocks of the frame have the means of the photo's.
    means = [
        np.array([[b.mean() for b in np.array_split(a, 4, 1)] for a in np.array_split(image, 4)])
        for image in (frames[-1], photo)
    ]
    assert np.abs(means[0] - means[1]).max() < 2


def test_a_playlist_joins_clips_of_any_size(clip):
    photo = MovingPhoto(flat(50, 50, 9), 20, 30, rate_hz=10, duration_s=0.3)
    playlist = Playlist([photo, VideoFile(clip)], 24, 40, rate_hz=20)
    frames = list(playlist)
    assert [frame.time_s for frame in frames] == pytest.approx([i / 20 for i in range(8)])
    assert {frame.image_hwc.shape for frame in frames} == {(24, 40, 3)}
    assert frames[2].image_hwc[5, 5].tolist() == [9, 9, 9]
    assert frames[4].image_hwc[5, 5].tolist() == [40, 7, 200]


def test_bundled_samples_are_what_their_readme_says():
    frames = list(VideoFile(SAMPLES / 'walk.mp4'))
    assert len(frames) == 100
    assert VideoFile(SAMPLES / 'walk.mp4').rate_hz == pytest.approx(10)
    assert frames[0].image_hwc.shape == (576, 768, 3)
    # People move: the picture changes, but not everywhere.
    change = np.abs(frames[0].image_hwc.astype(int) - frames[50].image_hwc).max(-1) > 40
    assert 0.003 < change.mean() < 0.2
    for name in ('leuven_a.jpg', 'leuven_b.jpg'):
        assert read_image_file(SAMPLES / name).shape == (563, 751, 3)


def test_paths_that_are_no_source(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'junk.mp4').write_bytes(b'junk' * 50)
    (tmp_path / 'junk.jpg').write_bytes(b'junk' * 50)
    with pytest.raises(ConfigError, match=r"there is no '/absent/clip\.mp4'; expected a video"):
        open_source('/absent/clip.mp4')
    with pytest.raises(ConfigError, match=r"'/dev/video99'.*V4L2"):
        open_source('/dev/video99')
    with pytest.raises(ImageError, match='holds no picture'):
        open_source(str(tmp_path / 'empty'))
    with pytest.raises(ImageError, match=r'junk\.mp4 cannot be read as a video'):
        open_source(str(tmp_path / 'junk.mp4'))
    with pytest.raises(ImageError, match=r'junk\.jpg'):
        open_source(str(tmp_path / 'junk.jpg'))


def test_a_device_that_is_no_camera():
    with pytest.raises(ImageError, match=r"camera /dev/null cannot be opened.*group 'video'"):
        open_source('/dev/null')


def test_a_real_camera():
    devices = sorted(Path('/dev').glob('video*'))
    if not devices:
        pytest.skip('no V4L2 device is plugged in here')
    frames = iter(CameraDevice(devices[0]))
    assert next(frames).image_hwc.ndim == 3
