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


def check_profile(report):
    expect(report.attrs["complete"] == 1, "complete")
    expect(report.attrs["seed"] == 18000000000000000001, "seed")
    expect(report.attrs["device"] == "Example CPU 1000 – 8 cores", "UTF-8")
    expect(report["model"].attrs["architecture"] == "Mamba-2", "architecture")
    expect(list(report["options/lengths"]) == [64, 256, 1024], "lengths")
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
    rate = report["ceilings"].attrs["exponentials_per_s"]
    expect(table["floor_bound"].asstr()[row] == "exponentials", "what the floor of ssm is made of")
    expect(np.isclose(table["floor_us"][row], table["exponentials"][row] / rate * 1e6), "floor of ssm")
    expect(np.isnan(table["floor_us"][-1]) and table["floor_bound"].asstr()[-1] == "none", "floor of other")
    kernels = points[2]["kernels"]
    expect(kernels.attrs["tracer"] == "CUPTI 13.0" and kernels.attrs["dropped"] == 3, "tracer")
    expect(np.all(kernels["end_us"][:] >= kernels["begin_us"][:]), "kernels end after they begin")
    counters = points[2]["counters"]
    expect(counters.attrs["source"] == "CUPTI 13.0, GH100", "source of the counters")
    ssm = counters["component"].asstr()[:] == "ssm"
    expect(ssm.any() and np.allclose(counters["dram_percent"][:][ssm], 62.5), "counted by component")
    expect(counters["dram_read_bytes"].attrs["units"] == "byte", "unit of a counter")
    expect("need an NVIDIA GPU" in points[0]["counters"].attrs["missing"], "why nothing was counted")
    expect(report["options"].attrs["counters"] == 1, "counters were asked for")
    expect(points[2]["device_use"].attrs["power_w"] == 312.5, "power")
    expect(np.isnan(points[0]["device_use"].attrs["power_w"]), "power not known is NaN")
    return f"{len(points)} points, ssm {median:.6f} us, n {len(samples)}"


def check_activity(report):
    activity = report["activity"]
    statistics = list(activity["statistic"].asstr())
    layer = activity["layers/0001"]
    plane = layer["mean"][statistics.index("output_energy")]
    expect(layer["mean"].dtype == np.float32, "float32")
    expect(layer["mean"].dims[0][0].name == "/activity/statistic", "scale of the statistics")
    expect(plane.shape == (layer["row"].size, max(layer["group_states"])), "rows and states")
    expect(layer["votes"].shape == (activity.attrs["bins"], sum(layer["group_states"])), "votes")
    expect(np.isnan(plane[-1, -1]), "NaN beyond the group's states")
    return f"{len(activity['layers'])} layers, {plane[0, 0]:.6f}"


def check_study(report):
    study = report["study"]
    cells, speeds = study["cells"], study["speeds"]
    expect(list(cells["state"].asstr()) == ["measured", "measured", "failed", "waiting", "measured"], "states")
    expect(cells["criterion"].asstr()[1] == "ghost" and cells["layer"][4] == 2, "cells")
    expect(np.isnan(cells["bits_per_byte"][0]), "not known is NaN")
    passes = study["passes"]
    before = passes["samples_us"][0, :passes["n"][0]]
    after = passes["samples_us"][1, :passes["n"][1]]
    speed_up = np.median(before / after)
    expect(np.isclose(speed_up, speeds["speed_up"][0]), "speed-up of the samples")
    expect(study["plans/0001/kept"].dtype == np.uint8, "flags")
    expect(sorted(study["plans"]) == ["0000", "0001", "0004"], "plans")
    kept = int(study["plans/0001/kept"][:].sum())
    expect(kept == cells["states_kept"][1], "states kept")
    return f"{len(cells['state'])} cells, {kept} kept, {speed_up:.6f}"


def check_scaling(report):
    scaling = report["scaling"]
    cells = scaling["cells"]
    state = cells["state"].asstr()[:]
    measured = state == "measured"
    expect(scaling.attrs["shard"] == 2 and scaling.attrs["shards"] == 5, "shard")
    expect(list(scaling["options/modes"].asstr()) == ["prefill", "decode"], "modes")
    expect(scaling["models/0001"].attrs["model_name"] == "another-model", "models")
    expect(scaling["provenances/0001"].attrs["host"] == "another host", "provenances")
    expect("ceilings" in scaling["provenances/0000"], "ceilings")
    expect(list(state[-2:]) == ["failed", "waiting"], "states of cells")
    expect(np.isnan(cells["median_us"][:][~measured]).all(), "what was not measured is NaN")
    curve = measured & (cells["model"][:] == 0) & (cells["states"][:] == 0) & (cells["mode"].asstr()[:] == "prefill")
    expect(list(cells["length"][:][curve]) == [64, 256, 1024, 4096], "a curve")
    expect(np.all(np.diff(cells["median_us"][:][curve]) > 0), "its times")
    first = cells["first_sample"][3]
    samples = cells["samples_us"][first:first + cells["n"][3]]
    expect(np.isclose(np.median(samples), cells["median_us"][3]), "median of the samples")
    components = scaling["components"]
    of_cell = components["cell"][:] == 3
    expect(np.isclose(components["floor_us"][:][of_cell][:-1].sum(), cells["floor_us"][3]), "floor of a pass")
    expect(abs(components["share"][:][of_cell].sum() - 1) < 0.02, "shares add up")
    memory = scaling["memory"]
    expect(memory["peak_bytes"][:][memory["cell"][:] == 3].sum() == cells["peak_bytes"][3], "peak by kind")
    expect(scaling["device_use/power_w"][2] == 312.5, "power")
    return f"{measured.sum()} of {len(state)} cells, {np.median(samples):.6f} us"


with h5py.File(sys.argv[1], "r") as report:
    texts = ("format_name", "content", "creator", "created", "command", "model_name", "model_hash", "device",
             "instructions", "host", "operating_system")
    for name in texts:
        expect(isinstance(report.attrs.get(name), str), f"attribute {name}")
    expect(report.attrs["format_name"] == "PerfMamba Explorer report", "format_name")
    expect(report.attrs["format_version"] == 6, "format_version")
    report.visititems(check_dataset)
    check = {"profile": check_profile, "activity": check_activity, "study": check_study,
             "scaling": check_scaling}[report.attrs["content"]]
    summary = check(report)

for problem in problems:
    print(problem, file=sys.stderr)
print(summary)
sys.exit(1 if problems else 0)
