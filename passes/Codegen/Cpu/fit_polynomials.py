#!/usr/bin/env python3
"""Finds the polynomial coefficients of ExpandMath*.cpp.

Remez exchange in 60 digits (needs mpmath), then the coefficients are rounded to
the element type one at a time from the lowest, the higher ones taking over what
each rounding lost, so that the errors do not add up. Prints C++ arrays, lowest degree
first, with the largest weighted error of each as a power of two.
"""
import struct
import sys

from mpmath import cos, erf, erfc, linspace, log, lu_solve, matrix, mp, mpf, pi, sqrt, tanh

mp.dps = 60


def round_to(value, bits):
    """The nearest float32 or float64."""
    if bits == 64:
        return mpf(float(value))
    return mpf(struct.unpack('f', struct.pack('f', float(value)))[0])


def remez(f, weight, lo, hi, degree):
    """The coefficients of the polynomial p that minimises max |weight*(f - p)|
    on [lo, hi], and that maximum."""
    n = degree + 2
    nodes = [(lo + hi) / 2 + (hi - lo) / 2 * cos(pi * (2 * (n - 1 - i) + 1) / (2 * n)) for i in range(n)]
    grid = linspace(lo, hi, 40 * n)
    values = [(x, weight(x), f(x)) for x in grid]
    for _ in range(30):
        a, b = matrix(n, n), matrix(n, 1)
        for row, x in enumerate(nodes):
            w = weight(x)
            for k in range(degree + 1):
                a[row, k] = w * x**k
            a[row, degree + 1] = (-1)**row
            b[row] = w * f(x)
        solution = lu_solve(a, b)
        coefficients = [solution[k] for k in range(degree + 1)]
        errors = [w * (y - evaluate(coefficients, x)) for x, w, y in values]
        # One extremum of each run of equal sign.
        extrema, run = [], [0]
        for i in range(1, len(grid)):
            if errors[i] * errors[run[-1]] < 0:
                extrema.append(max(run, key=lambda k: abs(errors[k])))
                run = []
            run.append(i)
        extrema.append(max(run, key=lambda k: abs(errors[k])))
        while len(extrema) > n:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        worst = max(abs(e) for e in errors)
        if len(extrema) < n or worst < abs(solution[degree + 1]) * mpf('1.01'):
            break
        nodes = [grid[i] for i in extrema]
    return coefficients, worst


def evaluate(coefficients, x):
    p = mpf(0)
    for c in reversed(coefficients):
        p = p * x + c
    return p


def fit(name, f, weight, lo, hi, degree, bits):
    lo, hi = mpf(lo), mpf(hi)
    coefficients, ideal = remez(f, weight, lo, hi, degree)
    count = 8 * (degree + 2)
    nodes = [(lo + hi) / 2 + (hi - lo) / 2 * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    for k in range(degree + 1):
        rounded = round_to(coefficients[k], bits)
        lost = coefficients[k] - rounded
        coefficients[k] = rounded
        if k == degree:
            break
        # Least squares: the higher terms take over what rounding this one lost.
        free = degree - k
        a, b = matrix(free, free), matrix(free, 1)
        for x in nodes:
            w2 = weight(x)**2
            powers = [x**(k + 1 + j) for j in range(free)]
            for i in range(free):
                b[i] += w2 * powers[i] * lost * x**k
                for j in range(free):
                    a[i, j] += w2 * powers[i] * powers[j]
        delta = lu_solve(a, b)
        for j in range(free):
            coefficients[k + 1 + j] += delta[j]
    worst = max(abs(weight(x) * (f(x) - evaluate(coefficients, x))) for x in linspace(lo, hi, 2000))
    print(f'// {name}: degree {degree} on [{float(lo):.4g}, {float(hi):.4g}], '
          f'error 2^{float(log(worst, 2)):.1f} (unrounded 2^{float(log(ideal, 2)):.1f})')
    suffix = 'f' if bits == 32 else ''
    print(f'{name}{bits} = ' + '{' + ', '.join(float(c).hex() + suffix for c in coefficients) + '};', flush=True)


def series(terms):
    """A function given by its Taylor series at 0: sum terms(k) x^k."""
    return lambda x: sum(terms(k) * x**k for k in range(60))


def factorial(n):
    r = mpf(1)
    for i in range(2, n + 1):
        r *= i
    return r


half_ln2 = log(mpf(2)) / 2 * mpf('1.001')
z_log = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1))**2 * mpf('1.001')
z_trig = (pi / 4)**2 * mpf('1.001')

