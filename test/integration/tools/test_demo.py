# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The demo from outside: what it prints and writes, and that it leaves nothing behind."""

import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
import urllib.request

import av
from camera_bag import calibrated_bag
from closed_form_models import brightest_channel
from node_process import REPOSITORY
import numpy as np
import pytest
from rtformer_ros.drawing.ground_picture import BOUNDARY_RGB, cost_color, UNKNOWN_RGB
from rtformer_ros.drawing.panels import CAPTION_HEIGHT_PX, GAP_PX
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.tools.demo.options import parse_options

PATIENCE_S = 60
PROCESSES = ('segmentation_node', 'image_source', 'result_collector')


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Return a model whose classes are the brightest channels, at the size of the clip."""
    return brightest_channel(tmp_path_factory.mktemp('model') / 'rgb.onnx', 480, 640)


class Demo:
    """A demo that runs."""

    def __init__(self, output, *arguments):
        self.output = output
        command = [sys.executable, '-m', 'rtformer_ros.tools.demo', '--output', str(output)]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=REPOSITORY,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def finish(self):
        """Return the exit code and the output, after a check that no process is left."""
        stdout, stderr = self.process.communicate(timeout=PATIENCE_S)
        assert self.children() == {}
        return self.process.returncode, stdout, stderr

    def children(self):
        """Return the demo's processes by module, found by the output folder that is theirs."""
        mark = f'ROS_LOG_DIR={self.output}'.encode()
        found = {}
        for folder in Path('/proc').glob('[0-9]*'):
            try:
                if mark in (folder / 'environ').read_bytes():
                    command = (folder / 'cmdline').read_bytes().decode()
                    found[re.search(r'rtformer_ros\.ros\.programs\.(\w+)', command)[1]] = int(
                        folder.name
                    )
            except (OSError, TypeError):
                continue
        return found

    def wait_for(self, condition):
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, 'waited in vain'
            time.sleep(0.05)

    def wait_for_node(self):
        """Wait until all processes are there and the node has opened its model."""
        log = self.output / 'segmentation_node.log'
        self.wait_for(lambda: sorted(self.children()) == sorted(PROCESSES))
        self.wait_for(lambda: 'engine auto' in log.read_text())


def table_of(stdout):
    rows = re.findall(r'^  (\S.*?)  +(\S.*)$', stdout, re.MULTILINE)
    return dict(rows)


def test_masks_and_overlays_come_back(tmp_path, model):
    demo = Demo(tmp_path, '--model', model, '--seconds', 3)
    code, stdout, stderr = demo.finish()
    assert (code, stderr) == (0, '')

    table = table_of(stdout)
    sent, received = int(table['frames sent']), int(table['masks received'])
    assert 10 <= sent <= 31
    assert 0 < received <= sent
    assert int(table['frames segmented']) == received
    assert int(table['frames dropped'].split()[0]) == sent - received
    assert 0 < float(table['latency p50'].split()[0]) <= float(table['latency p95'].split()[0])
    assert 0 < float(table['masks per second']) < 20
    assert table['engine'].startswith(('onnxruntime', 'openvino'))
    assert table['model'] == 'rgb.onnx'
    assert table['camera image'] == table['mask'] == '640 x 480'
    assert table['network input'] == '640x480'

    with av.open(str(tmp_path / 'overlay.mp4')) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == received
    assert (frames[0].width, frames[0].height) == (640, 480)
    # Played at its own time: the last frame is shown as late as it was taken.
    assert float(frames[-1].pts * frames[-1].time_base) < 3.1


