"""Prints, as JSON, what TensorBoard's own readers see in a folder of event files.

    python read_events.py FOLDER

`accumulator` is the reader of notebooks and scripts; `server` is the one behind the web page, which turns scalars into
tensors. Each maps a tag to its points; a point is [step, wall time, value].
"""

import json
import logging
import sys

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util

EVERYTHING = 0


def accumulator_points(folder):
    reader = event_accumulator.EventAccumulator(folder, size_guidance={"scalars": EVERYTHING, "tensors": EVERYTHING})
    reader.Reload()
    return {
        tag: [[point.step, point.wall_time, point.value] for point in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def server_points(folder):
    reader = plugin_event_accumulator.EventAccumulator(folder, size_guidance={"tensors": EVERYTHING})
    reader.Reload()

    def value(point):
        return tensor_util.make_ndarray(point.tensor_proto).item()

    return {
        tag: [[point.step, point.wall_time, value(point)] for point in reader.Tensors(tag)]
        for tag in reader.PluginTagToContent("scalars")
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    folder = sys.argv[1]
    print(json.dumps({"accumulator": accumulator_points(folder), "server": server_points(folder)}, sort_keys=True))
