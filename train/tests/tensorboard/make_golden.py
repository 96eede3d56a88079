"""Writes the golden event file with TensorBoard's own messages and framing, at fixed times.

    python make_golden.py golden/events.out.tfevents.1700000000.golden.1.0

Made with tensorboard 2.21. The tests in `mod.rs` write the same events and compare bytes.
"""

import sys
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def scalar(wall_time, tag, value, step):
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


EVENTS = [
    Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    Event(wall_time=1700000000.25, step=300, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=1700000000.25, step=300, session_log=SessionLog(status=SessionLog.START)),
    scalar(1700000001.5, "train/loss", 4.735567092895508, 0),
    scalar(1700000001.5, "train/loss", 0.1, 127),
    scalar(1700000001.5, "train/loss", 0.0, 128),
    scalar(1700000001.5, "train/loss", -2.5e-8, 300),
    scalar(1700000002.0, "lr/multiplier", 2.0, 5_000_000_000),
]

if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for event in EVENTS:
            writer.write(event.SerializeToString())
