"""What stands in the table for each measurement."""

import statistics
import textwrap

import accounts
import cards
import cssz_table
import disk
import keys
from report import LINE, number, spread
import scale_table

MS, MIB = 1000.0, 1024.0 * 1024.0
TARGET_RATIO, TARGET_SLOW, TARGET_FOUR, TARGET_POST_S, TARGET_MEMORY = 4.0, 0.98, 3.9, 0.050, 16 * 1024 * 1024
SPREAD = ("min", "median", "max")


def show_conditions(table, rows):
    table.line("Podatelna, measured")
    for name, words in rows:
        for label, line in zip([name, *[""] * len(words)], textwrap.wrap(words, LINE - 10)):
            table.line(f"  {label:<10}{line}")


def per(parts, count):
    """Seconds of CPU per filing."""
    return accounts.whole(parts) / count


def total(rounds, part):
    """{program: (user, system)} over all rounds."""
    names = {name for each in rounds for name in each[part]}
    return {name: tuple(sum(each[part].get(name, (0, 0))[i] for each in rounds) for i in (0, 1)) for name in names}


def costs(found):
    """CPU seconds per filing over all rounds: the box as far as the loop goes, its rest, the loop."""
    count = sum(each["count"] for each in found["box"])
    loops = sum(each["count"] for each in found["loop"])
    return (accounts.whole(total(found["box"], "filed_cpu")) / count, accounts.whole(total(found["box"], "closed_cpu")) / count,
            sum(each["user"] + each["system"] for each in found["loop"]) / loops)


def show_filings(table, found):
    box, loop, raw = found["box"], found["loop"], found["raw"]
    table.heading("1. Filings", *SPREAD)
    table.row("raw C_Sign, per second", *spread([r["count"] / r["s"] for r in raw]))
    table.row("box, two POSTs, per second", *spread([r["count"] / r["filed_s"] for r in box]))
    table.row("box, to the papers, per second", *spread([r["count"] / (r["filed_s"] + r["closed_s"]) for r in box]))
    table.row("loop, two POSTs, per second", *spread([r["count"] / r["s"] for r in loop]))
    table.row("CPU each: C_Sign alone", *spread([r["cpu"] / r["count"] * MS for r in raw], "ms"))
    table.row("CPU each: box, two POSTs", *spread([per(r["filed_cpu"], r["count"]) * MS for r in box], "ms"))
    table.row("CPU each: box, result and papers", *spread([per(r["closed_cpu"], r["count"]) * MS for r in box], "ms"))
    table.row("CPU each: loop, two POSTs", *spread([(r["user"] + r["system"]) / r["count"] * MS for r in loop], "ms"))
    table.row("CPU each: simulator, for the box", *spread([r["portal_cpu"] / r["count"] * MS for r in box], "ms"))
    table.row("CPU each: simulator, for the loop", *spread([r["portal_cpu"] / r["count"] * MS for r in loop], "ms"))
    table.note(f"{len(box)} rounds in turns: {box[0]['count']} filings through the box, {loop[0]['count']} through the loop, C_Sign for {raw[0]['s']:.1f} s; "
               "the box also keeps, verifies and delivers, the loop does not")
    show_ratios(table, found)
    show_programs(table, found)


def show_ratios(table, found):
    """Of each round with its neighbours in time."""
    rounds = list(zip(found["box"], found["loop"], found["raw"]))
    filed = [per(box["filed_cpu"], box["count"]) for box in found["box"]]
    whole = [cost + per(box["closed_cpu"], box["count"]) for cost, box in zip(filed, found["box"])]
    looped = [(loop["user"] + loop["system"]) / loop["count"] for loop in found["loop"]]
    rates = [box["count"] / box["filed_s"] for box in found["box"]]
    table.heading("   Ratios", *SPREAD)
    table.row("filings per CPU s, box : loop", *spread([b / a for a, b in zip(filed, looped)]))
    table.row("the same, to the papers", *spread([b / a for a, b in zip(whole, looped)]))
    table.row("filings per s, box : loop", *spread([rate * loop["s"] / loop["count"] for rate, (_, loop, _) in zip(rates, rounds)]))
    table.row("filings per s, box : raw C_Sign", *spread([rate * raw["s"] / raw["count"] for rate, (_, _, raw) in zip(rates, rounds)]))


