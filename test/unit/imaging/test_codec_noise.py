# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check that codecs cannot fill the log, and that nobody else's words are lost."""

import os
from pathlib import Path
import struct
import subprocess
import sys
import threading
import zlib

import cv2
import numpy as np
import pytest
from rtformer_ros.errors import ImageError
from rtformer_ros.imaging.codec_noise import CodecNoise
from rtformer_ros.imaging.codecs import decode_compressed

IMAGE = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)


def talkative_png(chunks: int) -> bytes:
    """Return a valid picture with so many gamma values that libpng warns of each."""
    gamma = b'gAMA\0\0\0\0'
    chunk = struct.pack('>I', 4) + gamma + struct.pack('>I', zlib.crc32(gamma))
    whole = cv2.imencode('.png', IMAGE)[1].tobytes()
    return whole[:33] + chunks * chunk + whole[33:]


def test_a_picture_with_20000_warnings_writes_one_line_and_is_decoded():
    program = (
        'import sys, numpy as np; from rtformer_ros.imaging.codecs import decode_compressed\n'
        'data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)\n'
        'for _ in range(3): image = decode_compressed(data).image_hwc\n'
        'sys.stdout.buffer.write(image.tobytes())'
    )
    done = subprocess.run(
        [sys.executable, '-c', program],
        input=talkative_png(20_000),
        capture_output=True,
        check=True,
    )
    assert done.stdout == IMAGE[..., ::-1].tobytes()
    [line] = done.stderr.decode().splitlines()
    assert line == (
        'decoding an image: libpng warning: gAMA: gamma value out of range '
        '(19999 more lines of codecs left out)'
    )


def test_a_line_passes_each_period_and_tells_of_those_between(capfd):
    noise = CodecNoise(period_s=0.0)
    for count in (1, 3):
        with noise.bounded():
            os.write(2, count * b'Corrupt JPEG data: premature end of data segment\n')
    silent = CodecNoise(period_s=1e9)
    for _ in range(5):
        with silent.bounded():
            os.write(2, b'libpng error: IDAT: CRC error\n')
    text = 'decoding an image: Corrupt JPEG data: premature end of data segment'
    assert capfd.readouterr().err.splitlines() == [
        text,
        f'{text} (2 more lines of codecs left out)',
        'decoding an image: libpng error: IDAT: CRC error',
    ]


def test_what_others_write_meanwhile_comes_out_whole(capfd):
    noise = CodecNoise()
    begun, written = threading.Event(), threading.Event()

    def decode():
        with noise.bounded():
            begun.set()
            assert written.wait(10)
            os.write(2, b'libpng warning: x\n')

    threads = [threading.Thread(target=decode) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    os.write(2, b'[WARN] [1.5] [segmentation_node]: a line of the node\n')
    written.set()
    for thread in threads:
        thread.join()
    os.write(2, b'after\n')
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == '[WARN] [1.5] [segmentation_node]: a line of the node'
    assert lines[-1] == 'after'
    assert sum('libpng' in line for line in lines) == 1


def test_without_a_standard_error_images_are_decoded():
    program = (
        'import os, sys, numpy as np; from rtformer_ros.imaging.codecs import decode_compressed\n'
        'data = np.frombuffer(sys.stdin.buffer.read(), np.uint8); os.close(2)\n'
        'sys.stdout.buffer.write(decode_compressed(data).image_hwc.tobytes())'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], input=talkative_png(2), stdout=subprocess.PIPE, check=True
    )
    assert done.stdout == IMAGE[..., ::-1].tobytes()


def test_no_handle_is_left_and_standard_error_is_as_it_was():
    broken = bytearray(cv2.imencode('.png', IMAGE)[1].tobytes())
    broken[60] ^= 0xFF
    data = np.frombuffer(bytes(broken), np.uint8)
    with pytest.raises(ImageError):
        decode_compressed(data)
    before = os.fstat(2)
    handles = len(list(Path('/proc/self/fd').iterdir()))
    for _ in range(20):
        with pytest.raises(ImageError):
            decode_compressed(data)
    assert len(list(Path('/proc/self/fd').iterdir())) == handles
    assert os.path.samestat(os.fstat(2), before)
