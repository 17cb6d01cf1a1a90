# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Power is read from what tegrastats prints on real boards, and nothing else is taken for it."""

import os
import threading
import time

import pytest
from rtformer_ros.tools.verify_gpu.power import measure_power, PowerWatch, rails_of

# As boards print them, by module and JetPack.
ORIN_NANO_6 = (
    '04-27-2026 14:59:41 RAM 775/7620MB (lfb 3x4MB) SWAP 0/3810MB (cached 0MB) CPU [1%@729,0%@729,'
    '0%@729,0%@729,0%@729,0%@729] GR3D_FREQ 0% cpu@48.468C soc2@47.531C soc0@48.062C gpu@48.562C '
    'tj@49.156C soc1@49.156C VDD_IN 4761mW/4778mW VDD_CPU_GPU_CV 515mW/501mW VDD_SOC 1428mW/1428mW'
)
AGX_ORIN_5 = (
    'RAM 2448/62840MB (lfb 2x4MB) SWAP 0/31420MB (cached 0MB) CPU [0%@2201,0%@2201,0%@2201,off] '
    'GR3D_FREQ 0% cpu@42C soc2@37.843C soc0@39.187C gpu@37.75C tj@42C soc1@37.937C VDD_GPU_SOC '
    '4940mW/4940mW VDD_CPU_CV 988mW/988mW VIN_SYS_5V0 4442mW/4442mW NC 0mW/0mW VDDQ_VDD2_1V8AO '
    '504mW/504mW'
)
AGX_ORIN_7 = (
    '07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,10%@2201,4%@2201] EMC_FREQ '
    '3%@3199 GR3D_FREQ 12%@[1300,1300] NVENC0 off VIC off APE 174 cpu@52.968C/52.968C '
    'VDD_GPU_SOC 5139mW/5139mW/5139mW VDD_CPU_CV 3268mW/3268mW/3268mW VIN_SYS_5V0 '
    '5500mW/5500mW/5500mW'
)
THOR_7 = (
    'RAM 117456/125772MB (lfb 9x4MB) CPU [0%@1890,5%@1890] cpu@43.812C tj@44.218C gpu@43.968C '
    'VDD_GPU 5517mW VDD_CPU_SOC_MSS 7484mW VIN_SYS_5V0 6309mW VIN 28548mW'
)
NANO_4 = (
    'RAM 1923/3964MB (lfb 2x2MB) SWAP 191/1982MB (cached 6MB) IRAM 0/252kB(lfb 252kB) CPU [5%@1224'
    ',4%@1224] EMC_FREQ 0%@1600 GR3D_FREQ 0%@76 APE 25 PLL@37C CPU@40C PMIC@50C thermal@40C '
    'POM_5V_IN 1750/1628 POM_5V_GPU 0/0 POM_5V_CPU 366/406'
)
WITHOUT_ROOT = ORIN_NANO_6[: ORIN_NANO_6.index(' VDD_IN')]
TEXTS = ['', 'tegrastats: permission denied', '12.5', 'RAM 4300/30698MB (lfb 1x2MB)', WITHOUT_ROOT]


