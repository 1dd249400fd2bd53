"""What stands in the table for the filings with ČSSZ."""

import statistics

import accounts
from report import number, spread
import cssz

MS, MIB = 1000.0, 1024.0 * 1024.0
TARGET_MEMORY = 16.0
SPREAD = ("min", "median", "max")


def box_cost(each):
    return accounts.whole(each["cpu"]) / each["count"]


def loop_cost(each):
    return (each["user"] + each["system"]) / each["count"]


def ratios(found):
    """Of each round of the box with the loop's that followed."""
    return [loop_cost(loop) / box_cost(box) for box, loop in zip(found["box"], found["loop"])]


def show(table, found):
    box, loop = found["box"], found["loop"]
    table.heading("11. Filings with ČSSZ (VREP)", *SPREAD)
    table.row("CPU each: box", *spread([box_cost(r) * MS for r in box], "ms"))
    table.row("CPU each: loop", *spread([loop_cost(r) * MS for r in loop], "ms"))
    table.row("CPU each: simulator, for the box", *spread([r["portal_cpu"] / r["count"] * MS for r in box], "ms"))
    table.row("CPU each: simulator, for the loop", *spread([r["portal_cpu"] / r["count"] * MS for r in loop], "ms"))
    table.row("filings per CPU s, box : loop", *spread(ratios(found)))
    for name in accounts.PROGRAMS:
        table.row(f"  {name}", "", number(statistics.median(sum(r["cpu"].get(name, (0, 0))) / r["count"] for r in box) * MS, "ms"))
    table.note(f"{len(box)} rounds in turns: {box[0]['count']} filings through the box, {loop[0]['count']} through the loop, {cssz.FORMS_EACH} forms and "
               f"{cssz.FORM_BYTES} bytes each: signed, compressed, encrypted, submitted, result asked for, its seal verified over Canonical XML, closed; the box also "
               "keeps everything, with a journal, and delivers")
    for kind, title in (("words", "words and numbers"), ("noise", "hard to compress")):
        if kind in found["memory"]:
            show_memory(table, title, found["memory"][kind])


def show_memory(table, title, took):
    table.heading(f"   {cssz.MANY} forms, {took['bytes'] / 1e6:.1f} MB, {title}", "idle, MiB", "peak", "PSS above", "above idle")
    for name in accounts.PROGRAMS:
        if name in took["above"]:
            table.row(name, *(number(took[part].get(name, 0) / MIB) for part in ("idle", "peak", "pss", "above")))
    table.row("all together", "", "", number(sum(took["pss"].values()) / MIB), number(sum(took["above"].values()) / MIB))
    table.row("memory files, all together", "", "", "", number(took["files"] / MIB))
    table.note(f"RSS of the largest process of each program (VmHWM, looked at {took['samples']} times), PSS of all of its processes; above idle: the greater of both "
               f"differences; together: the sum of the highest, though they come at different times; memory files pass content between programs; {took['s']:.1f} s from the drop to the closed submission")


def targets(table, found):
    lines = []
    for kind, took in found["memory"].items():
        worst = max(took["above"], key=took["above"].get)
        words = f"memory above idle, {cssz.MANY} forms of ČSSZ ({kind})"
        lines.append(table.verdict(f"{words}, most by {worst}", took["above"][worst] / MIB, TARGET_MEMORY, "MiB", at_least=False))
        lines.append(table.verdict(f"{words}, the sum", sum(took["above"].values()) / MIB, TARGET_MEMORY, "MiB", at_least=False))
    return lines
