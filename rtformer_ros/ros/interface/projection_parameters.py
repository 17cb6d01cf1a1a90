# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of costmap, scan and points, and of the camera's pose on the robot."""

from __future__ import annotations

import math

from rtformer_ros.ros.interface.conversions import read_free_groups, read_group_costs
from rtformer_ros.ros.interface.parameter_spec import ParameterGroup, ParameterSpec

_FAR_M = 1000.0

_CAMERA_POSE = ParameterGroup(
    'Camera pose',
    'frame',
    (
        ParameterSpec(
            'base_frame',
            'base_link',
            "The robot's frame (x ahead, y left, z up), whose z = 0 is the ground: costmap and "
            'scan are in it; with pose_source tf name one on the floor, as base_footprint',
        ),
        ParameterSpec(
            'camera.pose_source',
            'parameters',
            "Where the camera's pose comes from: the camera.* parameters, or TF (base_frame to "
            "the image's frame_id), which needs tf2_ros",
            choices=('parameters', 'tf'),
            details='Several cameras need `tf`. It is for cameras that stay where they are: each '
            'change of the pose costs 0.2 s.',
        ),
        ParameterSpec(
            'camera.height_m',
            0.0,
            'Height of the camera above the ground in metres; 0 is not known, then there is no '
            'costmap or scan',
            0.0,
            100.0,
            unit='m',
        ),
        ParameterSpec(
            'camera.pitch_deg',
            0.0,
            'How far the camera looks down, in degrees',
            -90.0,
            90.0,
            unit='deg',
            details='Positive looks down.',
            settings_field='frame.camera.pitch_rad',
            convert=math.radians,
        ),
        ParameterSpec(
            'camera.roll_deg',
            0.0,
            "How much lower the camera's right side is, in degrees",
            -180,
            180,
            unit='deg',
            details='Positive lowers the right side.',
            settings_field='frame.camera.roll_rad',
            convert=math.radians,
        ),
        ParameterSpec(
            'camera.yaw_deg',
            0.0,
            'How far the camera looks left, in degrees',
            -180,
            180,
            unit='deg',
            details='Positive looks to the left.',
            settings_field='frame.camera.yaw_rad',
            convert=math.radians,
        ),
        ParameterSpec(
            'camera.forward_m',
            0.0,
            "Metres from base_frame's origin forward to the camera",
            -100,
            100,
            unit='m',
        ),
        ParameterSpec(
            'camera.left_m',
            0.0,
            "Metres from base_frame's origin to the left to the camera",
            -100,
            100,
            unit='m',
        ),
        ParameterSpec(
            'camera.is_rectified',
            False,
            'Images are rectified (image_rect): P of CameraInfo holds, and no lens distortion',
        ),
    ),
    'Costmap and scan need it.',
    page='planners.md#camera-pose',
)
_COSTMAP = ParameterGroup(
    'Costmap',
    'frame',
    (
        ParameterSpec(
            'costmap.size_m',
            20.0,
            'Side of ~/costmap in metres',
            0.1,
            _FAR_M,
            unit='m',
            details='The robot is in the middle of the square.',
        ),
        ParameterSpec(
            'costmap.resolution_m', 0.1, 'Side of a cell in metres', 0.01, 10.0, unit='m'
        ),
        ParameterSpec(
            'costmap.costs',
            'drivable=0, walkable=30, obstacle=100, dynamic=100',
            'Cost of each planner group, 0 (free) to 100 (occupied); groups not named are unknown '
            '(-1)',
            details='The label set says which group a class is in.',
            has_commas=True,
            convert=read_group_costs,
        ),
        ParameterSpec(
            'costmap.uncertain_cost',
            50,
            'Cost, 0 to 100, towards which low confidence draws',
            0,
            100,
            details='A pixel costs confidence x cost + (1 - confidence) x this.',
        ),
        ParameterSpec(
            'costmap.min_confidence',
            0.0,
            'Probability, 0 to 1, below which a pixel is unknown',
            0,
            1,
        ),
        ParameterSpec(
            'costmap.obstacle_depth_m',
            0.3,
            'How thick obstacles are drawn, in metres, as only their front is seen',
            0.0,
            _FAR_M,
            unit='m',
            details='What lies behind is unknown.',
        ),
        ParameterSpec(
            'costmap.decay_s',
            0.0,
            "Seconds for which earlier frames count; 0 keeps none. The robot's motion is "
            'compensated where costmap.frame is set',
            0.0,
            3600.0,
            unit='s',
            details='A cell that has gone out of sight keeps its cost so long. In one in sight, a '
            'higher cost of before falls to 37 % in that time.',
        ),
        ParameterSpec(
            'costmap.frame',
            '',
            'Fixed frame that ~/costmap is in, as odom, which needs tf2_ros and base_frame in it '
            "at the images' stamps; '' is base_frame",
            details='The grid moves by whole cells with the robot in its middle, and what it '
            'remembers stays where it was seen.',
        ),
        ParameterSpec(
            'costmap.fuse',
            False,
            'With names in cameras offer ~/costmap, too: the costmaps of all cameras in one',
            details='Each cell has the highest cost that a camera knows.',
            settings_field='camera.output.fuses_costmaps',
        ),
    ),
    "An unsure obstacle costs less than 100: for Nav2's static layer set the costmap's "
    'lethal_cost_threshold to about 70, and trinary_costmap to false.',
    page='planners.md#costmap',
)
_SCAN = ParameterGroup(
    'Scan',
    'frame',
    (
        ParameterSpec(
            'scan.angle_min_deg',
            -45.0,
            'First bearing of ~/scan, degrees to the left',
            -180,
            180,
            unit='deg',
            settings_field='frame.scan.angle_min_rad',
            convert=math.radians,
        ),
        ParameterSpec(
            'scan.angle_max_deg',
            45.0,
            'Last bearing of ~/scan, degrees to the left',
            -180,
            180,
            unit='deg',
            settings_field='frame.scan.angle_max_rad',
            convert=math.radians,
        ),
        ParameterSpec(
            'scan.angle_increment_deg',
            0.5,
            'Degrees from bearing to bearing',
            0.01,
            90.0,
            unit='deg',
            settings_field='frame.scan.angle_increment_rad',
            convert=math.radians,
        ),
        ParameterSpec('scan.range_min_m', 0.1, 'Least range in metres', 0.0, _FAR_M, unit='m'),
        ParameterSpec(
            'scan.range_max_m',
            15.0,
            'Range in metres up to which the ground is looked at',
            0.1,
            _FAR_M,
            unit='m',
        ),
        ParameterSpec(
            'scan.free_groups',
            'drivable',
            "Planner groups that are no boundary: 'drivable, walkable'",
            has_commas=True,
            convert=read_free_groups,
        ),
        ParameterSpec(
            'scan.min_confidence',
            0.0,
            'Probability, 0 to 1, below which a pixel is not free',
            0,
            1,
            details='It is a boundary then.',
        ),
    ),
    page='planners.md#scan',
)
_POINTS = ParameterGroup(
    'Points',
    'frame',
    (
        ParameterSpec(
            'points.stride',
            1,
            'Every how many rows and columns there is a point in ~/points',
            1,
            64,
        ),
        ParameterSpec(
            'points.voxel_m',
            0.0,
            'Side in metres of the voxels that hold one point each; 0 is an organised cloud '
            'without',
            0.0,
            10.0,
            unit='m',
            details='With voxels the cloud is unorganised: the mean and the most frequent class '
            'of each.',
        ),
        ParameterSpec(
            'points.min_depth_m',
            0.1,
            'Least depth (z) of a point in metres',
            0.0,
            _FAR_M,
            unit='m',
        ),
        ParameterSpec(
            'points.max_depth_m',
            10.0,
            'Greatest depth (z) of a point in metres',
            0.01,
            _FAR_M,
            unit='m',
        ),
        ParameterSpec(
            'points.class_filter',
            '',
            "Classes that have points: 'Road, Car'; '' are all",
            has_commas=True,
        ),
        ParameterSpec(
            'points.color',
            'class',
            "Colour of a point: its class's, or the camera image's",
            choices=('class', 'image'),
        ),
        ParameterSpec(
            'depth.max_stamp_difference_s',
            0.05,
            'Seconds that the stamps of an image and its depth image may differ by',
            0.0,
            10.0,
            unit='s',
            details='The nearest in stamp is taken, and waited for, at most so long, while depth '
            'flows; the masks do not wait.',
            settings_field='camera.input.depth.max_stamp_difference_s',
        ),
    ),
    'The cloud is made of depth/image, which is registered to the image.',
    page='planners.md#points',
)

PROJECTION_GROUPS = (_CAMERA_POSE, _COSTMAP, _SCAN, _POINTS)
