# wheels: scipy numpy
import threading

import numpy as np
from numpy.testing import assert_allclose
from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, special, stats
from scipy.sparse import linalg as splinalg

# Systems of equations: dense, banded, sparse, iterative.
a = np.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 2]])
b = np.array([1.0, 2, 3])
x = linalg.solve(a, b, assume_a="pos")
assert_allclose(x, [2 / 9, 1 / 9, 13 / 9])
assert_allclose(linalg.solve_banded((1, 1), [[0, 1, 1], [4, 3, 2], [1, 1, 0]], b), x)
assert_allclose(linalg.lu_solve(linalg.lu_factor(a), b), x)
s = sparse.csr_array(a)
assert_allclose(splinalg.spsolve(s, b), x)
got, info = splinalg.cg(s, b, rtol=1e-12)
assert info == 0
assert_allclose(got, x, atol=1e-9)
assert_allclose(splinalg.splu(s.tocsc()).solve(b), x)
assert_allclose(linalg.expm(np.zeros((2, 2))), np.eye(2))
assert_allclose(splinalg.eigsh(sparse.diags_array(np.arange(1.0, 51)), k=2)[0], [49, 50])
assert (s @ s).toarray()[0, 0] == 17 and s.nnz == 7 and sparse.kron(s, sparse.eye_array(2)).shape == (6, 6)
assert sparse.csgraph.shortest_path(s, indices=0)[2] == 2

# Optimisation, roots, fits, linear programs.
def rosenbrock(p):
    return sum(100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2)
for method, options in [("BFGS", {}), ("Nelder-Mead", {"maxiter": 5000, "maxfev": 5000}), ("L-BFGS-B", {})]:
    found = optimize.minimize(rosenbrock, [1.3, 0.7, 0.8], method=method, options=options)
    assert_allclose(found.x, 1, atol=1e-3)
found = optimize.minimize(lambda p: (p[0] - 1) ** 2 + (p[1] - 2.5) ** 2, [2, 0], method="SLSQP", bounds=[(0, None)] * 2,
                          constraints=[{"type": "ineq", "fun": lambda p, k=k: k[0] * p[0] + k[1] * p[1] + k[2]} for k in [(1, -2, 2), (-1, -2, 6), (-1, 2, 2)]])
assert_allclose(found.x, [1.4, 1.7], atol=1e-6)
assert_allclose(optimize.brentq(lambda t: t**3 - 2, 0, 2), 2 ** (1 / 3))
assert_allclose(optimize.fsolve(lambda p: [p[0] * np.cos(p[1]) - 4, p[0] * p[1] - p[1] - 5], [1, 1]), [6.50409711, 0.90841421], rtol=1e-6)
t = np.linspace(0, 4, 50)
assert_allclose(optimize.curve_fit(lambda t, k, c: k * np.exp(-c * t), t, 2.5 * np.exp(-1.3 * t))[0], [2.5, 1.3], rtol=1e-5)
program = optimize.linprog([-1, 4], A_ub=[[-3, 1], [1, 2]], b_ub=[6, 4], bounds=[(None, None), (-3, None)])
assert program.status == 0 and abs(program.fun + 22) < 1e-9
assert optimize.linear_sum_assignment([[4, 1, 3], [2, 0, 5], [3, 2, 2]])[1].tolist() == [1, 0, 2]
try:
    optimize.brentq(lambda t: 1 / 0, 0, 1)
except ZeroDivisionError:
    pass
else:
    raise AssertionError("an error in a callback was lost")

# Integrals, differential equations, interpolation, transforms, statistics, space, images.
assert_allclose(integrate.quad(lambda t: np.exp(-(t**2)), -np.inf, np.inf)[0], np.sqrt(np.pi))
decay = integrate.solve_ivp(lambda t, y: -0.5 * y, [0, 10], [2, 4, 8], rtol=1e-8, atol=1e-10, method="DOP853")
assert_allclose(decay.y[:, -1], np.array([2, 4, 8]) * np.exp(-5), rtol=1e-6)
assert_allclose(interpolate.CubicSpline([0, 1, 2, 3], [0, 1, 8, 27])(1.5), 3.375)
assert_allclose(interpolate.RegularGridInterpolator(([0, 1], [0, 1]), [[0, 1], [2, 3]])([[0.5, 0.5]]), [1.5])
assert_allclose(special.gamma([1, 2, 3, 4, 5]), [1, 1, 2, 6, 24])
assert_allclose([special.jv(0, 2.404825557695773), special.erf(0), special.zeta(2)], [0, 0, np.pi**2 / 6], atol=1e-12)
assert_allclose(fft.idct(fft.dct(t)), t)
assert_allclose(signal.convolve([1, 2, 3], [0, 1, 0.5]), [0, 1, 2.5, 4, 1.5])
assert_allclose(signal.lfilter(*signal.butter(2, 0.5), np.ones(200))[-1], 1)
assert_allclose(stats.norm.cdf(1.959963984540054), 0.975)
assert_allclose(stats.ttest_ind([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]).pvalue, 0.3465935070873343)
assert_allclose(stats.linregress([0, 1, 2], [1, 3, 5]).slope, 2)
tree = spatial.cKDTree(np.array([[0, 0], [1, 1], [5, 5]]))
assert tree.query([0.9, 0.9])[1] == 1 and tree.query_ball_point([0, 0], 2) == [0, 1]
assert_allclose(spatial.ConvexHull([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]).volume, 1)
assert_allclose(spatial.transform.Rotation.from_euler("z", 90, degrees=True).apply([1, 0, 0]), [0, 1, 0], atol=1e-12)
assert ndimage.label([[1, 1, 0], [0, 0, 0], [0, 1, 1]])[1] == 2
assert_allclose(ndimage.gaussian_filter(np.eye(5), 1).sum(), 5, rtol=1e-2)

def work():
    for _ in range(3):
        assert_allclose(optimize.minimize(rosenbrock, [1.3, 0.7]).x, 1, atol=1e-3)
        assert_allclose(integrate.quad(np.cos, 0, 1)[0], np.sin(1))
errors = []
threading.excepthook = errors.append
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not errors, errors
