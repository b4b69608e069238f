"""What the kernel counts of a process's memory."""

from pathlib import Path


def memory(name: str, process: int | str = "self") -> int:
    """Kilobytes: VmRSS is what a process holds, VmHWM the most that it ever held.

    Args:
        name: as /proc names it.
        process: whose; this one's, if none is named.
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0])
