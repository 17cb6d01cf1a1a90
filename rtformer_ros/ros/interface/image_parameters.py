# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the cameras, and of the masks and pictures that are made of an image."""

from __future__ import annotations

from rtformer_ros.imaging.image_header import MAX_IMAGE_PIXELS
from rtformer_ros.ros.interface.conversions import (
    read_camera_names,
    read_output_size,
    read_roi,
    seconds_of_ms,
)
from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec

_CAMERAS = ParameterGroup(
    'Cameras',
    'camera',
    (
        ParameterSpec(
            'cameras',
            (),
            "Names of the cameras, as in ['front', 'left']: each has its topics NAME/image, "
            'NAME/camera_info and ~/NAME/mask; empty is one camera with image, camera_info and '
            '~/mask',
            settings_field='cameras',
            convert=read_camera_names,
        ),
        ParameterSpec(
            'batch_wait_ms',
            0.0,
            'Milliseconds that a frame waits for those of other cameras, to be segmented with '
            'them where the engine is quicker so; 0 takes those that are there',
            0.0,
            1000.0,
            unit='ms',
            settings_field='batch_wait_s',
            convert=seconds_of_ms,
        ),
        ParameterSpec(
            'image_transport',
            'auto',
            "Subscribe to 'image' (raw), to 'image/compressed' (compressed), or (auto) to the "
            'latter where it alone is published',
            choices=('auto', 'raw', 'compressed'),
            details='A name that ends in `/compressed` stays as it is.',
            settings_field='camera.input.transport',
        ),
        ParameterSpec(
            'max_image_pixels',
            MAX_IMAGE_PIXELS,
            'Most pixels of an image or depth image; a larger one is dropped before it is decoded',
            1,
            1_000_000_000,
            settings_field='frame.max_image_pixels',
        ),
        ParameterSpec(
            'channel_order',
            'bgr',
            'Order of the channels of images whose encoding does not tell it (8UC3, 8UC4)',
            choices=('bgr', 'rgb'),
            details="cv_bridge writes such images where it is told no encoding; OpenCV's order is "
            'bgr.',
            settings_field='frame.channel_order',
        ),
        ParameterSpec(
            'max_rate_hz',
            0.0,
            'Most frames to segment per second, in Hz, of each camera; 0 is no limit',
            0.0,
            1000.0,
            unit='Hz',
        ),
        ParameterSpec(
            'lazy', True, 'Segment only while somebody subscribes to an output; false: always'
        ),
    ),
    page='launch.md#several-cameras',
)
_MASKS = ParameterGroup(
    'Masks',
    'frame',
    (
        ParameterSpec(
            'roi',
            (),
            'Region of interest: [left, top, right, bottom] as fractions of the image, 0 to 1, of '
            'every camera; [] is the whole image. What is outside becomes 255 (unlabelled)',
            details='The network sees this part alone, at its full size; the outputs keep the '
            "image's size and calibration.",
            items=float,
            convert=read_roi,
        ),
        ParameterSpec(
            'ignore_mask',
            '',
            'Path of a grey PNG, whose pixels other than 0 become 255 (unlabelled), for the '
            "robot's own hood or arm; of any size, stretched to the image's, for every camera; '' "
            'is none',
            details='It is read when it is set: to read it anew set it to nothing in between.',
        ),
        ParameterSpec(
            'resize',
            'stretch',
            "How a frame is brought to the network's size: stretch, or letterbox (same shape)",
            choices=('stretch', 'letterbox'),
        ),
        ParameterSpec(
            'output_size',
            'source',
            "Size of the outputs: 'source' (the camera's), 'network', or 'WIDTHxHEIGHT' in pixels",
            details='Ids are never interpolated.',
            convert=read_output_size,
        ),
        ParameterSpec(
            'class_remap',
            '',
            "Classes to publish as another class or id 0..255: 'Pavement=Road, Tree=255' "
            '(255 is unlabelled)',
            has_commas=True,
        ),
        ParameterSpec(
            'confidence_threshold',
            0.0,
            'Softmax probability, 0 to 1, below which a pixel is published as 255 (unlabelled)',
            0.0,
            1.0,
        ),
        ParameterSpec(
            'temporal_smoothing',
            0.0,
            'Share of the past in the average of classes over frames, 0 to 0.95; 0 is off. Where '
            'the image changes the past does not count',
            0.0,
            0.95,
            details='So nothing drags a ghost. 0.8 takes a quarter off the flicker of the bundled '
            'clip: 1.4 % of the pixels change class from frame to frame, then 1.1 %.',
        ),
    ),
    page='masking.md',
)
_PICTURES = ParameterGroup(
    'Pictures',
    'frame',
    (
        ParameterSpec(
            'overlay_alpha', 0.5, 'Share of the class colour in the overlay, 0 to 1', 0.0, 1.0
        ),
        ParameterSpec(
            'palette',
            'labels',
            'Class colours: those of the label set, or distinct ones for any number of classes',
            choices=('labels', 'distinct'),
        ),
        ParameterSpec(
            'colors',
            '',
            "Colours of single classes over the palette: 'Road=#804080, 10=#0080c0'",
            has_commas=True,
        ),
        ParameterSpec(
            'class_filter',
            '',
            "Classes to show in color_mask and overlay: 'Road, Car'; '' shows all",
            has_commas=True,
        ),
        ParameterSpec(
            'jpeg_quality',
            90,
            'JPEG quality of compressed pictures, 1 to 100',
            1,
            100,
            details='Of `~/color_mask/compressed` and `~/overlay/compressed`.',
        ),
    ),
)

IMAGE_GROUPS = (_CAMERAS, _MASKS, _PICTURES)
