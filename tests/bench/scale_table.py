"""What stands in the table for the journal of years (scale.py), and its targets."""

import statistics

from report import number, spread
import scale

MS, MIB = 1000.0, 1024.0 * 1024.0
SPREAD = ("min", "median", "max")
TARGET_START_S, TARGET_FLOOR = 3.0, 70.0


def show(table, found):
    show_box(table, found)
    show_auditor(table, found)
    show_sizes(table, found)


def show_box(table, found):
    moments = found["moments"]
    table.heading(f"10. {found['records']:,} records, {found['cases']:,} cases", *SPREAD)
    table.row("first start, nothing is kept", *spread(moments["first"], "s"))
    table.row("start after an orderly stop", *spread(moments["kept"], "s"))
    table.row("list", *spread([x * MS for x in moments["list"]], "ms"))
    table.row("show", *spread([x * MS for x in moments["show"]], "ms"))
    table.note("starts: from the start of podatelnad until `podatelna list` has answered; nothing is kept: without index/, as after an upgrade or a changed "
               f"setting, every record is read; list: all {moments['listed']:,} cases as text; show: {len(moments['show'])} cases from the first to the "
               "newest; each a process of its own")


def show_auditor(table, found):
    rounds = found["audit"]
    table.heading("   podatelna-audit, 1,000 records/s", *SPREAD, "per CPU s")
    for threads in scale.THREADS:
        for who, label in (("audit", "auditor"), ("tree", "SHA-256 of leaves and nodes"), ("stream", "SHA-256 of the segments")):
            cells = spread([1 / each["wall"] / 1000 for each in rounds[f"{who}-{threads}"]])
            table.row(f"{label}, {threads}", *cells, number(1 / statistics.median([each["cpu"] for each in rounds[f"{who}-{threads}"]]) / 1000))
    table.heading("   Share of the floor, %", *SPREAD)
    for threads in scale.THREADS:
        for kind, label in (("tree", "leaves and nodes"), ("stream", "segments in one piece")):
            table.row(f"{label}, CPU, {threads}", *spread([x * 100 for x in scale.ratios(found, threads, "cpu", kind)]))
        table.row(f"leaves and nodes, clock, {threads}", *spread([x * 100 for x in scale.ratios(found, threads, "wall")]))
    table.row("two threads : one, by the clock", "", number(scale.gain(found, "audit")), "", "")
    table.row("the same of SHA-256 alone", "", number(scale.gain(found, "tree")), "", "")
    tree, stream = rounds["tree-1"][0], rounds["stream-1"][0]
    table.note(f"verify --no-signatures --no-objects, the whole program; floor: mbedTLS as in the auditor over the same {tree['bytes'] / MIB:.0f} MiB, each "
               f"leaf and node a message of its own, as RFC 6962 has it; segments in one piece: {stream['bytes'] / MIB:.0f} MiB without nodes and padding, which "
               "checks nothing; "
               f"{len(rounds['audit-1'])} rounds in turns, ratios of each round; 1, 2: threads")
    table.heading("   Checkpoints verified per second", *SPREAD)
    for threads in scale.THREADS:
        table.row(f"with signature and stamp, {threads}", *spread(found["signatures"][threads]))
    table.note("each: line of the note and CMS (ECDSA P-256), time-stamp (RSA-2048), paths to a trusted root; counted apart from the records")


def show_sizes(table, found):
    cases = found["cases"]
    table.heading("   Bytes per case", "content", "on disk")
    for name, (size, disk) in found["made"].items():
        table.row(f"{name}, of {cases:,} cases", number(size / cases), number(disk / cases))
    for name, (size, disk) in found["per_case"].items():
        table.row(f"{name}, a few real filings", number(size), number(disk))
    table.note("of many cases: 17 records each, their checkpoints, index/ and seen as they grow; of a few: what a filing of this size through the simulator "
               "adds, with the papers' records; on disk: blocks of the file system, also those reserved beforehand")


def targets(table, found):
    return [
        table.verdict(f"start over {found['records']:,} records after an orderly stop, median", statistics.median(found["moments"]["kept"]),
                      TARGET_START_S, "s", at_least=False),
        *(table.verdict(f"podatelna-audit beside SHA-256 of the same leaves and nodes, {threads} threads, {words}",
                        statistics.median(scale.ratios(found, threads, by)) * 100, TARGET_FLOOR, "%")
          for threads, by, words in ((1, "cpu", "per CPU second"), (2, "cpu", "per CPU second"), (2, "wall", "by the clock"))),
    ]
