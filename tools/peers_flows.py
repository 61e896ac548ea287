"""Cases of torchcfm, torchdiffeq, torchode and flow_matching in our own words, run on this package.

`python tools/peers_flows.py [--speed]`.

Counts go into nbs/results/peers_flows.json, with the reasons why kinds of cases do not apply;
`--speed` measures the ratios there instead. The expected values are closed forms or formulas
written out here; the other libraries are asked only for the ratios.
"""

import argparse
import json
import math
import sys
import time
from statistics import median

import torch
from notebooks import ROOT

from stylecfm.flow import compat
from stylecfm.flow.couplings import solve_assignment
from stylecfm.flow.losses import FlowMatchingOptions, flow_batch
from stylecfm.flow.plans import sample_pairs, transport_plan, wasserstein
from stylecfm.flow.solvers import (
    ADAPTIVE_METHODS,
    METHODS,
    EmbeddedPair,
    SolverOptions,
    Tableau,
    solve,
)
from stylecfm.flow.trajectories import between, odeint, odeint_event, solve_until

RESULTS = ROOT / 'nbs' / 'results' / 'peers_flows.json'
CASES, LEFT_OUT = [], {}  # `(suite, name, function)`; {suite: reasons}
DOUBLE = dict(dtype=torch.double)
WIDE = {torch.float32: 1e-5, torch.float64: 1e-12}


def case(suite, **choices):
    "Register a function once for each combination of the choices."

    def add(f):
        combinations = [{}]
        for key, values in choices.items():
            combinations = [c | {key: v} for c in combinations for v in values]
        for c in combinations:
            CASES.append(
                (
                    suite,
                    (
                        f'{f.__name__} '
                        f'{" ".join(str(getattr(v, "__name__", v)) for v in c.values())}'
                    ).strip(),
                    lambda c=c: f(**c),
                )
            )
        return f

    return add


def leave_out(suite, *reasons):
    "Note which kinds of cases of a suite do not apply, and why."
    LEFT_OUT[suite] = list(reasons)


def close(a, b, eps):
    "Raise `AssertionError` where two values differ by more than `eps`."
    off = (torch.as_tensor(a, **DOUBLE) - torch.as_tensor(b, **DOUBLE)).abs().max()
    assert off <= eps, f'error {off:.1e}'


# torchcfm: points and velocities of five classes, times that are given, plans and distances

CLASSES = (
    compat.ConditionalFlowMatcher,
    compat.ExactOptimalTransportConditionalFlowMatcher,
    compat.TargetConditionalFlowMatcher,
    compat.SchrodingerBridgeConditionalFlowMatcher,
    compat.VariancePreservingConditionalFlowMatcher,
)


def formula(kind, x0, x1, t, n, sigma):
    "Point and velocity as the papers write them."
    if 'Target' in kind:
        return t * x1 + (1 - (1 - sigma) * t) * n, (
            x1 - (1 - sigma) * (t * x1 + (1 - (1 - sigma) * t) * n)
        ) / (1 - (1 - sigma) * t)
    if 'Variance' in kind:
        return (math.pi / 2 * t).cos() * x0 + (
            math.pi / 2 * t
        ).sin() * x1 + sigma * n, math.pi / 2 * (
            (math.pi / 2 * t).cos() * x1 - (math.pi / 2 * t).sin() * x0
        )
    line, spread = (
        t * x1 + (1 - t) * x0,
        sigma * (t * (1 - t)).sqrt() if 'Bridge' in kind else sigma,
    )
    return line + spread * n, x1 - x0 + (
        (1 - 2 * t) / (2 * t * (1 - t)) * spread * n if 'Bridge' in kind else 0
    )


