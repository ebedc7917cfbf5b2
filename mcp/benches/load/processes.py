"""What processes cost, as Linux tells it: CPU time with that of their children, and memory."""
import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Of the process and all below it, those that have ended included."""
    total = 0.0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            total += sum(map(int, fields[11:13]))
    return total / TICKS


def memory_mib(pid: int) -> dict[str, float]:
    """Resident; proportional, where pages that others share count in part; and what is the process's own."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0]) / 1024
    return {name: fields[name] for name in ("Rss", "Pss", "Anonymous")}