def show_programs(table, found):
    count = sum(each["count"] for each in found["box"])
    filed, closed = total(found["box"], "filed_cpu"), total(found["box"], "closed_cpu")
    whole = accounts.whole(filed) + accounts.whole(closed)
    table.heading("2. CPU per filing, ms", "user", "system", "two POSTs", "rest", "share")
    for name in sorted(filed, key=lambda n: accounts.PROGRAMS.index(n) if n in accounts.PROGRAMS else 99):
        user, system = (filed[name][i] + closed[name][i] for i in (0, 1))
        table.row(name, *(number(x / count * MS) for x in (user, system, sum(filed[name]), sum(closed[name]))),
                  f"{(user + system) / whole * 100:.0f} %" if whole else "-")
    table.row("all", *(number(x / count * MS) for x in (sum(filed[n][0] + closed[n][0] for n in filed), sum(filed[n][1] + closed[n][1] for n in filed),
                                                        accounts.whole(filed), accounts.whole(closed))), "100 %")
    records = sum(each["records"] for each in found["box"])
    table.row("records of the journal per filing", number(records / count), f"{sum(each['record_bytes'] for each in found['box']) / records:.0f} bytes")
    table.note("rest: asking for the result once, closing, papers on the share")


def show_calls(table, found):
    table.heading("   Calls per filing", "forks", "threads", "syncs", "connects", "execs")
    for name in accounts.PROGRAMS:
        calls = found["calls"].get(name)
        if calls:
            table.row(name, *(number(calls.get(kind, 0) / found["count"]) for kind in ("fork", "thread", "sync", "connect", "execve")))
    table.note(f"strace -f over {found['count']} filings dropped at once; syncs: fsync and fdatasync")


def show_first_post(table, found):
    table.heading("3. From the end of quiet, idle", *SPREAD)
    for step, values in found["steps"].items():
        table.row(f"record `{step}`", *spread([x * MS for x in values], "ms"))
    table.row("connection accepted", *spread([x * MS for x in found["connected"]], "ms"))
    table.row("head of the first POST read", *spread([x * MS for x in found["begun"]], "ms"))
    table.note(f"{len(found['begun'])} files, one at a time; between both: the TLS handshake, the simulator's part of it included")


def show_memory(table, found):
    idle, above = found["idle"], found["above"]
    for phase, title in (("filing", "4. Memory, MiB: filing"), ("asking", "   asking for all results")):
        table.heading(title, "idle RSS", "idle PSS", "private", "highest RSS", "highest PSS", "processes", "above idle")
        for name in accounts.PROGRAMS:
            work = found[phase].get(name)
            if work and name in idle:
                table.row(name, *(number(x / MIB) for x in (idle[name]["rss"], idle[name]["pss"], idle[name]["private_sum"], work["peak"], work["pss"])),
                          work["count"], number(above[phase][name] / MIB))
    table.note(f"RSS: the largest process; PSS, private: all processes of the program together; {found['count']} filings, seen {found['samples']} times; "
               "above idle: the greater of both differences; asking: `podatelna poll --all`")


def show_slow_token(table, found):
    table.heading("5. Token slowed to 300 ms a signature")
    table.row("the token alone, per second", "", number(found["own"]))
    table.row("box, signatures per second", "", number(found["box"]))
    table.row("box, filings per second", "", number(found["portal"]))
    table.row("signatures : 1/0.3 s", "", f"{found['box'] / found['nominal']:.3f}")
    table.row("filings : 1/0.3 s", "", f"{found['portal'] / found['nominal']:.3f}")
    table.row("longest wait of the token", "", number(found["longest_wait"] * MS, "ms"))
    table.note(f"{found['count']} filings dropped at once, one signature each; from the first beginning of a signature to the last, and the same at the portal")


def show_keys(table, found):
    table.heading("6. Signatures per second, by key", "raw, 1", "ours, 1", "ratio", "raw, 4", "ours, 4", "ratio")
    for kind, label in keys.TYPES:
        cells = []
        for many in (1, keys.FOUR):
            raw, ours = (statistics.median(found[kind][who][many]) for who in ("raw", "ours"))
            cells += [number(raw), number(ours), number(ours / raw)]
        table.row(label, *cells)
    table.note("medians; raw: C_SignInit and C_Sign in one session; ours: podatelna-token making whole CMS signatures (CAdES-BES, checked) over 1 KiB, one after the "
               "other; 4: four tokens, a process each, at once on this machine's cores; SoftHSM")


def show_several(table, found):
    table.heading("7. Several tokens with one role")
    table.row("one token, signatures per second", "", number(found["one"]))
    table.row("four tokens", "", number(found["four"]))
    table.row("four : one", "", f"{found['ratio']:.3f}")
    table.note(f"whole boxes, {found['card_ms']} ms a signature, {found['count']} filings per token dropped at once; to the end of the last signature")


def show_cards(table, found):
    table.heading("8. Cards over pcscd and OpenSC, signatures per second", "raw", "ours", "ratio")
    for kind, label in cards.TYPES:
        for latency, rounds in found["rates"][kind].items():
            raw, ours = (statistics.median(rounds[who]) for who in ("raw", "ours"))
            table.row(f"{label}, card of {latency} ms", number(raw), number(ours), f"{ours / raw:.3f}")
    table.row("box, one card", "", number(found["one"]))
    table.row("box, four cards", "", number(found["four"]), f"{found['ratio']:.3f}")
    table.note(f"virtual PIV cards in vpcd; whole boxes with cards of {found['slow_ms']} ms, {found['per_card']} filings for each card dropped at once")
    table.heading("   until the token is ready", *SPREAD)
    for what, seconds in found["recovery"].items():
        table.row(what, *spread([s * MS for s in seconds], "ms"))
    table.note("keep_pin: nobody enters anything; pcscd itself looks at these readers every 400 ms")


