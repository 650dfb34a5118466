"""Measure how long the service of service.py takes to answer a row over a real socket.

``python load.py [clients] [requests of each]``
"""

import asyncio
import sys
import threading
import time

import httpx
import uvicorn
from service import app

from nndl_ext import mnist_loader

clients, requests = (int(argument) for argument in (*sys.argv[1:], 4, 250)[:2])


async def ask(address, images, times):
    """One client, which sends one image after the other; return the number of right answers."""
    right = 0
    async with httpx.AsyncClient(base_url=address, timeout=10) as client:
        for x, y in images:
            body = {"pixels": x.ravel().tolist()}
            start = time.perf_counter()
            answer = await client.post("/digit", json=body)
            times.append(time.perf_counter() - start)
            right += answer.raise_for_status().json()["digit"] == y
    return right


async def ask_all(address):
    """Run all clients at once; return the number of right answers and the sorted times."""
    _, _, test_data = mnist_loader.load_data_wrapper()
    shares = [test_data[k * requests : (k + 1) * requests] for k in range(clients)]
    times = []
    right = await asyncio.gather(*(ask(address, share, times) for share in shares))
    return sum(right), sorted(times)


server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started and thread.is_alive():
    time.sleep(0.01)
port = server.servers[0].sockets[0].getsockname()[1]
right, times = asyncio.run(ask_all(f"http://127.0.0.1:{port}"))
server.should_exit = True
thread.join(10)

print(f"{len(times)} answers by {clients} clients at once, {right / len(times):.1%} right")
for part in (0.5, 0.99):
    print(f"p{part * 100:.0f} {1000 * times[int(part * (len(times) - 1))]:.2f} ms")