@case(
    'torchcfm',
    kind=CLASSES,
    sigma=(0.0, 5e-4, 0.5, 1.5, 0, 1),
    shape=((1,), (2,), (1, 2), (3, 4, 5)),
)
def location_and_flow(kind, sigma, shape):
    if 'Bridge' in kind.__name__ and not sigma:
        raise NotImplementedError(
            'sigma 0 of the bridge is allowed here, and its plan is the exact one'
        )
    x0, x1 = torch.randn(16, *shape, **DOUBLE), torch.randn(16, *shape, **DOUBLE)
    made, seed = kind(sigma), lambda: torch.Generator().manual_seed(1994)
    t, xt, ut = made.sample_location_and_conditional_flow(x0, x1, generator=seed())
    g = seed()
    a, b = made.pairs(x0, x1, g)
    same = torch.rand(16, generator=g).to(t)
    close(t, same, 0.0)
    xs, us = formula(
        kind.__name__,
        a,
        b,
        same.reshape(-1, *(1,) * len(shape)),
        torch.randn(x0.shape, generator=g, **DOUBLE),
        sigma,
    )
    close(xt, xs, 1e-9)
    close(ut, us, 1e-7)


@case('torchcfm', kind=CLASSES)
def given_times(kind):
    t = torch.rand(16)
    close(
        kind(0.5).sample_location_and_conditional_flow(torch.randn(16, 2), torch.randn(16, 2), t)[
            0
        ],
        t,
        0.0,
    )


@case('torchcfm', kind=CLASSES)
def labels_follow_data(kind):
    x1, style = torch.randn(16, 2), torch.arange(16) // 4
    made = flow_batch(
        x1, style, FlowMatchingOptions(0.0, 0.0, kind.coupling, path='linear', resample=True)
    )
    data = made.xt + (1 - made.t[:, None]) * made.ut
    row = (data[:, None] - x1).norm(dim=2).argmin(1)
    close(data, x1[row], 1e-4)
    assert torch.equal(made.style, style[row])


@case('torchcfm')
def sampling_a_permutation_without_replacement():
    plan = torch.eye(128)[torch.randperm(128)] / 128
    i, j = sample_pairs(plan, 128, replace=False)
    close(torch.zeros(128, 128).index_put_((i, j), torch.tensor(1 / 128)), plan, 0.0)


@case('torchcfm')
def exact_plan():
    x0, x1 = torch.randn(128, 2, 2, 2), torch.randn(128, 2, 2, 2)
    plan = transport_plan(x0, x1)
    assert torch.equal(plan.argmax(0), solve_assignment(x0, x1)) and torch.equal(
        plan.sum(0), torch.full((128,), 1 / 128, **DOUBLE)
    )


@case('torchcfm')
def sampled_rows_are_rows_of_the_plan():
    plan = transport_plan(torch.randn(128, 8), torch.randn(128, 8))
    i, j = sample_pairs(plan, 128)
    assert (plan[i, j] > 0).all()


@case('torchcfm', power=(1, 2))
def distances(power):
    a, b = torch.randn(128, 1, **DOUBLE), torch.randn(128, 1, **DOUBLE) + 2
    sorted_by = (a.sort(0).values - b.sort(0).values).abs() ** power
    close(wasserstein(a, b, power), sorted_by.mean() ** (1 / power), 1e-9)
    assert wasserstein(a, b, power, reg=0.1) > wasserstein(a, b, power) - 1e-6
    try:
        wasserstein(a, b, 3)
    except ValueError:
        return
    raise AssertionError('another power must be refused')


# torchdiffeq: problems with known solutions


def constant(t, y, a=0.2, b=3.0):
    return a + (y - (a * t + b)) ** 5


def sine(t, y):
    return 2 * y / t + t**4 * torch.sin(2 * t) - t**2 + 4 * t**3


MATRIX = torch.tensor([[0.0, 0.3, -0.1], [-0.3, 0.0, 0.2], [0.1, -0.2, 0.0]], **DOUBLE)


def linear(t, y):
    return MATRIX.to(y) @ y


def sine_solution(t):
    return (
        -0.5 * t**4 * (2 * t).cos()
        + 0.5 * t**3 * (2 * t).sin()
        + 0.25 * t**2 * (2 * t).cos()
        - t**3
        + 2 * t**4
        + (math.pi - 0.25) * t**2
    )


PROBLEMS = dict(
    constant=(constant, lambda t: 0.2 * t + 3),
    sine=(sine, sine_solution),
    linear=(linear, lambda t: torch.stack([torch.matrix_exp(MATRIX * s).to(t).sum(1) for s in t])),
)
FIXED, STEPPED = (
    ('euler', 'midpoint', 'heun2', 'heun3', 'rk4'),
    ('dopri5', 'bosh3', 'adaptive_heun'),
)


