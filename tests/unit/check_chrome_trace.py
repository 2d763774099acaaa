#!/usr/bin/python3
"""Reads a Chrome trace as strictly as its format is written down, and as Perfetto does where that is stricter.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYmH4h6I0nSsKchNAySU
"""
import json
import sys
from collections import defaultdict

METADATA = {"process_name": "name", "process_sort_index": "sort_index",
            "thread_name": "name", "thread_sort_index": "sort_index"}
problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)
    return condition


def no_constant(text):
    raise ValueError(f"{text} is not JSON")


def no_doubles(pairs):
    keys = [key for key, _ in pairs]
    expect(len(keys) == len(set(keys)), f"a key twice in {keys}")
    return dict(pairs)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def nanoseconds(microseconds):
    """As Perfetto has it: multiplied, and cut off."""
    return int(microseconds * 1000.0)


def check_nesting(row, slices):
    """Complete events of a thread lie one after the other, or one inside the other. Perfetto drops others."""
    open_ends = []
    for begin, end, name in sorted(slices, key=lambda s: (s[0], -s[1])):
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        expect(not open_ends or end <= open_ends[-1], f"{row}: {name} at {begin} ns overlaps the one it begins in")
        open_ends.append(end)


def check(event, named, slices, counters):
    where = json.dumps(event)[:200]
    if not expect(isinstance(event, dict) and event.get("ph") in ("X", "C", "M"), f"unknown event: {where}"):
        return
    expect(isinstance(event.get("name"), str) and event["name"], f"no name: {where}")
    expect(isinstance(event.get("pid"), int), f"no pid: {where}")
    args = event.get("args", {})
    expect(isinstance(args, dict), f"args is no object: {where}")
    if event["ph"] == "M":
        key = METADATA.get(event["name"])
        expect(key and isinstance(args.get(key), str if key == "name" else int), f"bad metadata: {where}")
        named.add((event["name"], event["pid"], event.get("tid") if event["name"].startswith("thread") else None))
        return
    if not expect(is_number(event.get("ts")) and event["ts"] >= 0, f"no ts: {where}"):
        return
    if event["ph"] == "C":
        expect(args and all(is_number(value) for value in args.values()), f"counters are numbers: {where}")
        expect(all(value >= 0 for value in args.values()), f"less than nothing in use: {where}")
        counters[event["pid"], event["name"]].append((event["ts"], tuple(args)))
        return
    expect(isinstance(event.get("tid"), int), f"no tid: {where}")
    if expect(is_number(event.get("dur")) and event["dur"] >= 0, f"no dur: {where}"):
        begin = nanoseconds(event["ts"])
        slices[event["pid"], event["tid"]].append((begin, begin + nanoseconds(event["dur"]), event["name"]))


def main(path):
    with open(path, encoding="utf-8", errors="strict") as file:
        trace = json.load(file, parse_constant=no_constant, object_pairs_hook=no_doubles)
    expect(set(trace) <= {"traceEvents", "otherData"}, f"unknown members: {sorted(trace)}")
    named, slices, counters = set(), defaultdict(list), defaultdict(list)
    for event in trace["traceEvents"]:
        check(event, named, slices, counters)
    expect(slices, "no slice")
    for (pid, tid), row in slices.items():
        expect(("process_name", pid, None) in named, f"process {pid} has no name")
        expect(("thread_name", pid, tid) in named, f"thread {tid} of process {pid} has no name")
        check_nesting(f"process {pid}, thread {tid}", row)
    for (pid, name), values in counters.items():
        expect(all(a[0] < b[0] for a, b in zip(values, values[1:])), f"{name} of process {pid}: not in order of time")
        expect(len({keys for _, keys in values}) == 1, f"{name} of process {pid}: other series than before")
    print(f"{len(trace['traceEvents'])} events, {sum(map(len, slices.values()))} slices in {len(slices)} rows")
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


sys.exit(main(sys.argv[1]))
