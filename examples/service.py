"""A web service that reads digits: POST 784 grey levels from 0 to 1 to /digit.

Start it by ``uvicorn service:app``.
"""

import os
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from nndl_ext import Network, load, mnist_loader


def network():
    """The network of a file, if the environment names one, or else one trained now."""
    if path := os.environ.get("DIGITS_NETWORK"):
        return load(path)
    training_data, _, _ = mnist_loader.load_data_wrapper()
    net = Network([784, 30, 10], seed=0, threads=1)
    with redirect_stdout(StringIO()):
        net.SGD(training_data, 5, 10, 3.0)
    return net


class Image(BaseModel):
    """What comes in."""

    pixels: list[float]


class Digit(BaseModel):
    """What goes out."""

    digit: int
    outputs: list[float]


app = FastAPI(title="Digits")
net = network()


@app.post("/digit")
async def digit(image: Image) -> Digit:
    """The digit in an image. It takes microseconds, so it needs no thread."""
    try:
        outputs = net.feedforward(np.array(image.pixels))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return Digit(digit=outputs.argmax(), outputs=outputs.ravel().tolist())
