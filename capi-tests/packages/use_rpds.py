# wheels: rpds-py
import pickle
import rpds
from rpds import HashTrieMap, HashTrieSet, List, Queue, Stack
assert rpds.rpds.__file__.endswith(".so") if hasattr(rpds, "rpds") else True
m = HashTrieMap({"a": 1, "b": 2})
n = m.insert("c", 3).remove("a")
assert dict(m) == {"a": 1, "b": 2} and dict(n) == {"b": 2, "c": 3} and "a" not in n and len(n) == 2
assert m == HashTrieMap([("b", 2), ("a", 1)]) and hash(m) == hash(HashTrieMap(m)) and m.get("z", 9) == 9
assert sorted(m.keys()) == ["a", "b"] and sorted(m.values()) == [1, 2] and sorted(m.items()) == [("a", 1), ("b", 2)]
assert dict(m.update({"a": 5}, d=6)) == {"a": 5, "b": 2, "d": 6} and m.discard("zz") == m
for call, error in [(lambda: m["z"], KeyError), (lambda: m.remove("z"), KeyError), (lambda: m.insert([], 1), TypeError),
                    (lambda: List().first, IndexError), (lambda: Queue().peek(), IndexError)]:
    try:
        call()
    except error:
        pass
    else:
        raise AssertionError(error)
s = HashTrieSet([1, 2, 3])
one = HashTrieSet([1])
assert s | HashTrieSet([4]) == HashTrieSet([1, 2, 3, 4]) and s & one == one and s - one == HashTrieSet([2, 3]) and 2 in s
assert list(List([1, 2, 3]).push_front(0)) == [0, 1, 2, 3] and List([1, 2]).rest == List([2]) and repr(List([1])) == "List([1])"
assert list(Queue([1, 2]).enqueue(3)) == [1, 2, 3] and Queue([1, 2]).dequeue().peek() == 2
assert Stack([1, 2]).push(3).peek() == 3
for value in (m, s, List([1, 2])):
    assert pickle.loads(pickle.dumps(value)) == value
import threading
shared = HashTrieMap({i: i for i in range(100)})
def work(k):
    mine = shared
    for i in range(300):
        mine = mine.insert((k, i), i)
    assert len(mine) == 400
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert len(shared) == 100