def show_journal(table, found):
    table.heading("9. Journal, records per second", *SPREAD, "CPU each")
    for writers in disk.WRITERS:
        rounds = found[writers]
        table.row(f"{writers} appended + fdatasync", *spread([r["floor"] for r in rounds]))
        table.row(f"{writers} writer{'s' if writers > 1 else ''}", *spread([r["rate"] for r in rounds]), f"{statistics.median(r['cpu'] for r in rounds) * 1e6:.0f} us")
        rounds = found[f"store-{writers}"]
        table.row("the same over the store's socket", *spread([r["rate"] for r in rounds]), f"{statistics.median(r['cpu'] for r in rounds) * 1e6:.0f} us")
    for name, label in (("sqlite-1", "SQLite, 1 writer"), ("sqlite-64", "SQLite, 64 writers"), ("sqlite-rows", "SQLite, 64 rows at once")):
        table.row(label, *spread([r["rate"] for r in found[name]]))
    table.heading("   Ratios", "quartile", "median", "quartile")
    for writers in disk.WRITERS:
        table.row(f"journal : floor, {writers}", *(number(x) for x in statistics.quantiles(disk.ratios(found, writers), n=4)))
    table.row("journal : SQLite, 64", *spread(disk.beside_sqlite(found, 64, ("sqlite-1", "sqlite-64"))))
    table.row("64 : 64 rows of SQLite at once", *spread(disk.beside_sqlite(found, 64, ("sqlite-rows",))))
    table.row("records a flush, 64 at the socket", *spread([r["gathered"] for r in found["store-64"]]))
    table.note(f"store/journal.h in a process of its own beside the floor, both in turns of 0.1 s, ratios of neighbours; records of {found[1][0]['bytes']} bytes, same disk, "
               "both files reserved; 64 writers: 64 records wait for each commit, the floor puts 64 into one write and one fdatasync. "
               f"Such a write and fdatasync took {statistics.median(r['flush'] for r in found[64]) * MS:.2f} ms; the CPU that 64 records need must come on top "
               f"(journal : floor {disk.reachable(found, 64):.2f}, were it nothing else). SQLite from Python, WAL, synchronous=FULL, each record a transaction of its own; "
               "64 writers: as many connections and threads; 64 rows at once: one connection that gathers them, as no two writers of SQLite can. At the socket one process "
               "asks for all writers, a request for each record, and reads the answers and the notices of records that a hub gets; records of the box, CPU of the store")


def show_targets(table, values):
    lines = []
    if "filings" in values:
        filed, closed, looped = costs(values["filings"])
        lines.append(table.verdict("filings per CPU second, box : loop, the same two POSTs", looped / filed, TARGET_RATIO))
        lines.append(table.verdict("the same with result and papers, which the loop does not do", looped / (filed + closed), TARGET_RATIO))
    if "slow token" in values:
        found = values["slow token"]
        lines.append(table.verdict("share of the slowed token's rate", found["box"] / found["nominal"] * 100, TARGET_SLOW * 100, "%"))
    if "several tokens" in values:
        lines.append(table.verdict("four slow tokens beside one", values["several tokens"]["ratio"], TARGET_FOUR))
    if "cards" in values:
        lines.append(table.verdict("four slow cards beside one", values["cards"]["ratio"], TARGET_FOUR))
    if "first POST" in values:
        lines.append(table.verdict("first POST after the end of quiet, median", statistics.median(values["first POST"]["begun"]) * MS,
                                   TARGET_POST_S * MS, "ms", at_least=False))
    if "memory" in values:
        for phase, above in values["memory"]["above"].items():
            worst = max(above, key=above.get)
            lines.append(table.verdict(f"memory above idle while {phase}, most by {worst}", above[worst] / MIB, TARGET_MEMORY / MIB, "MiB", at_least=False))
    if "journal" in values:
        found = values["journal"]
        lines.append(table.verdict("1 writer beside append + fdatasync", statistics.median(disk.ratios(found, 1)) * 100, 90, "%"))
        lines.append(table.verdict("64 writers beside 64 appended + fdatasync", statistics.median(disk.ratios(found, 64)) * 100, 90, "%"))
        lines.append(table.verdict("64 writers beside SQLite, the better of 1 and 64", statistics.median(disk.beside_sqlite(found, 64, ("sqlite-1", "sqlite-64"))), 5))
    if "vrep" in values:
        lines += cssz_table.targets(table, values["vrep"])
    if "scale" in values:
        lines += scale_table.targets(table, values["scale"])
    table.heading("Targets")
    for line in lines:
        table.line("  " + line)
