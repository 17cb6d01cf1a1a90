#!/usr/bin/env bash
# Source ROS 2 and the package, then become the command.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /opt/rtformer_ros/local_setup.bash
exec "$@"
