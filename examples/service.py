"""A web service that reads digits: POST 784 grey levels from 0 to 1 to /digit.

Start it with ``uvicorn service:app``.
"""

import os
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from nndl_ext import Network, load, mnist_loader


def network():
    """Load the network from the file that DIGITS_NETWORK names, or train one."""
    if path := os.environ.get("DIGITS_NETWORK"):
        return load(path)
    training_data, _, _ = mnist_loader.load_data_wrapper()
    net = Network([784, 30, 10], seed=0, threads=1)
    with redirect_stdout(StringIO()):
        net.SGD(training_data, 5, 10, 3.0)
    return net


class Image(BaseModel):
    """A request."""

    pixels: list[float]


class Digit(BaseModel):
    """An answer."""

    digit: int
    outputs: list[float]


app = FastAPI(title="Digits")
net = network()


@app.post("/digit")
async def digit(image: Image) -> Digit:
    """Read the digit in an image. This takes microseconds, so it needs no thread."""
    try:
        outputs = net.feedforward(np.array(image.pixels))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return Digit(digit=outputs.argmax(), outputs=outputs.ravel().tolist())
