"""straight_dope's data and initial parameters against MXNet 0.11.0, which drew the originals."""
import mxnet_0_11

from d2l_linreg import straight_dope
from d2l_linreg.compat.mxnet import mx, seeded

# Printed by `python tests/mxnet_0_11.py`.
SHA256 = {
    "X": "275368d41ff52e9515022b0a45f52fb6f1cc70f35926052918e667454b700f7e",
    "noise": "a61fd22a5ad60730342706ea1b13e938e47f87e684fdacf9ce46d3e37111d422",
    "y": "ad8d694e8b036931966ed2ba6d5b85dd94bffe6238f02ad164c3a0acf7305419",
    "w": "5e94500b267b7493eda06f3081419efab76dd562995d1f7d9fad8327a605791d",
    "b": "20bbe4e48ddc5f8e276287840713194c052df70ce59b9ec07537956c457babec",
}


def draw():
    with seeded(1):
        X, y = straight_dope.synthetic_data()
        w, b = straight_dope.init_params()
    with seeded(1):  # once more, for the noise that y hides
        mx.np.random.normal(size=(10000, 2))
        noise = mx.np.random.normal(size=(10000,))
    return {name: array.asnumpy() for name, array in dict(X=X, noise=noise, y=y, w=w, b=b).items()}


def test_data_and_parameters_are_those_of_mxnet_0_11():
    assert {name: mxnet_0_11.sha256(array) for name, array in draw().items()} == SHA256


def test_the_recorded_sums_are_what_mxnet_0_11_gives(mxnet_0_11_wheel):
    drawn = mxnet_0_11.run(mxnet_0_11_wheel, mxnet_0_11.STRAIGHT_DOPE)
    assert {name: mxnet_0_11.sha256(array) for name, array in drawn.items()} == SHA256
