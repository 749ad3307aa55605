#!/usr/bin/env python3
"""attribution/stats against the same written again: from the definitions, by brute force where that
is possible, in another language, with the standard library alone. Random cases, fixed seed. TAP.
"""
import itertools
import math
import random
import statistics
import subprocess
import sys
from fractions import Fraction

PROGRAM = sys.argv[1]
NORMAL = statistics.NormalDist()
Z = NORMAL.inv_cdf(0.975)
CASES = 60
tests = []


def test(function):
    tests.append(function)
    return function


def ask(lines):
    done = subprocess.run([PROGRAM], input="".join(" ".join(map(repr_of, line)) + "\n" for line in lines),
                          capture_output=True, text=True, check=True)
    return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]


def repr_of(word):
    return word if isinstance(word, str) else repr(word)


def compare(lines, expected, tolerance=1e-9):
    answers = ask(lines)
    assert len(answers) == len(lines) == len(expected)
    for line, got, wanted in zip(lines, answers, expected):
        assert len(got) == len(wanted), (line, got, wanted)
        for a, b in zip(got, wanted):
            same = math.isnan(a) and math.isnan(b)
            assert same or abs(a - b) <= tolerance * max(1, abs(b)), (line, got, wanted)


def wilson(successes, trials):
    """The two roots of (p - x)^2 = z^2 x (1 - x) / n, by bisection: no formula shared."""
    p = successes / trials
    def off(x):
        return (p - x) ** 2 - Z * Z * x * (1 - x) / trials
    def root(low, high):  # off(low) > 0 >= off(high)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if off(middle) > 0 else (low, middle)
        return (low + high) / 2
    return p, (0.0 if successes == 0 else root(0.0, p)), (1.0 if successes == trials else root(1.0, p))


@test
def wilson_bounds_are_the_roots_of_the_score_equation(rng):
    lines = []
    for _ in range(CASES):
        n = rng.randint(1, 300)
        lines.append(["wilson", rng.randint(0, n), n])
    compare(lines, [wilson(a, n) for _, a, n in lines], 1e-7)


@test
def newcombe_combines_them_by_their_squares(rng):
    lines, expected = [], []
    for _ in range(CASES):
        n, m = rng.randint(1, 200), rng.randint(1, 200)
        a, b = rng.randint(0, n), rng.randint(0, m)
        p, low_p, high_p = wilson(a, n)
        q, low_q, high_q = wilson(b, m)
        lines.append(["newcombe", a, n, b, m])
        expected.append([p - q, p - q - math.sqrt((p - low_p) ** 2 + (high_q - q) ** 2),
                         p - q + math.sqrt((high_p - p) ** 2 + (q - low_q) ** 2)])
    compare(lines, expected, 1e-7)


@test
def the_normal_distribution_is_the_standard_librarys(rng):
    lines = [["normal", rng.uniform(-6, 6), rng.uniform(1e-9, 1 - 1e-9)] for _ in range(CASES)]
    lines += [["normal", 0.0, p] for p in (1e-12, 1e-5, 0.02425, 0.074, 0.5, 0.926, 1 - 1e-9)]
    compare(lines, [[NORMAL.cdf(z), NORMAL.inv_cdf(p)] for _, z, p in lines], 1e-9)


def student_tail(t, freedom):
    """P(|T| > t) by Simpson's rule over the angle: with t = sqrt(v) tan(a) the density is that of
    cos(a)^(v-1)."""
    steps = 20000
    def area(low, high):
        width = (high - low) / steps
        total = 0.0
        for i in range(steps + 1):
            weight = 1 if i in (0, steps) else 4 if i % 2 else 2
            total += weight * math.cos(low + i * width) ** (freedom - 1)
        return total * width / 3
    edge = math.atan(abs(t) / math.sqrt(freedom))
    return area(edge, math.pi / 2) / area(0, math.pi / 2)


