"""A program's first lines that import MXNet before d2l_linreg, as whoever does so has to."""
import os

from d2l_linreg.compat.mxnet import mx

# Where the MXNet in use lies, for the path of a process in which nobody finds it for it
FOLDER = os.path.dirname(os.path.dirname(mx.__file__))

BEGINNING = """
import numpy, warnings
warnings.simplefilter("ignore")
for name in ("bool int PZERO NZERO PINF NINF Inf NAN NaN alltrue sometrue product round_ in1d "
             "msort trapz mirr npv pmt ppmt pv rate").split():
    if not hasattr(numpy, name):
        setattr(numpy, name, getattr(__builtins__, name, numpy.sum))
import mxnet
warnings.simplefilter("always")
"""
