#!/usr/bin/python3
"""Reads a report as somebody without this program would, and checks what the format promises of every dataset."""
import sys

import h5py
import numpy as np

problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def check_dataset(name, item):
    if not isinstance(item, h5py.Dataset):
        return
    for attribute in ("units", "long_name"):
        expect(isinstance(item.attrs.get(attribute), str), f"{name}: no {attribute}")
    if item.attrs.get("CLASS") == b"DIMENSION_SCALE":
        return
    for axis, dimension in enumerate(item.dims):
        expect(len(dimension) == 1, f"{name}: axis {axis} has no scale")
        expect(len(dimension) == 1 and dimension[0].shape == (item.shape[axis],), f"{name}: scale of axis {axis}")
    if item.size:
        expect(item.compression == "gzip" and item.shuffle, f"{name}: not gzip and shuffle")


with h5py.File(sys.argv[1], "r") as report:
    texts = ("format_name", "creator", "created", "command", "model_name", "model_hash", "device", "instructions",
             "host", "operating_system")
    for name in texts:
        expect(isinstance(report.attrs.get(name), str), f"attribute {name}")
    expect(report.attrs["format_name"] == "PerfMamba Explorer report", "format_name")
    expect(report.attrs["format_version"] == 1, "format_version")
    expect(report.attrs["complete"] == 1, "complete")
    expect(report.attrs["seed"] == 18000000000000000001, "seed")
    expect(report.attrs["device"] == "Example CPU 1000 – 8 cores", "UTF-8")
    expect(report["model"].attrs["architecture"] == "Mamba-2", "architecture")
    expect(list(report["options/lengths"]) == [64, 256, 1024], "lengths")
    report.visititems(check_dataset)

    points = [report["points"][name] for name in sorted(report["points"])]
    expect([int(point.attrs["length"]) for point in points] == [64, 256, 1024], "points")
    table = points[2]["components"]
    names = list(table["component"].asstr())
    expect(names[-1] == "other", "other is last")
    row = names.index("ssm")
    samples = table["samples_us"][row, :table["n"][row]]
    median = table["median_us"][row]
    expect(np.isclose(np.median(samples), median), "median of the samples")
    expect(np.isnan(table["flops"][-1]), "not known is NaN")
    expect(abs(table["share"][:].sum() - 1) < 0.02, "shares add up")

for problem in problems:
    print(problem, file=sys.stderr)
print(f"{len(points)} points, ssm {median:.6f} us, n {len(samples)}")
sys.exit(1 if problems else 0)