# expm1(r) = r + r^2 q(r); the weight asks for small error relative to r.
exp_q = series(lambda k: 1 / factorial(k + 2))
# log(1+f) = 2 atanh(s) = 2 s + s z L(z), z = s^2, s = f / (2+f).
log_l = series(lambda k: mpf(2) / (2 * k + 3))
# The same after the second term, for pow: 2 s + 2/3 s z + s z^2 P(z).
pow_p = series(lambda k: mpf(2) / (2 * k + 5))
sin_s = series(lambda k: (-1)**(k + 1) / factorial(2 * k + 3))
cos_c = series(lambda k: (-1)**k / factorial(2 * k + 4))


def erf_small(z):
    """erf(x)/x - 1 as a function of z = x^2."""
    if z == 0:
        return 2 / sqrt(pi) - 1
    x = sqrt(z)
    return erf(x) / x - 1


def erf_large(a):
    """erf(a) = 1 - p(a)^8."""
    return erfc(a)**(mpf(1) / 8)


def tanh_small(z):
    """tanh(r) = r + r z T(z), z = r^2."""
    if z == 0:
        return -mpf(1) / 3
    x = sqrt(z)
    return (tanh(x) / x - 1) / z


FITS = {
    # The floor of the weight keeps the system solvable with a node at 0.
    'kExp': lambda b: fit('kExp', exp_q, lambda r: r**2 + mpf('1e-3'), -half_ln2, half_ln2, {32: 4, 64: 9}[b], b),
    'kExpm1': lambda b: fit('kExpm1', exp_q, lambda r: max(abs(r), mpf('1e-2')), -half_ln2, half_ln2,
                            {32: 5, 64: 10}[b], b),
    'kLog': lambda b: fit('kLog', log_l, lambda z: z, mpf('1e-12'), z_log, {32: 3, 64: 6}[b], b),
    'kPowLog': lambda b: b == 64 and fit('kPowLog', pow_p, lambda z: z**2, mpf('1e-8'), z_log, 6, b),
    # For pow of f32, computed in f64: log2(m) = s P(z), and 2^r.
    'kPowLog2': lambda b: b == 64 and fit('kPowLog2', lambda z: sum(mpf(2) / (2 * k + 1) * z**k for k in range(60)) / log(mpf(2)),
                              lambda z: mpf(1), 0, z_log, 4, b),
    'kPowExp2': lambda b: b == 64 and fit('kPowExp2', lambda r: mpf(2)**r, lambda r: mpf(2)**-r, mpf('-0.5005'),
                                          mpf('0.5005'), 6, b),
    'kSin': lambda b: fit('kSin', sin_s, lambda z: z, mpf('1e-12'), z_trig, {32: 2, 64: 5}[b], b),
    'kCos': lambda b: fit('kCos', cos_c, lambda z: z**2, mpf('1e-8'), z_trig, {32: 2, 64: 5}[b], b),
    'kTanh': lambda b: fit('kTanh', tanh_small, lambda z: z, mpf('1e-12'), mpf('0.2565')**2, {32: 2, 64: 6}[b], b),
    'kErfSmall': lambda b: fit('kErfSmall', erf_small, lambda z: mpf(1), 0,
                               ({32: mpf('1.125'), 64: mpf('1.25')}[b] * mpf('1.002'))**2, {32: 6, 64: 14}[b], b),
    'kErfLarge': lambda b: fit('kErfLarge', erf_large, lambda a: 8 * erfc(a)**(mpf(7) / 8) / erf(a),
                               {32: mpf('1.125'), 64: mpf('1.25')}[b], {32: mpf(4), 64: mpf(6)}[b],
                               {32: 6, 64: 18}[b], b),
}

if __name__ == '__main__':
    for name in sys.argv[1:] or FITS:
        for bits in (32, 64):
            FITS[name](bits)
