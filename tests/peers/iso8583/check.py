"""Decodes the golden messages with pyiso8583 under a specification written for it from UnionPay's field list, encodes
what it understood again, and compares byte for byte. Prints what it read, one JSON object a line.

    check.py FOLDER          the golden messages of the folder
    check.py FOLDER --bench  and how many times a second it decodes purchase.hex
"""

import json
import pathlib
import sys
import time

import iso8583


def field(kind, length_digits, longest, **more):
    """One row: `n` digits in BCD, `s` text, `b` bytes."""
    row = {
        "data_enc": "ascii" if kind == "s" else "b",
        "len_enc": "bcd",
        "len_type": (length_digits + 1) // 2,
        "len_count": "nibbles" if kind == "n" else "bytes",
        "max_len": longest,
        "desc": "",
    }
    if kind == "n" and longest % 2 or length_digits and kind == "n":
        row["right_pad"] = "0"
    return row | more


SPEC = {
    "h": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 0, "desc": ""},
    "t": field("n", 0, 4),
    "p": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 8, "desc": ""},
    "1": {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 8, "desc": ""},
    "2": field("n", 2, 19),
    "3": field("n", 0, 6),
    "4": field("n", 0, 12),
    "11": field("n", 0, 6),
    "14": field("n", 0, 4),
    "22": field("n", 0, 3),
    "23": field("n", 0, 3, left_pad="0"),
    "25": field("n", 0, 2),
    "26": field("n", 0, 2),
    "35": field("n", 2, 37),
    "37": field("s", 0, 12),
    "38": field("s", 0, 6),
    "39": field("s", 0, 2),
    "41": field("s", 0, 8),
    "42": field("s", 0, 15),
    "48": field("n", 3, 322),
    "49": field("s", 0, 3),
    "52": field("b", 0, 8),
    "53": field("n", 0, 16),
    "55": field("b", 3, 255),
    "60": field("n", 3, 19),
    "61": field("n", 3, 29),
    "62": field("b", 3, 512),
    "63": field("s", 3, 163),
    "64": field("b", 0, 8),
}
SPEC["23"].pop("right_pad", None)


def main(folder, bench):
    files = sorted(pathlib.Path(folder).glob("*.hex"))
    agreed = 0
    for file in files:
        message = bytes.fromhex(file.read_text().strip())
        decoded, _ = iso8583.decode(message, SPEC)
        again, _ = iso8583.encode(decoded, SPEC)
        print(json.dumps({"name": file.stem} | decoded))
        agreed += bytes(again) == message
        if bytes(again) != message:
            print(f"{file.stem}: {again.hex().upper()}", file=sys.stderr)
    print(f"{agreed} of {len(files)} messages agree")
    if bench:
        message = bytes.fromhex((pathlib.Path(folder) / "purchase.hex").read_text().strip())
        count, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < 1.0:
            for _ in range(100):
                iso8583.decode(message, SPEC)
            count += 100
        print(f"{count / took:.0f} messages a second")
    return 0 if agreed == len(files) else 1


sys.exit(main(sys.argv[1], "--bench" in sys.argv))
