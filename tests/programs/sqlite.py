# sqlite3: statements, types, transactions, functions, errors, threads.
import sqlite3
import threading

c = sqlite3.connect(":memory:")
c.execute("create table t(id integer primary key, name text, data blob, x real)")
cur = c.execute("insert into t(name, data, x) values(?, ?, ?)", ("one", b"\0\1", 1.5))
assert cur.lastrowid == 1 and cur.rowcount == 1 and c.in_transaction
c.executemany("insert into t(name) values(:n)", [{"n": str(i)} for i in range(5)])
c.commit()
assert not c.in_transaction and c.total_changes == 6
assert c.execute("select * from t where id = 1").fetchone() == (1, "one", b"\0\1", 1.5)
assert [r[0] for r in c.execute("select name from t where id > 1 order by id")] == list("01234")
assert c.execute("select count(*) as n, null from t").description == (("n",) + (None,) * 6, ("null",) + (None,) * 6)
with c:
    c.execute("delete from t where id = 6")
try:
    with c:
        c.execute("insert into t(id) values(7)")
        raise KeyError
except KeyError:
    pass
assert c.execute("select count(*) from t").fetchone() == (5,)

c.row_factory = sqlite3.Row
row = c.execute("select id, name from t where id = 1").fetchone()
assert row["NAME"] == "one" and row[0] == 1 and row.keys() == ["id", "name"] and tuple(row) == (1, "one") and len(row) == 2
c.row_factory = None

c.create_function("twice", 1, lambda v: v * 2)
assert c.execute("select twice(21), twice('ab')").fetchone() == (42, "abab")


class Sum:
    def __init__(self):
        self.total = 0

    def step(self, v):
        self.total += v

    def finalize(self):
        return self.total


c.create_aggregate("total_of", 1, Sum)
assert c.execute("select total_of(id) from t").fetchone() == (15,)
c.create_collation("backwards", lambda a, b: (a < b) - (a > b))
assert c.execute("select name from t where id > 1 order by name collate backwards").fetchone() == ("3",)
c.create_function("bad", 0, lambda: 1 / 0)

for sql, args, kind, text in [
    ("select", (), sqlite3.OperationalError, "incomplete input"),
    ("select ?", (), sqlite3.ProgrammingError, "Incorrect number of bindings supplied. The current statement uses 1, and there are 0 supplied."),
    ("select ?", (2**70,), OverflowError, "Python int too large to convert to SQLite INTEGER"),
    ("select :a", {}, sqlite3.ProgrammingError, "You did not supply a value for binding parameter :a."),
    ("select 1; select 2", (), sqlite3.ProgrammingError, "You can only execute one statement at a time."),
    ("select ?", (object(),), sqlite3.ProgrammingError, "Error binding parameter 1: type 'object' is not supported"),
    ("insert into t(id) values(1)", (), sqlite3.IntegrityError, "UNIQUE constraint failed: t.id"),
    ("select bad()", (), sqlite3.OperationalError, "user-defined function raised exception"),
]:
    try:
        c.execute(sql, args)
        raise AssertionError(sql)
    except kind as e:
        assert str(e) == text, str(e)
c.rollback()


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


sqlite3.register_adapter(Point, lambda p: f"{p.x};{p.y}")
sqlite3.register_converter("point", lambda b: Point(*map(int, b.split(b";"))))
d = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
d.execute("create table p(p point)")
d.execute("insert into p values(?)", (Point(3, 4),))
p = d.execute("select p from p").fetchone()[0]
assert (p.x, p.y) == (3, 4)
d.commit()
c.backup(d)
assert d.execute("select count(*) from t").fetchone() == (5,)
assert "INSERT INTO" in "\n".join(c.iterdump())

shared = sqlite3.connect(":memory:", check_same_thread=False)
shared.execute("create table n(v)")


def work(k):
    for i in range(50):
        shared.execute("insert into n values(?)", (k * 100 + i,))


threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert shared.execute("select count(distinct v) from n").fetchone() == (200,)
assert c.getconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER) is True
c.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
assert c.getconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER) is False
try:
    c.getconfig(5)
    raise AssertionError
except ValueError as e:
    assert str(e) == "unknown config 'op': 5"
with sqlite3.connect(":memory:") as source:
    source.execute("create table kept(v)")
    source.execute("insert into kept values('x')")
image = source.serialize()
copy = sqlite3.connect(":memory:")
copy.deserialize(image)
assert copy.execute("select v from kept").fetchall() == [("x",)] and copy.serialize() == image
copy.close()
c.close()
try:
    c.execute("select 1")
    raise AssertionError
except sqlite3.ProgrammingError as e:
    assert str(e) == "Cannot operate on a closed database."
print("ok")