def test_the_picture_shows_what_the_model_computes(tmp_path, model):
    code, _, _ = Demo(tmp_path, '--model', model, '--seconds', 1).finish()
    assert code == 0
    picture = read_image_file(tmp_path / 'overlay.png')
    rows = slice(CAPTION_HEIGHT_PX, CAPTION_HEIGHT_PX + 480)
    image = picture[rows, :640]
    colors = picture[rows, 640 + GAP_PX : 1280 + GAP_PX]
    overlay = picture[rows, -640:]
    assert picture.shape[0] == CAPTION_HEIGHT_PX + 480
    # Input, classes, legend, overlay.
    assert picture.shape[1] > 3 * 640 + 3 * GAP_PX

    expected = np.eye(3, dtype=np.uint8)[image.argmax(axis=-1)] * 255
    np.testing.assert_array_equal(colors, expected)
    blended = image / 2 + colors / 2
    assert np.abs(overlay - blended).max() <= 1
    assert image.std() > 20


@pytest.mark.parametrize('kind', ['bag', 'bag without description', 'folder'])
def test_sources_of_the_user(tmp_path, model, kind):
    rng = np.random.default_rng(5)
    pictures = rng.integers(0, 256, (12, 60, 80, 3), dtype=np.uint8)
    source = (write_folder if kind == 'folder' else write_bag)(tmp_path / 'source', pictures)
    is_whole = kind != 'bag without description'
    if not is_whole:
        (source / 'metadata.yaml').unlink()
    code, stdout, stderr = Demo(tmp_path / 'out', '--model', model, '--source', source).finish()
    assert (code, stderr) == (0, '')
    table = table_of(stdout)
    assert table['frames sent'] == '12'
    assert ('was not closed properly' in stdout) != is_whole
    assert table['camera image'] == table['mask'] == '80 x 60'
    assert read_image_file(tmp_path / 'out' / 'overlay.png').shape[0] == 60 + CAPTION_HEIGHT_PX


def write_folder(path, pictures):
    from rtformer_ros.imaging.codecs import encode_png

    path.mkdir()
    for index, picture in enumerate(pictures):
        (path / f'{index:02}.png').write_bytes(encode_png(picture).tobytes())
    return path


def write_bag(path, pictures):
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import get_typestore, Stores

    store = get_typestore(Stores.ROS2_JAZZY)
    kind = 'sensor_msgs/msg/Image'
    stamp = store.types['builtin_interfaces/msg/Time'](sec=1, nanosec=0)
    header = store.types['std_msgs/msg/Header'](stamp=stamp, frame_id='front')
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/front/image', kind, typestore=store)
        for index, picture in enumerate(pictures):
            message = store.types[kind](
                header=header, height=60, width=80, encoding='rgb8', is_bigendian=0, step=240,
                data=picture.reshape(-1),
            )  # fmt: skip
            writer.write(connection, index * 100_000_000, store.serialize_cdr(message, kind))
    return path


# A camera 1.5 m above the ground that looks straight ahead. Grass (green, drivable) up to a wall
# (red) 8 m ahead, or to its right half 12 m ahead: rows by the pinhole, v = cy + f * height / x.
FOCAL_PX, CAMERA_HEIGHT_M = 300.0, 1.5


def walls(near_m, far_m):
    rows = np.arange(240)[:, np.newaxis] - (120 + 1)
    foot = np.where(np.arange(320) < 160, near_m, far_m)
    is_wall = rows < FOCAL_PX * CAMERA_HEIGHT_M / foot
    return np.where(is_wall[..., np.newaxis], (255, 0, 0), (0, 255, 0)).astype(np.uint8)


def ground_panels(folder):
    """Return costmap and scan of the picture: 20 m ahead and 1 m behind on 480 pixels."""
    picture = read_image_file(folder / 'planner.png')
    panels = []
    left = 640 + GAP_PX
    for _ in range(2):
        panels.append(picture[CAPTION_HEIGHT_PX : CAPTION_HEIGHT_PX + 480, left : left + 480])
        left += 480 + GAP_PX
    return panels


def ahead_m(row):
    return 20 - (row + 0.5) * 21 / 480


