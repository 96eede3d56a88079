"""Writes `value.json`, a value in one line, and `expected.json`, the same as Python lays out a RunResult.

    python make_golden.py FOLDER
"""

import json
import random
import struct
import sys
from pathlib import Path

chance = random.Random(0)


def any_float():
    while True:
        (value,) = struct.unpack("<d", chance.randbytes(8))
        if value == value and abs(value) != float("inf"):
            return value


VALUE = {
    "floats": [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e-4, 1e-5, 5e-5, 1e-8, 1e15, 1e16, 123456789012345680.0, 1e22, 1e23,
               6695103753560064.0, 106560000000000.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
               0.005734797297297297, 4.735567092895508, 9007199254740993.0],
    "any floats": [any_float() for _ in range(500)],
    "near ten powers": [sign * digit * 10.0**power for sign in (1, -1) for digit in (1, 1.5, 9.99) for power in range(-8, 20)],
    "integers": [0, -1, 2**63 - 1, -(2**63), 2**64 - 1],
    "scalars": [True, False, None, "x", 1, 1.0],
    "nested": [[], [[]], {}, [{}], {"a": {"b": {"c": []}}}, [[1, 2], ["3"]]],
    "histories": [{"2.0": 0.0, "0.5": 1.0, "1.0": 0.95}, {"0.5": None}],
    "text": "plain, with: [punctuation] {and} \\ \" / '",
    "controls": "".join(map(chr, range(0x21))) + "\x7f\x80\xa0",
    "languages": "é ü ß Ж 中文 \u2028 \ufeff \uffff 😀 \U0010ffff",
    "é": 1, "😀": 2, "\uffff": 3, "Z": 4, "_": 5, "10": 6, "9": 7, "": 8, "\n": 9,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "value.json").write_text(json.dumps(VALUE, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "expected.json").write_text(json.dumps(VALUE, indent=2, sort_keys=True) + "\n", encoding="utf-8")
