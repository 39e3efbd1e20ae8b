"""Tables in Markdown: medians, spread, and the ratio to the best peer."""
from statistics import median

# suite: (column that is compared, its unit, further columns)
COLUMNS = {
    "bridge": ("us", "CPU µs/request", (("rps", "requests/s", 0), ("kib", "memory KiB", 0))),
    "idle": ("bytes", "bytes/connection", (("base_kib", "base KiB", 0),)),
    "routes": ("us", "CPU µs/request", (("load_ms", "start to last route, ms", 0), ("change_ms", "one change applied, ms", 1))),
    "cluster": ("change_ms", "changed endpoint to first answer, ms", (
        ("cpu_ms", "CPU of a change, ms", 1), ("ready_ms", "lists to first answer, ms", 0),
        ("mib", "resident, MiB", 1), ("peak_mib", "at most, MiB", 1))),
}
# Suites that compare ours with ours.
WITHIN = ("routes", "cluster")


def facts_table(facts):
    rows = [(key, value) for key, value in facts.items() if key != "peers"]
    rows += list(facts["peers"].items())
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)])


def table(suite, cases):
    key, unit, more = COLUMNS[suite]
    lines = []
    for case, rows in cases.items():
        lines += ["", f"### {case}", ""]
        heads = ["", unit, "least–most", "to the other" if suite in WITHIN else "to the best peer", *(head for _, head, _ in more)]
        lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for name, row in sorted(rows.items(), key=lambda item: median(item[1][key])):
            others = [median(other[key]) for peer, other in rows.items() if compared(suite, name, peer)]
            ratio = f"{median(row[key]) / min(others):.2f}" if others else "-"
            cells = [name, f"{median(row[key]):.1f}", f"{min(row[key]):.1f}–{max(row[key]):.1f}", ratio]
            cells += [f"{median(row[column]):.{digits}f}" for column, _, digits in more]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def compared(suite, name, peer):
    """Ours is held against the best of the others; routes against fewer routes."""
    return peer != name and (suite in WITHIN or not peer.startswith("viaduct"))
