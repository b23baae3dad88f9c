"""The logarithms of C libraries, on which normal numbers hang to the last bit.

glibc, the GNU C library, has had two: that of fdlibm, and since 2.27 (February 2018) Arm's.
"""
import numpy

float32 = numpy.float32

# ln 2 as a sum, whose first part ends in zeros, and the coefficients of the polynomial
_LN2_HIGH, _LN2_LOW = float32(6.9313812256e-01), float32(9.0580006145e-06)
_C1, _C2, _C3, _C4, _C5, _C6, _C7 = map(float32, (
    6.6666668653e-01, 4.0000000596e-01, 2.8571429849e-01, 2.2222198546e-01,
    1.8183572590e-01, 1.5313838422e-01, 1.4798198640e-01))
_SQRT_HALF = 0x3f3504e0  # the least 1 + f, as a float32's bits


# Arm's: ln 2, the polynomial's coefficients, and for 16 c the numbers 1 / c and log(c)
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_A0, _A1, _A2 = map(float.fromhex, (
    "-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2"))
_OF_C = numpy.array([(float.fromhex(inverse), float.fromhex(log)) for inverse, log in (
    ("0x1.661ec79f8f3bep+0", "-0x1.57bf7808caadep-2"),
    ("0x1.571ed4aaf883dp+0", "-0x1.2bef0a7c06ddbp-2"),
    ("0x1.49539f0f010bp+0", "-0x1.01eae7f513a67p-2"),
    ("0x1.3c995b0b80385p+0", "-0x1.b31d8a68224e9p-3"),
    ("0x1.30d190c8864a5p+0", "-0x1.6574f0ac07758p-3"),
    ("0x1.25e227b0b8eap+0", "-0x1.1aa2bc79c81p-3"),
    ("0x1.1bb4a4a1a343fp+0", "-0x1.a4e76ce8c0e5ep-4"),
    ("0x1.12358f08ae5bap+0", "-0x1.1973c5a611cccp-4"),
    ("0x1.0953f419900a7p+0", "-0x1.252f438e10c1ep-5"),
    ("0x1p+0", "0x0p+0"),
    ("0x1.e608cfd9a47acp-1", "0x1.aa5aa5df25984p-5"),
    ("0x1.ca4b31f026aap-1", "0x1.c5e53aa362eb4p-4"),
    ("0x1.b2036576afce6p-1", "0x1.526e57720db08p-3"),
    ("0x1.9c2d163a1aa2dp-1", "0x1.bc2860d22477p-3"),
    ("0x1.886e6037841edp-1", "0x1.1058bc8a07ee1p-2"),
    ("0x1.767dcf5534862p-1", "0x1.4043057b6ee09p-2"))]).T
_LEAST_Z = 0x3f330000  # about 0.7, as a float32's bits


def logf_before_2018(x: numpy.ndarray) -> numpy.ndarray:
    """The natural logarithm as glibc computed it until 2.26, which is fdlibm's.

    x is 2**k (1 + f), with 1 + f from about sqrt(1/2) to sqrt(2). For s = f / (2 + f), log(1 + f)
    is f - s (f - R), or f - (h - s (h + R)) with h = f**2 / 2, where R is a polynomial in s**2;
    the second form serves where 1 + f is about 1.4 or 0.7. fdlibm has a third, for |f| below
    2**-20, which gives nothing else for any float32 from 2**-50 to 1, and is left out.

    Written anew; method and constants are those of fdlibm's e_log.c, copyright 1993 by Sun
    Microsystems, Inc., free to use, copy, modify and distribute with that notice, and of its
    float32 version e_logf.c by Ian Lance Taylor, Cygnus Support.

    Parameters
    ----------
    x : numpy.ndarray of float32, shape (n,)
        From 2**-50 to 1; the polar method has none outside.

    Returns
    -------
    numpy.ndarray of float32, shape (n,)
    """
    bits = x.view(numpy.int32)
    exponent = bits - _SQRT_HALF >> 23
    f = (bits - (exponent << 23)).view(float32) - float32(1)
    k = exponent.astype(float32)
    high, low = k * _LN2_HIGH, k * _LN2_LOW
    s = f / (float32(2) + f)
    z = s * s
    w = z * z
    R = w * (_C2 + w * (_C4 + w * _C6)) + z * (_C1 + w * (_C3 + w * (_C5 + w * _C7)))
    log = high - ((s * (f - R) - low) - f)
    mantissa = bits & 0x7fffff
    second = numpy.flatnonzero((mantissa >= 0x30a3d0) & (mantissa <= 0x35c288))
    f, s, R = f[second], s[second], R[second]
    h = float32(0.5) * f * f
    log[second] = high[second] - ((h - (s * (h + R) + low[second])) - f)
    return log


def logf_since_2018(x: numpy.ndarray) -> numpy.ndarray:
    """The natural logarithm as glibc computes it since 2.27, which is Arm's.

    x is 2**k z, with z from about 0.7 to 1.4, and c near z, one of 16: log(x) is
    k log(2) + log(c) + log(1 + r), with r = z / c - 1, whose last part is a polynomial. All that in
    float64, and then rounded. Fused multiply-adds or not made no difference, for any float32 from
    2**-50 to 1.

    Written anew; method and constants are those of logf.c of Arm's optimized routines, copyright
    2017 to 2018 by Arm Limited, MIT licence.

    Parameters
    ----------
    x : numpy.ndarray of float32, shape (n,)
        Normal numbers.

    Returns
    -------
    numpy.ndarray of float32, shape (n,)
    """
    bits = x.view(numpy.int32)
    above = bits - _LEAST_Z
    k = above >> 23
    inverse, log = _OF_C[:, (above >> 19) & 15]
    r = (bits - (k << 23)).view(float32).astype("float64") * inverse - 1
    r2 = r * r
    return ((_A0 * r2 + (_A1 * r + _A2)) * r2 + ((log + k * _LN2) + r)).astype("float32")


LOGF = {"before 2018": logf_before_2018, "since 2018": logf_since_2018}
