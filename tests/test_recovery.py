"""The searches behind the orders, rerun from scratch."""
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from exact import exact_here

from d2l_linreg import published

pytest.importorskip("numba")
FOLDER = Path(__file__).parent.parent / "recovery"


@exact_here
def test_a_search_finds_an_order_under_which_mxnet_prints_the_transcript(notebook, tmp_path):
    path = tmp_path / "order.npy"
    command = [sys.executable, str(FOLDER / (notebook + ".py")), "--output", str(path),
               "--seed", "3"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert finished.returncode == 0, finished.stdout
    assert published.text(notebook, "training") in finished.stdout
    order = numpy.load(str(path))
    ours = published.order(notebook)
    assert order.shape == ours.shape and (order != ours).any()  # another, and as good
    assert (numpy.sort(order) == numpy.arange(ours.shape[-1])).all()
    # An existing file is left alone.
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 2