def problem(name, dtype=torch.double, reverse=False):
    "Function, start, times and solution."
    f, exact = PROBLEMS[name]
    t = torch.linspace(1, 8, 10, dtype=dtype)
    if reverse:
        t = t.flip(0)
    return f, exact(t)[0].clone(), t, exact(t)


def tolerances(method):
    return dict(rtol=1e-5, atol=1e-6) if method == 'adaptive_heun' else {}


@case(
    'torchdiffeq odeint',
    reverse=(False, True),
    dtype=(torch.float32, torch.float64),
    method=STEPPED,
    ode=PROBLEMS,
)
def known_solution(reverse, dtype, method, ode):
    f, y0, t, want = problem(ode, dtype, reverse)
    got = odeint(f, y0, t, method=method, **tolerances(method))
    assert ((want - got) / want).abs().max() < (
        4e-3
        if method == 'adaptive_heun'
        else 3e-3
        if method == 'bosh3'
        else 2e-3
        if ode == 'linear'
        else 1e-4
    )


@case(
    'torchdiffeq odeint', reverse=(False, True), dtype=(torch.float32, torch.float64), method=FIXED
)
def fixed_grid(reverse, dtype, method):
    f, y0, t, want = problem('constant', dtype, reverse)
    assert ((want - odeint(f, y0, t, method=method)) / want).abs().max() < 1e-4


@case('torchdiffeq odeint', reverse=(False, True), method=FIXED + STEPPED, ode=PROBLEMS)
def no_integration(reverse, method, ode):
    f, y0, t, want = problem(ode, reverse=reverse)
    close(odeint(f, y0, t[:1], method=method), want[:1], 1e-12)


leave_out(
    'torchdiffeq odeint',
    'dopri8 fehlberg2 Adams and SciPy methods are not here',
    'the adjoint method is not here',
    'jump_t and perturbed times are not here',
    'callbacks by attribute are not here',
)


@case('torchdiffeq api', dtype=(torch.float32, torch.float64), method=STEPPED)
def state_in_parts(dtype, method):
    f, y0, t, want = problem('constant', dtype)
    for part in odeint(lambda t, y: (f(t, y[0]), f(t, y[1])), (y0, y0), t, method=method):
        close(part, want, WIDE[dtype])


@case('torchdiffeq api', method=STEPPED, part=(0, 1))
def gradient_of_parts(method, part):
    f, y0, t, _ = problem('constant')

    def run(y, t):
        return odeint(
            lambda t, y: (f(t, y[0]), f(t, y[1])), (y, y), t, method=method, **tolerances(method)
        )[part]

    assert torch.autograd.gradcheck(
        run, (y0.requires_grad_(), t.requires_grad_()), fast_mode=True, atol=1e-4
    )


leave_out('torchdiffeq api', 'dopri8 and SciPy methods are not here')


@case(
    'torchdiffeq gradient',
    method=('midpoint', 'rk4', 'dopri5', 'bosh3', 'adaptive_heun', 'euler', 'heun2', 'heun3'),
)
def start_and_times(method):
    f, y0, t, _ = problem('constant')

    def run(y, t):
        return odeint(f, y, t, method=method, **tolerances(method))

    assert torch.autograd.gradcheck(
        run, (y0.requires_grad_(), t.requires_grad_()), fast_mode=True, atol=1e-4
    )


@case('torchdiffeq gradient', method=('dopri5', 'bosh3'))
def unused_parameters(method):
    A, spare = (
        torch.tensor([[-0.1, 2.0], [-2.0, -0.1]], **DOUBLE).requires_grad_(),
        torch.nn.Linear(2, 5),
    )

    def run(A):
        return odeint(
            lambda t, y: y**3 @ A,
            torch.tensor([[1.0, 0.0]], **DOUBLE),
            torch.linspace(0, 2, 4, **DOUBLE),
            method=method,
        )

    assert (
        torch.autograd.gradcheck(run, (A,), fast_mode=True, atol=1e-4) and spare.weight.grad is None
    )


