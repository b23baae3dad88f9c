"""straight_dope's data and initial parameters against MXNet 0.11.0, which drew the originals.

Beneath it is the `logf` of then: see fdlibm.c.
"""
import old_mxnet

from d2l_linreg import straight_dope
from d2l_linreg.compat.streams import seeded, stream

# Printed by `python tests/old_mxnet.py`.
SHA256 = {
    "X": "957064f87b7bd8dd1a048734dd943be2d1dcdf6b29a3f802d6ae5332cb51d01f",
    "noise": "ed5bf08111d9998aa6cc60fe0041f61b2935dfa6b152952a515b42bda0d06015",
    "y": "b9bbe0b5476526dac8b71df693d35dbda721d18fed023abb210565f9403ae782",
    "w": "5e94500b267b7493eda06f3081419efab76dd562995d1f7d9fad8327a605791d",
    "b": "20bbe4e48ddc5f8e276287840713194c052df70ce59b9ec07537956c457babec",
}


def draw():
    with seeded(1):
        X, y = straight_dope.synthetic_data()
        w, b = straight_dope.init_params()
    with seeded(1):  # once more, for the noise that y hides
        stream("nd").normal((10000, 2))
        noise = stream("nd").normal((10000,))
    return dict({name: array.asnumpy() for name, array in dict(X=X, y=y, w=w, b=b).items()},
                noise=noise)


def test_data_and_parameters_are_those_of_mxnet_0_11():
    assert {name: old_mxnet.sha256(array) for name, array in draw().items()} == SHA256


def test_the_recorded_sums_are_what_mxnet_0_11_gives(mxnet_0_11_wheel, old_libm):
    drawn = old_mxnet.run(mxnet_0_11_wheel, old_mxnet.STRAIGHT_DOPE, LD_PRELOAD=str(old_libm))
    assert {name: old_mxnet.sha256(array) for name, array in drawn.items()} == SHA256
