"""Read moving pictures from files, folders, devices and bags; write clips."""
