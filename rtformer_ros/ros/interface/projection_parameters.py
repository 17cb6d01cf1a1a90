"""List the parameters of costmap, scan and points, and of the camera's place on the robot."""

from __future__ import annotations

from rtformer_ros.ros.interface.parameter_spec import ParameterSpec

_FAR_M = 1000.0

PROJECTION_SPECS = (
    ParameterSpec(
        'base_frame',
        'base_link',
        "The robot's frame (x ahead, y left, z up), whose z = 0 is the ground: costmap and scan "
        'are in it; with pose_source tf name one on the floor, as base_footprint',
    ),
    ParameterSpec(
        'camera.pose_source',
        'parameters',
        "Where the camera's pose comes from: the camera.* parameters, or TF (base_frame to the "
        "image's frame_id), which needs tf2_ros",
        choices=('parameters', 'tf'),
    ),
    ParameterSpec(
        'camera.height_m',
        0.0,
        'Height of the camera above the ground in metres; 0 is not known, then there is no '
        'costmap or scan',
        0.0,
        100.0,
    ),
    ParameterSpec(
        'camera.pitch_deg', 0.0, 'How far the camera looks down, in degrees', -90.0, 90.0
    ),
    ParameterSpec(
        'camera.roll_deg', 0.0, "How much lower the camera's right side is, in degrees", -180, 180
    ),
    ParameterSpec('camera.yaw_deg', 0.0, 'How far the camera looks left, in degrees', -180, 180),
    ParameterSpec(
        'camera.forward_m', 0.0, "Metres from base_frame's origin forward to the camera", -100, 100
    ),
    ParameterSpec(
        'camera.left_m', 0.0, "Metres from base_frame's origin to the left to the camera", -100, 100
    ),
    ParameterSpec(
        'camera.is_rectified',
        False,
        'Images are rectified (image_rect): P of CameraInfo holds, and no lens distortion',
    ),
    ParameterSpec('costmap.size_m', 20.0, 'Side of ~/costmap in metres', 0.1, _FAR_M),
    ParameterSpec('costmap.resolution_m', 0.1, 'Side of a cell in metres', 0.01, 10.0),
    ParameterSpec(
        'costmap.costs',
        'drivable=0, walkable=30, obstacle=100, dynamic=100',
        'Cost of each planner group, 0 (free) to 100 (occupied); groups not named are unknown (-1)',
    ),
    ParameterSpec(
        'costmap.uncertain_cost', 50, 'Cost, 0 to 100, towards which low confidence draws', 0, 100
    ),
    ParameterSpec(
        'costmap.min_confidence', 0.0, 'Probability, 0 to 1, below which a pixel is unknown', 0, 1
    ),
    ParameterSpec(
        'costmap.obstacle_depth_m',
        0.3,
        'How thick obstacles are drawn, in metres, as only their front is seen',
        0.0,
        _FAR_M,
    ),
    ParameterSpec(
        'costmap.decay_s',
        0.0,
        "Seconds within which earlier frames are forgotten; 0 keeps none. The robot's motion is "
        'not compensated',
        0.0,
        3600.0,
    ),
    ParameterSpec(
        'scan.angle_min_deg', -45.0, 'First bearing of ~/scan, degrees to the left', -180, 180
    ),
    ParameterSpec(
        'scan.angle_max_deg', 45.0, 'Last bearing of ~/scan, degrees to the left', -180, 180
    ),
    ParameterSpec('scan.angle_increment_deg', 0.5, 'Degrees from bearing to bearing', 0.01, 90.0),
    ParameterSpec('scan.range_min_m', 0.1, 'Least range in metres', 0.0, _FAR_M),
    ParameterSpec(
        'scan.range_max_m', 15.0, 'Range in metres up to which the ground is looked at', 0.1, _FAR_M
    ),
    ParameterSpec(
        'scan.free_groups',
        'drivable',
        "Planner groups that are no boundary: 'drivable, walkable'",
    ),
    ParameterSpec(
        'scan.min_confidence', 0.0, 'Probability, 0 to 1, below which a pixel is not free', 0, 1
    ),
    ParameterSpec(
        'points.stride', 1, 'Every how many rows and columns there is a point in ~/points', 1, 64
    ),
    ParameterSpec(
        'points.voxel_m',
        0.0,
        'Side in metres of the voxels that hold one point each; 0 is an organised cloud without',
        0.0,
        10.0,
    ),
    ParameterSpec('points.min_depth_m', 0.1, 'Least depth (z) of a point in metres', 0.0, _FAR_M),
    ParameterSpec(
        'points.max_depth_m', 10.0, 'Greatest depth (z) of a point in metres', 0.01, _FAR_M
    ),
    ParameterSpec('points.class_filter', '', "Classes that have points: 'Road, Car'; '' are all"),
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
    ),
)