leave_out(
    'torchdiffeq gradient',
    'dopri8 and Adams methods are not here',
    'the adjoint method is not here',
)


@case(
    'torchdiffeq event',
    reverse=(False, True),
    dtype=(torch.float32, torch.float64),
    method=FIXED + STEPPED,
    ode=('constant', 'sine'),
)
def event_at_a_state(reverse, dtype, method, ode):
    f, y0, t, want = problem(ode, dtype, reverse)
    options = dict(step_size=0.01) if method in FIXED else None
    when, states = odeint(
        f,
        y0,
        t[:2],
        event_fn=lambda s, y: (y - want[2]).sum(),
        method=method,
        options=options,
        **(tolerances(method) or dict(rtol=1e-6, atol=1e-6)),
    )
    eps = 2e-2 if method == 'euler' else 2e-3 if dtype == torch.float32 else 1e-4
    assert (
        abs(when - t[2]) < eps * t[2].abs() and ((states[-1] - want[2]) / want[2]).abs().max() < eps
    )


@case('torchdiffeq event')
def gradient_of_an_event():
    y0 = torch.tensor(2.0, **DOUBLE, requires_grad=True)
    when, _ = odeint_event(
        lambda t, y: -y, y0, torch.tensor(0.0, **DOUBLE), event_fn=lambda t, y: y - 1
    )
    close(torch.autograd.grad(when, y0)[0], 1 / 2, 1e-5)  # the time is ln y0


leave_out(
    'torchdiffeq event', 'the adjoint method is not here', 'Adams and dopri8 methods are not here'
)

# torchode: rows of a batch that are independent of each other

PAIRS = ('dopri5', 'bs32', 'heun21')


def rows_field(x, t):
    return (2 * x[:, 0] / t + t**4 * torch.sin(2 * t) - t**2 + 4 * t**3)[:, None]


def tight(method, **more):
    return SolverOptions(
        **(dict(rtol=1e-5, atol=1e-5) if method == 'heun21' else dict(rtol=1e-8, atol=1e-8)),
        max_nfe=10**6,
    )._replace(**more)


@case('torchode', method=PAIRS)
def evaluation_points(method):
    times = [1.0, 1.2, 1.25, 2.0, 3.0]
    got = solve(
        rows_field,
        sine_solution(torch.ones(1, 1, **DOUBLE)),
        1.0,
        3.0,
        method=method,
        options=tight(method, grid=times, keep_path=True),
    )
    for t, x in zip(times, got.path, strict=True):
        close(x, sine_solution(torch.tensor([[t]], **DOUBLE)), 2e-3 if method == 'heun21' else 1e-5)


@case('torchode', method=PAIRS)
def rows_step_independently(method):
    def hard(x, t):
        return torch.where(x > 50, 40 * torch.cos(40 * t)[:, None], x * t.cos()[:, None])

    x = torch.tensor([[1.0], [100.0]], **DOUBLE)
    both, alone = (solve(hard, p, method=method, options=tight('heun21')) for p in (x, x[:1]))
    assert torch.equal(both.x[:1], alone.x) and alone.nfe < both.nfe


@case('torchode', method=PAIRS)
def end_without_evaluation_points(method):
    close(
        solve(
            lambda x, t: torch.ones_like(x), torch.tensor([[0.0], [1.0]]), 0.0, 10.0, method=method
        ).x,
        torch.tensor([[10.0], [11.0]]),
        1e-4,
    )


@case('torchode', method=PAIRS)
def status_after_the_last_evaluation(method):
    got = solve(
        lambda x, t: torch.where(x > 50, 400 * torch.cos(400 * t)[:, None], 0 * x),
        torch.tensor([[1.0], [100.0]]),
        method=method,
        options=dict(max_nfe=40),
    )
    assert got.status == ['arrived', 'out of evaluations'] and got.converged.tolist() == [
        True,
        False,
    ]


@case('torchode', bad=(0, 1))
def failing_row_keeps_its_reason(bad):
    x = torch.tensor([[2.0], [0.1]])
    got = solve(lambda x, t: x**2, x if bad == 0 else x.flip(0), method='dopri5')
    assert got.status[1 - bad] == 'arrived' and got.status[bad] in ('not finite', 'step too short')
    close(got.x[1 - bad], 1 / 9, 1e-3)