def test_the_view_for_planners_shows_walls_at_their_distance(tmp_path, model):
    source = calibrated_bag(tmp_path / 'bag', np.stack([walls(8, 12)] * 30), FOCAL_PX)
    demo = Demo(
        tmp_path / 'out', '--model', model, '--view', 'planner', '--source', source,
        '--camera-height-m', CAMERA_HEIGHT_M, '--camera-pitch-deg', 0,
    )  # fmt: skip
    code, stdout, stderr = demo.finish()
    assert (code, stderr) == (0, '')
    table = table_of(stdout)
    assert int(table['costmaps received']) > 0
    assert int(table['scans received']) > 0
    # The bag has a calibration, the rest was given.
    assert 'assumed' not in stdout
    assert 'planner.png' in stdout

    costs, scan = ground_panels(tmp_path / 'out')
    # 1 m to the left and to the right of the middle, where the lens is as good as straight.
    for column, wall_m in ((240 - 23, 8), (240 + 23, 12)):
        # Red, and dark where it is sure: the resized image is less so at the foot of the wall.
        occupied = costs[:, column, 0].astype(int) - costs[:, column, 1] > 80
        free = (costs[:, column] == cost_color(0)).all(-1)
        assert ahead_m(np.flatnonzero(occupied).max()) == pytest.approx(wall_m, abs=0.3)
        assert ahead_m(np.flatnonzero(free).min()) == pytest.approx(wall_m, abs=0.3)
        rows = np.flatnonzero((scan[:, column - 8 : column + 8] == BOUNDARY_RGB).all(-1).any(-1))
        assert ahead_m(np.median(rows)) == pytest.approx(wall_m, abs=0.3)


def test_a_camera_that_looks_down_is_not_taken_for_level(tmp_path, model):
    # Ground up to the top of the image: 21.8 degrees over the middle, by this lens.
    grass = np.full((30, 240, 320, 3), (0, 255, 0), np.uint8)
    source = calibrated_bag(tmp_path / 'bag', grass, FOCAL_PX)
    options = ('--model', model, '--view', 'planner', '--source', source)
    code, _, stderr = Demo(tmp_path / 'out', *options).finish()
    assert code == 1
    share = re.search(r'(\d+)% of the ground in the picture lies over the horizon', stderr)
    assert share
    assert 49 <= int(share[1]) <= 51
    assert 'it looks down, by 22 degrees or more' in stderr
    assert '--camera-pitch-deg' in stderr
    assert not (tmp_path / 'out' / 'planner.png').exists()
    code, _, stderr = Demo(tmp_path / 'out', *options, '--camera-pitch-deg', 30).finish()
    assert (code, stderr) == (0, '')
    assert (tmp_path / 'out' / 'planner.png').exists()


def test_a_calibration_that_is_none_fails_the_view_for_planners(tmp_path, model):
    source = calibrated_bag(tmp_path / 'bag', np.stack([walls(8, 12)] * 25), focal_px=0.0)
    options = ('--view', 'planner', '--source', source)
    code, _, stderr = Demo(tmp_path / 'out', '--model', model, *options).finish()
    assert code == 1
    assert '0 costmaps and 0 scans came' in stderr
    assert 'the camera is not calibrated' in stderr
    assert not (tmp_path / 'out' / 'planner.png').exists()


def test_the_bundled_street_for_planners(tmp_path):
    code, stdout, stderr = Demo(tmp_path, '--view', 'planner', '--seconds', 4).finish()
    assert (code, stderr) == (0, '')
    assert 'assumed: height, pitch, field of view. Say better' in stdout
    costs, _ = ground_panels(tmp_path)
    # The way ahead is free from where it comes into sight; what is nearer is not known.
    column = costs[:, 200:240]
    cheap = (column[..., 1] > 190) & (column[..., 0] < 200)
    assert cheap[60:330].mean() > 0.9
    assert (column[370:420] == UNKNOWN_RGB).all(-1).mean() > 0.8


