"""A strict reader of the Prometheus text exposition format 0.0.4, as node_exporter takes it from a textfile; written from the format's description.

parse(text) -> {metric: {"type": ..., "help": ..., "samples": {(name, ((label, value), ...)): number}}}; ValueError on anything doubtful.
"""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([^ ]+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


def labels(text, line):
    found, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match or (match[3] == "," and match.end() == len(text)):
            raise ValueError(f"labels: {line}")
        found.append((match[1], re.sub(r'\\(["\\n])', lambda m: "\n" if m[1] == "n" else m[1], match[2])))
        at = match.end()
    if len({name for name, _ in found}) != len(found):
        raise ValueError(f"a label twice: {line}")
    return tuple(sorted(found))


def check_histogram(name, samples):
    bounds = [(float(dict(key[1])["le"]), value) for key, value in samples.items() if key[0] == name + "_bucket"]
    counts = [value for _, value in bounds]
    if [b for b, _ in bounds] != sorted({b for b, _ in bounds}) or counts != sorted(counts) or bounds[-1][0] != float("inf"):
        raise ValueError(f"buckets of {name}: {bounds}")
    if samples[(name + "_count", ())] != counts[-1] or (name + "_sum", ()) not in samples:
        raise ValueError(f"count of {name}")


def parse(text):
    if not text.endswith("\n"):
        raise ValueError("the last line is not ended")
    metrics, current = {}, None
    for line in text[:-1].split("\n"):
        comment = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
        if comment and comment[1] == "HELP":
            if comment[2] in metrics:
                raise ValueError(f"a metric twice: {line}")
            current = metrics[comment[2]] = {"help": comment[3], "type": None, "samples": {}, "name": comment[2]}
            continue
        if comment:
            if current is None or current["name"] != comment[2] or current["type"] or current["samples"] or comment[3] not in TYPES:
                raise ValueError(f"a type out of place: {line}")
            current["type"] = comment[3]
            continue
        match = SAMPLE.fullmatch(line)
        if not match or current is None or current["type"] is None:
            raise ValueError(f"not a sample: {line!r}")
        suffixes = ("_bucket", "_sum", "_count") if current["type"] == "histogram" else ("",)
        if match[1] not in [current["name"] + suffix for suffix in suffixes]:
            raise ValueError(f"a sample in the place of another metric: {line}")
        key = (match[1], labels(match[2] or "", line))
        if key in current["samples"]:
            raise ValueError(f"a sample twice: {line}")
        value = current["samples"][key] = float(match[3])
        if current["type"] in ("counter", "histogram") and not value >= 0:
            raise ValueError(f"a count below zero: {line}")
        if current["type"] == "counter" and not current["name"].endswith("_total"):
            raise ValueError(f"name of a counter: {line}")
    for name, metric in metrics.items():
        if not name.endswith("_total") and metric["type"] == "counter":
            raise ValueError(name)
        if metric["type"] == "histogram":
            check_histogram(name, metric["samples"])
    return metrics
