# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The GPU's name is read from the driver's library, by its published interface."""

import ctypes.util
import shutil
import subprocess

import pytest
from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.tensorrt.build.find_or_build import find_target
from rtformer_ros.engines.tensorrt.device import find_gpu, Gpu, is_integrated
from rtformer_ros.errors import EngineUnavailable
from rtformer_ros.files.packaged_files import find_model

# Numbers as in cuda.h: CUDA_ERROR_NO_DEVICE is 100, the attributes are 16, 18, 75 and 76.
DRIVER = """
#include <string.h>
static int devices = DEVICES;
int cuInit(unsigned flags) { return flags == 0 ? STATUS : 1; }
int cuDeviceGetCount(int *count) { *count = devices; return 0; }
int cuDeviceGet(int *device, int ordinal) {
  *device = 40 + ordinal; return ordinal < devices ? 0 : 101;
}
int cuDeviceGetName(char *name, int length, int device) {
  strncpy(name, device == 41 ? "Second" : "Orin", length); return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (device < 40) return 101;
  *value = attribute == 75 ? 8 : attribute == 76 ? 7 : attribute == 16 ? 16
    : attribute == 18 ? device == 40 : -1;
  return 0;
}
int cuGetErrorString(int status, const char **text) { *text = "reason of the driver"; return 0; }
"""


@pytest.fixture
def driver(tmp_path):
    """Return a function that builds a library with the driver's interface."""
    compiler = shutil.which('cc') or shutil.which('gcc')
    if compiler is None:
        pytest.skip('no C compiler here: how the driver is read was not tested')

    def build(status=0, devices=2):
        source, library = tmp_path / 'driver.c', tmp_path / 'libdriver.so'
        source.write_text(DRIVER)
        command = [compiler, '-shared', '-fPIC', f'-DSTATUS={status}', f'-DDEVICES={devices}']
        subprocess.run([*command, '-o', library, source], check=True)
        return str(library)

    return build


def test_whether_it_shares_its_memory_is_asked_of_the_driver(driver, tmp_path):
    library = driver()
    assert [is_integrated(index, library) for index in (0, 1, 2)] == [True, False, False]
    assert not is_integrated(0, str(tmp_path / 'none.so'))


def test_a_gpu_is_known_by_name_capability_and_size(driver):
    library = driver()
    assert find_gpu(0, library) == Gpu('Orin', '8.7', 16)
    assert find_gpu(1, library).name == 'Second'
    assert str(find_gpu(0, library)) == 'Orin (compute capability 8.7, 16 multiprocessors)'


@pytest.mark.parametrize(
    ('status', 'devices', 'message'),
    [
        (100, 1, 'finds no GPU; check nvidia-smi, CUDA_VISIBLE_DEVICES and, in a container'),
        (803, 1, r'cuInit returns 803 \(reason of the driver\); check nvidia-smi'),
        (0, 2, r'device is cuda:2, but the driver shows 2 GPU\(s\)'),
    ],
    ids=['no device', 'mismatch', 'number too high'],
)
def test_a_driver_without_the_gpu_says_so(driver, status, devices, message):
    with pytest.raises(EngineUnavailable, match=message):
        find_gpu(2, driver(status, devices))


def test_no_driver_is_told_with_the_fix():
    with pytest.raises(EngineUnavailable, match=r'no NVIDIA driver here.*--runtime nvidia'):
        find_gpu(0, 'libno_such_driver.so.1')


def test_a_machine_without_gpu_has_no_target():
    if ctypes.util.find_library('cuda'):
        pytest.skip('there is an NVIDIA driver here')
    with pytest.raises(EngineUnavailable, match=r'libcuda\.so\.1'):
        find_target(EngineRequest(find_model('')))


def test_the_cpu_is_no_target():
    with pytest.raises(EngineUnavailable, match='device is cpu'):
        find_target(EngineRequest(find_model(''), device='cpu'))