@test
def students_tail_is_the_integral_of_its_density(rng):
    lines, expected = [], []
    for freedom in (1, 2, 3, 7, 24, 96, 400):
        t = rng.uniform(0.1, 4)
        (p, quantile), = ask([["student", t, freedom, 0.975]])
        assert abs(p - student_tail(t, freedom)) < 1e-8, (t, freedom, p)
        assert abs(student_tail(quantile, freedom) - 0.05) < 1e-8, (freedom, quantile)
        lines.append(["student", -t, freedom, 0.025])
        expected.append([p, -quantile])
    compare(lines, expected)


def sums(cases):
    return [len(cases), *(math.fsum(f(y, x) for y, x in cases) for f in (
        lambda y, x: y, lambda y, x: x, lambda y, x: y * y, lambda y, x: x * y, lambda y, x: x * x))]


def variance_of_ratio(cases):
    """Delta method from the cases themselves: the variance of their linearised shares."""
    total_x = sum(x for _, x in cases)
    ratio = sum(y for y, _ in cases) / total_x
    n = len(cases)
    shares = [n * (y - ratio * x) / total_x for y, x in cases]
    return ratio, statistics.variance(shares) / n


def draw_cases(rng):
    cases = [(rng.expovariate(1), float(rng.random() < 0.7)) for _ in range(rng.randint(2, 80))]
    return cases if any(x for _, x in cases) else [(1.0, 1.0), *cases]


@test
def ratios_and_their_differences_have_the_variance_of_linearised_cases(rng):
    lines, expected = [], []
    for _ in range(CASES):
        a, b = draw_cases(rng), draw_cases(rng)
        (p, v), (q, w) = variance_of_ratio(a), variance_of_ratio(b)
        half = Z * math.sqrt(v)
        lines.append(["ratio", *sums(a)])
        expected.append([p, p - half, p + half])
        half = Z * math.sqrt(v + w)
        lines.append(["difference", *sums(a), *sums(b)])
        expected.append([p - q, p - q - half, p - q + half])
    compare(lines, expected, 1e-7)


@test
def quantiles_are_those_of_the_standard_library(rng):
    lines, expected = [], []
    for _ in range(CASES):
        values = [rng.gauss(0, 5) for _ in range(rng.randint(2, 50))]
        cuts = statistics.quantiles(values, n=40, method="inclusive")
        at = rng.randint(1, 39)
        lines.append(["quantile", at / 40, len(values), *values])
        expected.append([cuts[at - 1]])
    compare(lines, expected)


@test
def false_discovery_is_the_least_level_that_rejects(rng):
    """Step up at level q rejects the k smallest, k the last with p(k) <= k q / n; q of test i is
    the least of the candidate levels n p(k) / k at which i is rejected."""
    lines, expected = [], []
    for _ in range(CASES):
        p = [round(rng.random() ** 3, rng.choice([1, 3])) for _ in range(rng.randint(1, 14))]
        n, order = len(p), sorted(p)
        levels = sorted({Fraction(value) * n / (k + 1) for k, value in enumerate(order)} | {Fraction(1)})
        def rejected(q):
            most = max((k + 1 for k in range(n) if Fraction(order[k]) * n <= (k + 1) * q), default=0)
            return order[most - 1] if most else -1
        lines.append(["discovery", n, *p])
        expected.append([float(min(q for q in levels if value <= rejected(q))) for value in p])
    compare(lines, expected)


@test
def sample_sizes_are_the_formula(rng):
    lines, expected = [], []
    for _ in range(CASES):
        p, q = round(rng.uniform(0.05, 0.95), 3), round(rng.uniform(0.05, 0.95), 3)
        margin, power = round(rng.uniform(0.01, 0.2), 3), round(rng.uniform(0.5, 0.99), 2)
        z = NORMAL.inv_cdf(power)
        room = p - q + margin
        least = 0 if room <= 1e-12 else math.ceil((Z + z) ** 2 * (p * (1 - p) + q * (1 - q)) / room ** 2)
        lines.append(["sizes", p, q, margin, power])
        expected.append([least])
    compare(lines, expected, 1e-12)


