"""The logarithm of C libraries until 2018, on which normal numbers hang to the last bit."""
import numpy

float32 = numpy.float32

# ln 2 as a sum, whose first part ends in zeros, and the coefficients of the polynomial
_LN2_HIGH, _LN2_LOW = float32(6.9313812256e-01), float32(9.0580006145e-06)
_C1, _C2, _C3, _C4, _C5, _C6, _C7 = map(float32, (
    6.6666668653e-01, 4.0000000596e-01, 2.8571429849e-01, 2.2222198546e-01,
    1.8183572590e-01, 1.5313838422e-01, 1.4798198640e-01))
_SQRT_HALF = 0x3f3504e0  # the least 1 + f, as a float32's bits


def logf(x: numpy.ndarray) -> numpy.ndarray:
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
