import threading

import bt_maturin

assert bt_maturin.words("a bc  d ") == 3
assert bt_maturin.apply(lambda v, s: f"{v}/{s}", [2, 1]) == {1: "1/3", 2: "2/3"}
for call, error, text in [(lambda: bt_maturin.words("a", least=2), ValueError, "only 1 words"), (lambda: bt_maturin.apply(lambda v, s: v / 0, [1]), ZeroDivisionError, "division"),
                          (lambda: bt_maturin.words(5), TypeError, "str")]:
    try:
        call()
    except error as e:
        assert text in str(e), e
    else:
        raise AssertionError(error)
counter = bt_maturin.Counter()
threads = [threading.Thread(target=lambda: [counter.add(str(i % 10)) for i in range(1000)]) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert len(counter) == 10 and counter.counts["3"] == 400