@test
def corners_of_a_hull_are_the_points_no_chord_covers(rng):
    lines, expected = [], []
    for _ in range(CASES):
        n = rng.randint(1, 12)
        x = sorted(rng.randint(0, 9) for _ in range(n))
        y = [rng.randint(0, 20) for _ in range(n)]
        corners = []
        for i in range(n):
            above = any(x[k] == x[i] and (y[k] > y[i] or (y[k] == y[i] and k < i)) for k in range(n))
            covered = any(x[a] < x[i] < x[b] and
                          y[i] * (x[b] - x[a]) <= y[a] * (x[b] - x[i]) + y[b] * (x[i] - x[a])
                          for a in range(n) for b in range(n))
            if not above and not covered:
                corners.append(i)
        lines.append(["hull", n, *x, *y])
        expected.append([float(i) for i in corners])
    compare(lines, expected)


def solve(rows, right):
    """Gauss over fractions: exact."""
    n = len(rows)
    table = [[Fraction(v) for v in row] + [Fraction(b)] for row, b in zip(rows, right)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if table[k][i] != 0)
        table[i], table[pivot] = table[pivot], table[i]
        for k in range(n):
            if k != i:
                factor = table[k][i] / table[i][i]
                table[k] = [a - factor * b for a, b in zip(table[k], table[i])]
    return [table[i][n] / table[i][i] for i in range(n)]


@test
def a_break_is_the_exact_solution_of_the_normal_equations(rng):
    lines, expected = [], []
    for _ in range(20):
        n = rng.randint(8, 40)
        at = rng.randint(4, n - 4)
        t = sorted(rng.sample(range(20000, 20200), n))
        y = [rng.randint(0, 400) for _ in range(n)]
        design = [[1, v, int(i >= at), (v - t[at]) * int(i >= at)] for i, v in enumerate(t)]
        rows = [[sum(r[a] * r[b] for r in design) for b in range(4)] for a in range(4)]
        right = [sum(r[a] * v for r, v in zip(design, y)) for a in range(4)]
        _, trend, level, slope = solve(rows, right)
        lines.append(["segmented", n, at, *t, *y])
        expected.append([float(trend), float(level), float(slope), math.floor(4 * (n / 100) ** (2 / 9))])
    answers = ask(lines)
    for line, got, wanted in zip(lines, answers, expected):
        assert 0 <= got[4] <= 0.95, (line, got)
        for a, b in zip(got, wanted):
            assert abs(a - b) < 1e-6 * max(1, abs(b)), (line, got, wanted)


@test
def the_memory_of_long_series_is_recovered(rng):
    for memory in (0.0, 0.3, 0.6, 0.8):
        lines = []
        for _ in range(12):
            error, y = rng.gauss(0, 1) / math.sqrt(1 - memory ** 2), []
            for _ in range(200):
                y.append(error)
                error = memory * error + rng.gauss(0, 1)
            lines.append(["segmented", 200, 100, *range(200), *y])
        mean = statistics.fmean(got[4] for got in ask(lines))
        assert abs(mean - memory) < 0.06, (memory, mean)


@test
def shapley_values_are_the_mean_over_every_order(rng):
    lines, expected = [], []
    for parts in (1, 2, 3, 4, 5, 6):
        worth = [rng.randint(-50, 50) for _ in range(1 << parts)]
        gains = [0] * parts
        orders = list(itertools.permutations(range(parts)))
        for order in orders:
            coalition = 0
            for player in order:
                gains[player] += worth[coalition | 1 << player] - worth[coalition]
                coalition |= 1 << player
        lines.append(["shapley", parts, *worth])
        expected.append([gain / len(orders) for gain in gains])
    compare(lines, expected)


def main():
    print(f"1..{len(tests)}")
    failed = 0
    for number, function in enumerate(tests, 1):
        try:
            function(random.Random(number))
            print(f"ok {number} - {function.__name__}", flush=True)
        except (AssertionError, subprocess.CalledProcessError) as why:
            failed += 1
            print(f"not ok {number} - {function.__name__}\n# {str(why)[:1500]!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
