/* What C libraries computed until 2018, for LD_PRELOAD: the two functions that MXNet asks for in
 * its normal numbers and in `** 2`. Written from the method that fdlibm publishes in e_logf.c and
 * e_powf.c (Copyright (C) 1993 by Sun Microsystems, Inc.). Compile without contraction. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

static float old_logf(float x)
{
    int32_t bits, k;
    memcpy(&bits, &x, sizeof bits);
    if (bits < 0x00800000 || bits >= 0x7f800000) { /* 0, below, subnormal, inf, nan: not asked for */
        float (*next)(float) = (float (*)(float))dlsym(RTLD_NEXT, "logf");
        return next(x);
    }
    k = (bits >> 23) - 127;
    int32_t m = bits & 0x007fffff, doubled = (m + 0x4afb20) & 0x00800000;
    bits = m | (doubled ^ 0x3f800000);
    k += doubled >> 23;
    memcpy(&x, &bits, sizeof x);
    float f = x - 1.0f, dk = (float)k;
    float high = dk * 6.9313812256e-01f, low = dk * 9.0580006145e-06f;
    if (((m + 15) & 0x007fffff) < 16) { /* |f| < 2**-20 */
        float R = f * f * (0.5f - 0.33333333333333333f * f);
        return high - ((R - low) - f);
    }
    float s = f / (2.0f + f), z = s * s, w = z * z;
    float odd = z * (6.6666668653e-01f
                     + w * (2.8571429849e-01f + w * (1.8183572590e-01f + w * 1.4798198640e-01f)));
    float even = w * (4.0000000596e-01f + w * (2.2222198546e-01f + w * 1.5313838422e-01f));
    float R = even + odd;
    if (m >= 0x30a3d0 && m <= 0x35c288) {
        float h = 0.5f * f * f;
        return high - ((h - (s * (h + R) + low)) - f);
    }
    return high - ((s * (f - R) - low) - f);
}

float logf(float x) { return old_logf(x); }

float powf(float x, float y)
{
    if (y == 2.0f)
        return x * x;
    float (*next)(float, float) = (float (*)(float, float))dlsym(RTLD_NEXT, "powf");
    return next(x, y);
}

void old_logf_of(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = old_logf(x[i]);
}

/* And what they compute now */
void next_logf_of(const float *x, float *y, int64_t n)
{
    float (*next)(float) = (float (*)(float))dlsym(RTLD_DEFAULT, "logf");
    for (int64_t i = 0; i < n; i++)
        y[i] = next(x[i]);
}