def test_earlier_results_do_not_pass_for_new_ones(tmp_path):
    for name in ('planner.png', 'overlay.mp4', 'overlay.png', 'summary.json'):
        (tmp_path / name).write_text('old')
    code, stdout, stderr = Demo(tmp_path, '--source', '/absent.mp4').finish()
    assert code == 1
    [line] = stderr.splitlines()
    assert line.startswith("demo failed: there is no '/absent.mp4'; expected a video file")
    assert 'Traceback' not in stderr + stdout
    assert 'playing' not in stdout
    assert not (tmp_path / 'overlay.mp4').exists()
    assert not (tmp_path / 'overlay.png').exists()
    assert not (tmp_path / 'planner.png').exists()


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        (['--model', '/absent.onnx'], "there is no model file '/absent.onnx'"),
        (['--model', 'BROKEN'], 'cannot be loaded as an ONNX model'),
        (['--model', 'GOOD', '--engine', 'nonsense'], "engine is 'nonsense'; expected one of"),
        (['--model', 'GOOD', '--engine', 'torch'], 'the segmentation node reports: engine failed'),
        (['--model', 'GOOD', '--output', '/dev/null/out'], 'cannot use the output folder'),
    ],
)
def test_what_cannot_run_fails_with_the_reason(tmp_path, model, options, reason):
    broken = tmp_path / 'broken.onnx'
    broken.write_bytes(b'no model')
    paths = {'BROKEN': str(broken), 'GOOD': str(model)}
    arguments = [paths.get(option, option) for option in options]
    code, stdout, stderr = Demo(tmp_path / 'out', *arguments).finish()
    assert code == 1
    assert reason in stderr
    assert stderr.startswith('demo failed: ')
    assert 'frames sent' not in stdout


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        (['--seconds', '0'], '--seconds: 0 is no number from 0.1 to 86400'),
        (['--seconds', 'nan'], '--seconds: nan is no number'),
        (['--domain-id', '-1'], '--domain-id: -1 is no number from 0 to 232'),
        (['--domain-id', '9999'], '--domain-id: 9999 is no number from 0 to 232'),
        (['--port', 'http'], '--port: http is no number from 0 to 65535'),
        (['--field-of-view-deg', '500'], '--field-of-view-deg: 500 is no number from 1 to 179'),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_starts(options, reason, capsys):
    with pytest.raises(SystemExit, match='2'):
        parse_options('', options)
    assert reason in capsys.readouterr().err.splitlines()[-1]


def test_a_camera_in_the_ground_is_refused(tmp_path):
    options = ('--view', 'planner', '--camera-height-m', '0')
    code, _, stderr = Demo(tmp_path / 'out', *options).finish()
    assert code == 2
    assert '--camera-height-m: 0 is not more than 0' in stderr


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_every_process(tmp_path, model, number):
    demo = Demo(tmp_path, '--model', model)
    demo.wait_for_node()
    demo.process.send_signal(number)
    code, _, stderr = demo.finish()
    assert code == 130
    assert stderr == 'interrupted\n'


def test_every_process_ends_when_the_demo_is_killed(tmp_path, model):
    demo = Demo(tmp_path, '--model', model)
    demo.wait_for_node()
    demo.process.kill()
    demo.process.communicate()
    demo.wait_for(lambda: demo.children() == {})


@pytest.mark.parametrize('victim', ['segmentation_node', 'image_source'])
def test_a_process_that_dies_fails_the_demo(tmp_path, model, victim):
    demo = Demo(tmp_path, '--model', model)
    demo.wait_for_node()
    os.kill(demo.children()[victim], signal.SIGKILL)
    code, _, stderr = demo.finish()
    assert code == 1
    assert f'{victim} ended with exit code -9' in stderr


def test_the_page_of_the_demo_is_served_until_ctrl_c(model, tmp_path):
    demo = Demo(tmp_path, '--view', 'web', '--port', 0, '--model', model)
    line = demo.process.stdout.readline()
    address = re.search(r'open (http://127\.0\.0\.1:\d+/) in a browser', line)
    assert address is not None, line
    # The node and the camera may come later than the page.
    for _ in range(20):
        with urllib.request.urlopen(f'{address[1]}api/picture', timeout=PATIENCE_S) as answer:
            if answer.status == 200:
                break
    assert answer.headers['Content-Type'] == 'image/jpeg'
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish()[:2] == (0, 'ended\n')
