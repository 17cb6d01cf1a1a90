# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Camera pose (extrinsics): where a camera is on the robot and where it looks."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt
from rtformer_ros.errors import GeometryError

# Columns: the optical frame's axes (x right, y down, z ahead) in a body frame (x ahead, y left,
# z up); REP 103.
_BODY_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class CameraPose:
    """
    Pose of a camera's optical frame in the robot's base frame (REP 103: x ahead, y left, z up).

    The ground is the plane z = 0 of the base frame. rotation: what turns a vector of the optical
    frame into the base frame, 9 values, row-major; position_m: x, y, z of the camera in metres.
    Raises GeometryError for a camera at or under the ground, or numbers that are no pose.
    """

    rotation: tuple[float, ...]
    position_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Check all values."""
        values = (*self.rotation, *self.position_m)
        if len(values) != 12 or not all(map(math.isfinite, values)):
            raise GeometryError(
                f'the camera pose has the values {values}; expected a 3x3 rotation and 3 '
                'coordinates in metres, all finite'
            )
        if not np.allclose(self.rotation_33 @ self.rotation_33.T, np.eye(3), atol=1e-3):
            raise GeometryError(f'the camera pose has {self.rotation}; expected a rotation')
        if self.position_m[2] <= 0:
            raise GeometryError(
                f'the camera is {self.position_m[2]:g} m above the ground; expected more than 0: '
                'give its height over the floor the robot stands on'
            )

    @classmethod
    def from_angles(
        cls,
        height_m: float,
        pitch_rad: float = 0.0,
        roll_rad: float = 0.0,
        yaw_rad: float = 0.0,
        forward_m: float = 0.0,
        left_m: float = 0.0,
    ) -> CameraPose:
        """
        Return the pose of a camera from its extrinsics as people measure them.

        The angles are those of a URDF origin, turning the camera's body about fixed axes: roll
        about x, then pitch about y, then yaw about z. Positive pitch looks down, positive roll
        lowers the camera's right side, positive yaw looks to the left.
        height_m is measured from the ground, forward_m and left_m from the base frame's origin.
        """
        (sr, cr), (sp, cp), (sy, cy) = (
            (math.sin(angle), math.cos(angle)) for angle in (roll_rad, pitch_rad, yaw_rad)
        )
        roll = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        rotation = yaw @ pitch @ roll @ _BODY_FROM_OPTICAL
        return cls(tuple(rotation.ravel().tolist()), (forward_m, left_m, height_m))

    @classmethod
    def from_quaternion(
        cls,
        position_m: tuple[float, float, float],
        quaternion_xyzw: tuple[float, float, float, float],
    ) -> CameraPose:
        """Return the pose of a transform from the optical to the base frame, as TF has it."""
        norm = math.hypot(*quaternion_xyzw)
        if not math.isfinite(norm) or norm < 1e-6:
            raise GeometryError(f'{quaternion_xyzw} is no rotation; expected a unit quaternion')
        x, y, z, w = (value / norm for value in quaternion_xyzw)
        rotation = (
            *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        )
        return cls(rotation, position_m)

    def is_near(self, other: CameraPose, angle_rad: float, distance_m: float) -> bool:
        """Return whether another pose is turned and moved by no more than that."""
        turn_33 = self.rotation_33.T @ other.rotation_33
        # |R - 1| of a turn by an angle is sqrt(8) sin(angle / 2), exact for small ones, too.
        turned = np.linalg.norm(turn_33 - np.eye(3)) <= math.sqrt(8) * math.sin(angle_rad / 2)
        return bool(turned) and math.dist(self.position_m, other.position_m) <= distance_m

    @property
    def rotation_33(self) -> npt.NDArray[np.float64]:
        """The rotation as a matrix, float64 [3, 3]."""
        return np.reshape(np.array(self.rotation, np.float64), (3, 3))

    @property
    def heading_rad(self) -> float:
        """Direction in which the camera looks over the ground, from the base frame's x axis."""
        ahead = self.rotation_33[:, 2]
        return math.atan2(ahead[1], ahead[0])
