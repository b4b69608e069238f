"""Many readers at once: `python -m bench.sessions`.

The real server on a run of random numbers, and readers who each open page after page in a session
of their own, over its websocket as a browser does: pictures, layers of one, new filters, curves,
heads. A time is from the request to the end of the script, as the server says it.
"""

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.memory import memory
from bench.synthetic_run import N_LAYERS, image_id, write_run
from store.publish import publish

_SAMPLE = 512
Visit = tuple[str, dict[str, str]]
"""A page, and the parameters of its link."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print p50, p95 and the longest time of one reader alone and of all at once, by page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--visits", type=int, default=12)
    parser.add_argument("--images", type=int, default=2000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="peel-bench-") as folder:
        results = Path(folder)
        publish(write_run(results, options.images, _SAMPLE))
        with _serve(results) as (address, pid):
            cores = os.cpu_count()
            print(f"\n{options.images:,} images, {cores} cores; {options.visits} visits a reader")
            asyncio.run(_readers(address, 1, 5, "to warm up"))
            for readers in (1, options.readers):
                before = _processor_seconds(pid)
                asyncio.run(_readers(address, readers, options.visits, f"{readers} at once"))
                each = (_processor_seconds(pid) - before) / (readers * options.visits)
                print(f"  processor time of the server: {each:.3f} s a visit")
            print(f"peak memory of the server {memory('VmHWM', pid) / 1e6:.2f} GB")


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _serve(results: Path) -> Iterator[tuple[str, int]]:
    """The dashboard's server on a free port: its websocket's address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    server = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"],
        env={**os.environ, "PEEL_RESULTS": str(results), "PYTHONPATH": "."},
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"ws://127.0.0.1:{port}/_stcore/stream", server.pid
    finally:
        server.terminate()
        server.wait(20)


async def _readers(address: str, readers: int, visits: int, what: str) -> None:
    begun = time.perf_counter()
    each = await asyncio.gather(
        *(_read(address, random.Random(f"{readers} {i}"), visits) for i in range(readers))
    )
    took = time.perf_counter() - begun
    times = [pair for one in each for pair in one]
    print(f"{what}: {len(times)} visits in {took:.1f} s")
    for page in ("", *sorted({page for page, _ in times})):
        mine = sorted(seconds for name, seconds in times if page in ("", name))
        p95 = mine[min(len(mine) - 1, int(0.95 * len(mine)))]
        print(
            f"  {page or 'all':<12}{len(mine):>5} visits: p50 {statistics.median(mine):6.2f} s, "
            f"p95 {p95:6.2f} s, longest {mine[-1]:6.2f} s",
            flush=True,
        )


async def _read(address: str, chance: random.Random, visits: int) -> list[tuple[str, float]]:
    """One reader's visits, one after the other: page and seconds."""
    times = []
    protocols = [Subprotocol("streamlit")]
    async with connect(address, subprotocols=protocols, max_size=None) as socket_:
        for page, parameters in _visits(chance, visits):
            begun = time.perf_counter()
            await _visit(socket_, page, parameters)
            times.append((page, time.perf_counter() - begun))
    return times


async def _visit(connection: ClientConnection, page: str, parameters: dict[str, str]) -> None:
    request = BackMsg()
    request.rerun_script.query_string = urlencode(parameters)
    request.rerun_script.page_script_hash = "" if page == "images" else calc_hash(page)
    await connection.send(request.SerializeToString())
    while True:
        message = await connection.recv()
        assert isinstance(message, bytes)
        answer = ForwardMsg.FromString(message)
        if answer.WhichOneof("type") == "script_finished":
            if answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return
            if answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                raise RuntimeError(f"{page} {parameters} ended with an error")


def _visits(chance: random.Random, count: int) -> Iterator[Visit]:
    """What a reader opens: half of it layers of pictures, the rest filters and other pages."""
    for i in range(count):
        if i % 2:
            layer, head = chance.randint(1, N_LAYERS), chance.randrange(16)
            image = image_id(chance.randrange(_SAMPLE))
            yield "image", {"image": image, "layer": str(layer), "head": str(head)}
        elif i % 6 == 4:
            yield chance.choice(("layers", "heads", "interventions", "runs")), {}
        else:
            threshold, layer = chance.uniform(0.2, 0.8), chance.randint(0, N_LAYERS)
            filters = f"rouge_l:final@{layer} < {threshold:.3f}; in_sample > 0"
            yield "images", {"filter": filters}


if __name__ == "__main__":
    main()