@case('torchode', method=PAIRS)
def rejected_steps_start_again_in_place(method):
    seen = []

    def sharp(x, t):
        seen.append(t[0].item())
        return (0.02 / ((t - 0.6) ** 2 + 0.02**2))[:, None] + 0 * x

    got = solve(
        sharp,
        torch.zeros(1, 1, **DOUBLE),
        steps=2,
        method=method,
        options=dict(rtol=1e-6, atol=1e-6, max_nfe=10**5),
    )
    assert (
        any(b < a for a, b in zip(seen, seen[1:], strict=False))
        and (got.t.diff() > 0).all()
        and got.t[0] == 0
        and got.t[-1] == 1
    )
    close(got.x, math.atan(0.4 / 0.02) + math.atan(0.6 / 0.02), 1e-3)


@case('torchode', method=PAIRS)
def finished_rows_stay(method):
    x = torch.tensor([[0.0], [100.0]], **DOUBLE)
    paths = solve(
        lambda x, t: torch.where(x > 50, 40 * torch.cos(40 * t)[:, None], 0 * x + 1),
        x,
        method=method,
        options=dict(keep_path=True),
    ).path
    first = [p[0].item() for p in paths]
    assert abs(first[-1] - 1) < 1e-9 and all(b >= a for a, b in zip(first, first[1:], strict=False))


@case('torchode', method=PAIRS)
def inverted_time(method):
    start = sine_solution(torch.ones(1, 1, **DOUBLE))
    there = solve(rows_field, start, 1.0, 3.0, method=method, options=tight(method)).x
    close(
        solve(rows_field, there, 3.0, 1.0, method=method, options=tight(method)).x,
        start,
        5e-3 if method == 'heun21' else 1e-4,
    )


@case('torchode', method=PAIRS)
def opposite_directions_in_one_batch(method):
    a, b = torch.tensor([0.0, 2.0]), torch.tensor([5.0, -8.0])
    close(
        solve(
            between(lambda x, t: torch.full_like(x, 2.0), a, b),
            torch.tensor([[1.0], [9.0]]),
            method=method,
        ).x,
        torch.tensor([[11.0], [-11.0]]),
        1e-4,
    )


@case('torchode', points=(True, False))
def gradients(points):
    A = torch.tensor([[-1.4, -0.4, -0.8], [-1.1, 0.9, 0.1], [-1.8, -0.8, -1.1]], **DOUBLE)
    x = torch.tensor([[0.3, 1.2, -0.4], [0.5, -0.8, 1.2]], **DOUBLE)

    def mean(x, A):
        got = solve(
            lambda x, t: x @ A,
            x,
            0.0,
            3.0,
            method='dopri5',
            options=tight(
                'dopri5', keep_path=points, grid=[0.0, 1.77, 3.0] if points else 'uniform'
            ),
        )
        return torch.stack(got.path).mean() if points else got.x.mean()

    assert torch.autograd.gradcheck(mean, (x.requires_grad_(), A.requires_grad_()))


@case('torchode', method=PAIRS, dtype=(torch.float32, torch.float64))
def types_are_kept(method, dtype):
    def field(x, t):
        assert x.dtype == t.dtype == dtype
        return torch.zeros_like(x)

    assert solve(field, torch.ones(1, 3, dtype=dtype), 0.0, 3.0, method=method).x.dtype == dtype


@case('torchode', method=PAIRS)
def fixed_steps(method):
    close(
        solve(
            rows_field,
            sine_solution(torch.ones(1, 1, **DOUBLE)),
            1.0,
            3.0,
            200,
            ADAPTIVE_METHODS[method].table,
        ).x
        / sine_solution(torch.tensor(3.0, **DOUBLE)),
        1.0,
        1e-3,
    )


@case('torchode')
def nodes_of_a_table():
    seen, table = [], Tableau(((), (1.0,), (0.5, 0.5)), (1 / 3, 1 / 3, 1 / 3), (0.0, 0.5, 1.0), 1)
    solve(
        lambda x, t: seen.append((t[0].item(), x.clone())) or x,
        torch.tensor([[1.0], [2.0]]),
        0.0,
        1.0,
        1,
        table,
    )
    assert [t for t, _ in seen] == [0.0, 0.5, 1.0]
    close(torch.stack([x for _, x in seen])[:, 0, 0], torch.tensor([1.0, 2.0, 2.5]), 1e-6)


