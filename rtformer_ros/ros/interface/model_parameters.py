# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the model and of the engine that runs it."""

from __future__ import annotations

from typing import get_args

from rtformer_ros.engines import engine_names, EnginePrecision
from rtformer_ros.engines.request import MOST_THREADS
from rtformer_ros.imaging.frame_encodings import FRAME_ENCODINGS
from rtformer_ros.ros.interface.conversions import (
    read_folders,
    read_network_size,
    read_none,
)
from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec

MODEL_GROUP = ParameterGroup(
    'Model and engine',
    'model',
    (
        ParameterSpec(
            'model',
            '',
            'Model file: .onnx, a .safetensors / .pdparams checkpoint, or a TensorRT plan '
            "(.engine, .plan); a path or the name of a packaged or fetched model; '' is the "
            'packaged default',
        ),
        ParameterSpec(
            'engine',
            'auto',
            'What runs the model; auto picks the best that works here and logs why',
            choices=('auto', *engine_names()),
            details='`tensorrt` runs .onnx files, which it compiles, and plans; `openvino` and '
            '`onnxruntime` run .onnx files; `torch` runs checkpoints.',
        ),
        ParameterSpec(
            'device',
            'auto',
            "Device of the engine: 'auto', 'cpu', 'cuda' or 'cuda:N'; of Intel, for openvino, "
            "'gpu', 'gpu:N' or 'npu'",
        ),
        ParameterSpec(
            'threads',
            0,
            'CPU threads of the engine; 0 leaves one core free for ROS',
            0,
            MOST_THREADS,
        ),
        ParameterSpec(
            'network_size',
            '',
            "Input size 'WIDTHxHEIGHT' in pixels for models that take any size; '' is the model's "
            'own',
            convert=read_network_size,
        ),
        ParameterSpec(
            'labels',
            '',
            "Label set: a YAML file or the name of a packaged one (camvid); '' is the model's own",
            details='Packaged sets: `camvid`, `cityscapes`, `ade20k`, `cocostuff`, `voc`. One '
            "that names other classes than the model's own is refused; colours and groups may "
            'differ.',
        ),
        ParameterSpec(
            'labels_override',
            False,
            "Take labels that name other classes than the model's own, under a warning",
            read_only=True,
            details='Fewer labels than the model has classes are refused all the same.',
        ),
        ParameterSpec(
            'allowed_folders',
            (),
            'Folders in which files may lie that a parameter names while the node runs or at its '
            'start; none: everywhere',
            read_only=True,
            details='Holds for `model`, `labels`, `ignore_mask` and `snapshot.folder`, links '
            'followed; packaged files are always allowed. Without it every program on the ROS '
            'network can have the node read any file as a model, and write into any folder: see '
            '[security.md](security.md).',
            convert=read_folders,
        ),
        ParameterSpec(
            'precision',
            'auto',
            "What the engine computes in; auto is the model file's, or what the device is best at",
            choices=get_args(EnginePrecision),
            details='For engines that choose it when they open. `int8` opens MODEL_int8_cpu.onnx '
            'beside MODEL.onnx (with `tensorrt` MODEL_int8.onnx), which `build_engine` makes.',
        ),
        ParameterSpec(
            'frame_encoding',
            'none',
            'Encoding of frames that the engine takes as they came, and resizes itself, where it '
            'can; none prepares all frames on the host',
            choices=('none', *FRAME_ENCODINGS),
            details='For `tensorrt`, which builds a second plan for it in the background, and '
            '`onnxruntime`, where it is slower on a CPU: see '
            '[tensorrt.md](tensorrt.md#frames-as-they-come). Frames of '
            'another encoding, compressed ones, and those of a node with `temporal_smoothing`, a '
            'region of interest or an ignore mask are prepared on the host, under a warning; with '
            '`tensorrt` those above 3840 x 2160 pixels, too.',
            convert=read_none,
        ),
        ParameterSpec(
            'engine_fallback',
            'none',
            'Engine that segments on the CPU while the first model is built, or where the engine '
            'that was asked for cannot be had; none waits for the build, or reports an error',
            choices=('none', *engine_names()),
            details='With `onnxruntime` the node is active at once and segments on the CPU, '
            'slower and under a warning, until it changes over between two frames. The same holds '
            'where driver or library are missing: the warning names what is missing.',
            settings_field='engine_fallback',
            convert=read_none,
        ),
        ParameterSpec(
            'model_open_timeout_s',
            60.0,
            'Seconds after which the opening of a model is given up; what runs continues',
            1.0,
            3600.0,
            unit='s',
            details='Building has no limit. A model named while the node runs is loaded in '
            'another process first.',
            settings_field='model_open_timeout_s',
        ),
        ParameterSpec(
            'build.workspace_mib',
            1024,
            'Scratch memory in MiB that the compiler of an engine may take',
            1,
            1_048_576,
            unit='MiB',
        ),
        ParameterSpec(
            'build.optimization_level',
            3,
            'How hard the compiler of an engine tries: 0 (quick to build) to 5 (quick to run)',
            0,
            5,
        ),
    ),
    'A model that must be compiled first, as for tensorrt, is built in the background; build.* is '
    'for such engines alone.',
    page='models.md#models-that-are-built-first',
)