@pytest.mark.parametrize(
    ('line', 'rails'),
    [
        (ORIN_NANO_6, {'VDD_IN': 4.761, 'VDD_CPU_GPU_CV': 0.515, 'VDD_SOC': 1.428}),
        (
            AGX_ORIN_5,
            {
                'VDD_GPU_SOC': 4.94,
                'VDD_CPU_CV': 0.988,
                'VIN_SYS_5V0': 4.442,
                'VDDQ_VDD2_1V8AO': 0.504,
            },
        ),
        (AGX_ORIN_7, {'VDD_GPU_SOC': 5.139, 'VDD_CPU_CV': 3.268, 'VIN_SYS_5V0': 5.5}),
        (
            THOR_7,
            {'VDD_GPU': 5.517, 'VDD_CPU_SOC_MSS': 7.484, 'VIN_SYS_5V0': 6.309, 'VIN': 28.548},
        ),
        (NANO_4, {'POM_5V_IN': 1.75, 'POM_5V_GPU': 0.0, 'POM_5V_CPU': 0.366}),
        ('VDD_GPU -392mW VDD_CPU_SOC_MSS 3924mW', {'VDD_GPU': -0.392, 'VDD_CPU_SOC_MSS': 3.924}),
        *((text, {}) for text in TEXTS),
    ],
)
def test_rails_are_read_with_their_value_of_now(line, rails):
    assert rails_of(line) == pytest.approx(rails)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put programs before all others, which are shell scripts; nothing else is in PATH."""
    monkeypatch.setenv('PATH', str(tmp_path))

    def write(name, script):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n')
        path.chmod(0o755)

    return write


def printing(*lines):
    """Return a script that prints lines, says so in a file, and then goes on for long."""
    said = '\n'.join(f"echo '{line}'" for line in lines)
    return f'echo "$@" > "$0.arguments"\n{said}\nexec sleep 600'


def read_until(watch, count):
    give_up_s = time.monotonic() + 20
    while time.monotonic() < give_up_s:
        power = watch.power()
        if power and power.readings == count:
            return power
        time.sleep(0.01)
    raise AssertionError(f'{count} readings did not come: {watch.missing}')


@pytest.mark.parametrize(
    ('lines', 'scope', 'mean_w', 'peak_w'),
    [
        (
            [ORIN_NANO_6, ORIN_NANO_6.replace('VDD_IN 4761', 'VDD_IN 9761')],
            'VDD_IN', 7.261, 9.761,
        ),
        ([AGX_ORIN_5], 'VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0', 10.37, 10.37),
        ([AGX_ORIN_7], 'VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0', 13.907, 13.907),
        ([THOR_7], 'VDD_GPU + VDD_CPU_SOC_MSS + VIN_SYS_5V0', 19.31, 19.31),
        ([NANO_4], 'POM_5V_IN', 1.75, 1.75),
        (['VDD_A 1000mW VDD_B 250mW'], 'VDD_A + VDD_B', 1.25, 1.25),
    ],
)  # fmt: skip
def test_power_is_that_of_the_whole_module(program, tmp_path, lines, scope, mean_w, peak_w):
    program('tegrastats', printing(*lines))
    # Is there on JetPack 7, too, and knows less.
    program('nvidia-smi', printing('1.0'))
    with PowerWatch() as watch:
        power = read_until(watch, len(lines))
    assert (power.source, power.scope) == ('tegrastats', scope)
    assert (power.mean_w, power.peak_w) == pytest.approx((mean_w, peak_w))
    assert power.rails_w.keys() == rails_of(lines[0]).keys()
    assert (tmp_path / 'tegrastats.arguments').read_text() == '--interval 100\n'
    assert watch.missing == ''


def test_a_line_that_was_cut_does_not_count(program):
    program('tegrastats', printing(ORIN_NANO_6, ORIN_NANO_6, 'VDD_CPU_GPU_CV 9000mW/501mW', 'end'))
    with PowerWatch() as watch:
        power = read_until(watch, 2)
    assert power.mean_w == pytest.approx(4.761)


def test_only_the_time_that_is_asked_for_counts(program):
    program('tegrastats', printing(ORIN_NANO_6))
    with PowerWatch() as watch:
        read_until(watch, 1)
        now_s = time.monotonic()
    assert watch.power(now_s) is None
    assert watch.power(to_s=now_s).readings == 1


def test_elsewhere_nvidia_smi_reads_the_gpu(program, tmp_path):
    program('nvidia-smi', printing('61.5', '[N/A]', '70.5'))
    with PowerWatch() as watch:
        power = read_until(watch, 2)
    assert (power.source, power.scope) == ('nvidia-smi', 'the GPU alone')
    assert (power.mean_w, power.peak_w) == pytest.approx((66.0, 70.5))
    arguments = (tmp_path / 'nvidia-smi.arguments').read_text().split()
    assert '--query-gpu=power.draw' in arguments


def test_without_a_program_nothing_is_called(program):
    calls = []
    power, missing = measure_power(lambda: calls.append(1), 60.0)
    assert (power, calls) == (None, [])
    assert missing == 'there is neither tegrastats nor nvidia-smi to read it'


@pytest.mark.parametrize(
    ('script', 'missing'),
    [
        ('exec sleep 600', 'tegrastats printed nothing'),
        # Its child holds the pipe open.
        ('sleep 600 & wait', 'tegrastats printed nothing'),
        ('trap "" TERM\nwhile :; do sleep 0.2; done', 'tegrastats printed nothing'),
        ('echo "no such device"; exit 3', 'printed no power; some releases of it show power to'),
        (f"echo '{WITHOUT_ROOT}'", 'to root alone: 04-27-2026'),
        (r"printf '\377\376\n'", 'printed no power'),
    ],
)
def test_a_program_that_says_nothing_of_use_costs_no_figures(program, script, missing):
    program('tegrastats', script)
    calls = []
    power, why = measure_power(lambda: calls.append(time.sleep(0.01)), 0.3)
    assert power is None
    assert calls
    assert missing in why
    assert not any(thread.name == 'power' for thread in threading.enumerate())


def test_a_program_that_does_not_start_is_told(program, tmp_path):
    (tmp_path / 'tegrastats').write_bytes(b'\0\1\2')
    (tmp_path / 'tegrastats').chmod(0o755)
    power, missing = measure_power(lambda: None, 0.01)
    assert power is None
    assert missing.startswith('tegrastats does not start: ')


def test_the_calls_go_on_while_power_is_read(program):
    lines = '\n'.join([f"echo '{ORIN_NANO_6}'; sleep 0.02"] * 40)
    program('tegrastats', lines)
    calls = []
    power, missing = measure_power(lambda: calls.append(time.sleep(0.01)), 0.5)
    assert missing == ''
    assert power.readings > 1
    assert len(calls) > 1


def test_it_ends_with_the_block(program, tmp_path):
    program('tegrastats', 'echo $$ > "$0.id"\n' + printing(ORIN_NANO_6))
    with PowerWatch() as watch:
        read_until(watch, 1)
        process_id = int((tmp_path / 'tegrastats.id').read_text())
        os.kill(process_id, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