@case('torchode', method=PAIRS)
def no_error_lengthens_steps_within_bounds(method):
    t = solve(lambda x, t: 0 * x + 1, torch.zeros(1, 1), steps=100, method=method).t
    assert (t.diff()[1:] <= 5.001 * t.diff()[:-1]).all() and len(t) < 8


@case('torchode', value=(math.inf, math.nan))
def unbounded_error_is_a_status(value):
    got = solve(
        lambda x, t: torch.where(x > 5, value, 0.0), torch.tensor([[0.0], [9.0]]), method='dopri5'
    )
    assert got.status == ['arrived', 'not finite']


@case('torchode')
def pair_of_ones_own():
    pair = EmbeddedPair(Tableau(((), (1.0,)), (0.5, 0.5), (0.0, 1.0), 2), (-0.5, 0.5), False)
    close(
        solve(
            lambda x, t: x,
            torch.ones(1, 1, **DOUBLE),
            method=pair,
            options=dict(rtol=1e-5, atol=1e-5),
        ).x,
        math.e,
        1e-3,
    )


leave_out(
    'torchode',
    'backsolve adjoints are not here',
    'dense output is not here',
    'TorchScript is not here',
    'a field takes no further arguments',
    'there is one controller',
    'shortest and longest steps are not set',
)

# flow_matching: its solver


def cubic(x, t):
    return 0 * x + 3 * t**2


@case('flow_matching', method=('euler', 'midpoint', 'heun3', 'dopri5'))
def sampling(method):
    close(
        compat.VelocitySolver(cubic).sample(
            torch.tensor([1.0, 0.0]), step_size=0.005, method=method
        ),
        torch.tensor([2.0, 1.0]),
        1e-2,
    )


@case('flow_matching', method=('euler', 'midpoint', 'heun3', 'dopri5'), grad=(True, False))
def gradients_on_request(method, grad):
    a = torch.ones((), requires_grad=True)
    x = compat.VelocitySolver(lambda x, t: 0 * x + a).sample(
        torch.tensor([1.0, 0.0]), step_size=0.05, method=method, enable_grad=grad
    )
    assert x.requires_grad == grad
    if grad:
        close(torch.autograd.grad(x.sum(), a)[0], 2.0, 1e-4)


@case('flow_matching', exact=(True, False))
def likelihood(exact):
    x, log_p = torch.tensor([[1.0, 0.0]]), lambda x: -0.5 * x.square().sum(1)
    x0, found = compat.VelocitySolver(lambda x, t: x * 0 + 1).compute_likelihood(
        x, log_p, step_size=0.1, exact_divergence=exact
    )
    close(x0, x - 1, 1e-5)
    close(found, log_p(x - 1), 1e-5)
    close(
        compat.VelocitySolver(lambda x, t: x).compute_likelihood(
            x, log_p, step_size=0.02, method='rk4', exact_divergence=exact
        )[1],
        log_p(x / math.e) - 2,
        1e-3,
    )


@case('flow_matching')
def times_of_its_own():
    grid = torch.tensor([0.0, 0.1, 0.5, 1.0])
    states = compat.VelocitySolver(cubic).sample(
        torch.tensor([[0.0]]), method='dopri5', time_grid=grid, return_intermediates=True
    )
    close(states[:, 0, 0], grid**3, 1e-5)


@case('flow_matching')
def event_of_rows():
    close(
        solve_until(
            lambda x, t: x, torch.tensor([[1.0], [2.0]], **DOUBLE), lambda x, t: x[:, 0] - 2.5
        ).t,
        torch.tensor([2.5, 1.25], **DOUBLE).log(),
        1e-6,
    )


leave_out(
    'flow_matching',
    'manifolds are not here',
    'discrete flows are not here',
    'schedules are functions here not objects',
)


