"""`_decimal` against the pure-Python version."""
import decimal as C, _pydecimal as P, itertools, random, pickle
values = ["0", "-0", "1", "-1.5", "3.14159265358979323846264338327950288", "1E+50", "-7E-40", "9.99999999999999999999999999999", "123456789e-5",
          "Infinity", "-Infinity", "NaN", "0E+3", "5E-7"]
ops = ["__add__", "__sub__", "__mul__", "__truediv__", "__mod__", "__floordiv__", "compare", "max", "min", "quantize", "remainder_near", "copy_sign",
       "next_toward", "same_quantum", "scaleb", "compare_total"]
singles = ["__neg__", "__abs__", "__pos__", "sqrt", "exp", "ln", "log10", "normalize", "to_integral_value", "next_plus", "next_minus", "logb", "number_class",
           "as_tuple", "to_eng_string", "adjusted"]
def run(M, f, *a):
    c = M.Context(prec=M.getcontext().prec, traps=[]); M.setcontext(c)
    try: r = getattr(M.Decimal(a[0]), f)(*(M.Decimal(x) for x in a[1:]))
    except Exception as e: return type(e).__name__
    return str(r), sorted(k.__name__ for k, v in c.flags.items() if v)
for prec in (5, 28):
    for M in (C, P): M.setcontext(M.Context(prec=prec))
    for a in values:
        for f in singles: assert run(C, f, a) == run(P, f, a), (f, a, run(C, f, a), run(P, f, a))
        for b in values:
            for f in ops: assert run(C, f, a, b) == run(P, f, a, b), (f, a, b, run(C, f, a, b), run(P, f, a, b))
C.setcontext(C.Context()); P.setcontext(P.Context())
for spec in ("", ".3f", "e", ".2e", "g", "10.2f", "<12", "+,.1f", "08.3f", "%", "_", "z.0f", "*^20"):
    for v in values + ["1234567.891", "0.00001234"]:
        assert format(C.Decimal(v), spec) == format(P.Decimal(v), spec), (v, spec)
D = C.Decimal
assert D(2) ** 90 == 2 ** 90 and D("1.1") ** 3 == D("1.331") and hash(D("2.5")) == hash(2.5) and D(1) < 1.5 and D("0.1") != 0.1
assert pickle.loads(pickle.dumps(D("1.20"))).as_tuple() == D("1.20").as_tuple() and int(D("-7.9")) == -7 and round(D("2.675"), 2) == D("2.68")
with C.localcontext(prec=50) as c: assert str(D(2).sqrt()) == "1.4142135623730950488016887242096980785696718753769"
try: D(1) / 0
except C.DivisionByZero: pass
print("ok")
