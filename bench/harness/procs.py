"""Processes: started on one CPU, measured with all their children, ended with all their children."""
import os
import signal
import socket
import subprocess
import time

PROXY_CPU, LOAD_CPU = "0", "1"
TICKS = os.sysconf("SC_CLK_TCK")


def start(name, command, directory, cpu, port, environment=None):
    """Starts `command` alone on `cpu` and waits until `port` of 127.0.0.1 answers."""
    log = open(directory / f"{name}.log", "w")
    process = subprocess.Popen(
        ["taskset", "-c", cpu, *map(str, command)], stdout=log, stderr=subprocess.STDOUT,
        cwd=directory, env={**os.environ, **(environment or {})}, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.3).close()
            return process
        except OSError:
            time.sleep(0.01)
    stop(process)
    raise RuntimeError(f"{name} did not start:\n{open(log.name).read()[-2000:]}")


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(15)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(pid):
    """The process and all that came of it."""
    found = [pid]
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and int(stat(entry)[1]) == pid:
                found += tree(int(entry))
        except (OSError, IndexError):
            pass
    return found


def stat(path):
    """The fields of /proc/PATH/stat behind the name, which may hold anything."""
    with open(f"/proc/{path}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def cpu_seconds(pids):
    """User and system time so far, in nanoseconds where the kernel keeps them, else in ticks."""
    total = 0.0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                path = f"{pid}/task/{task}"
                try:
                    with open(f"/proc/{path}/schedstat") as file:
                        total += int(file.read().split()[0]) / 1e9
                except (OSError, IndexError):
                    fields = stat(path)
                    total += (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            pass
    return total


def memory_kib(pids):
    """Proportional set size: shared pages are counted once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return total