def counts():
    "What became of the cases of each suite."
    found = {}
    for suite, name, run in CASES:
        row = found.setdefault(
            suite,
            dict(
                cases=0,
                passed=0,
                failed=[],
                not_applicable=0,
                reasons=list(LEFT_OUT.get(suite, [])),
            ),
        )
        row['cases'] += 1
        torch.manual_seed(0)
        try:
            run()
        except NotImplementedError as e:
            row['not_applicable'] += 1
            row['reasons'] += [str(e)] * (str(e) not in row['reasons'])
        except Exception as e:
            row['failed'].append(
                f'{name}: {type(e).__name__} {str(e).splitlines()[0][:120] if str(e) else ""}'
            )
        else:
            row['passed'] += 1
    return found


def ratio(ours, theirs, rounds=15, calls=3):
    "Ratio of the medians of the processor's time, the two in turn."
    took = [[], []]
    for k in range(rounds + 2):
        for f, row in zip((ours, theirs), took, strict=True):
            start = time.process_time()
            for _ in range(calls):
                f()
            if k > 1:
                row.append(time.process_time() - start)
    return median(took[0]) / median(took[1])


def speeds():
    "Time of a step over torchdiffeq's, and of a pairing over torchcfm's."
    import torchdiffeq
    from torchcfm.optimal_transport import OTPlanSampler

    out, x, count = {}, torch.randn(32, 64), 50
    grid, ends = torch.linspace(0, 1, count + 1), torch.tensor([0.0, 1.0])
    field, func = lambda x, t: torch.tanh(x), lambda t, x: torch.tanh(x)
    with torch.no_grad():
        for name in ('euler', 'midpoint', 'rk4'):
            assert name in METHODS
            out[f'{name}, a step'] = ratio(
                lambda: solve(field, x, 0.0, 1.0, count, name),
                lambda: torchdiffeq.odeint(func, x, grid, method=name),
            )
        for name, other in dict(bs32='bosh3', dopri5='dopri5', heun21='adaptive_heun').items():
            tol = dict(rtol=1e-4, atol=1e-4) if name == 'heun21' else dict(rtol=1e-6, atol=1e-6)
            seen = []
            torchdiffeq.odeint(
                lambda t, x: seen.append(t) or func(t, x), x, ends, method=other, **tol
            )
            # two more choose its first step
            theirs = max(1, (len(seen) - 2) // (len(ADAPTIVE_METHODS[name].table.c) - 1))
            ours = solve(field, x, method=name, options=SolverOptions(**tol))
            each = ratio(
                lambda: solve(field, x, method=name, options=SolverOptions(**tol)),
                lambda: torchdiffeq.odeint(func, x, ends, method=other, **tol),
            )
            tries = max(1, (ours.nfe - 1) // (len(ADAPTIVE_METHODS[name].table.c) - 1))
            out[f'{name}, a step'], out[f'{name}, the whole'] = each * theirs / tries, each
        for n in (64, 256):
            a, b, sampler = torch.randn(n, 256), torch.randn(n, 256), OTPlanSampler('exact')
            out[f'coupling of {n}'] = ratio(
                lambda: solve_assignment(a, b), lambda: sampler.sample_plan(a, b), calls=20
            )
    return {k: round(v, 3) for k, v in out.items()}


def main():
    p = argparse.ArgumentParser(description='Run the cases of other libraries on this package.')
    p.add_argument(
        '--speed',
        action='store_true',
        help='measure the ratios of times, and leave the counts as they are',
    )
    a = p.parse_args()
    torch.set_num_threads(1)
    old = json.loads(RESULTS.read_text(encoding='utf-8')) if RESULTS.exists() else {}
    result = (
        dict(suites=old.get('suites', {}), ratios=speeds())
        if a.speed
        else dict(suites=counts(), ratios=old.get('ratios', {}))
    )
    RESULTS.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    for suite, row in result['suites'].items():
        print(
            f'{suite}: {row["passed"]} of {row["cases"]} pass, {len(row["failed"])} fail',
            *row['failed'],
            sep='\n   ',
        )
    for name, value in result['ratios'].items():
        print(f'{name}: {value}')
    if any(row['failed'] for row in result['suites'].values()):
        sys.exit('some cases fail')


if __name__ == '__main__':
    main()
