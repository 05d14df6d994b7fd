# Handlers of the fast engine must end in tail calls: one that does not eats native stack at each execution.
import threading
def t(f):
    x=threading.Thread(target=f); x.start(); x.join()
threading.stack_size(512 << 10)
N = 200_000
shared=["a%d"%i for i in range(1000)]; tup=tuple(shared)
def own(f):
    t(f)

def f1():
    for _ in range(N//1000):
        for x in shared: pass
def f2():
    for i in range(N): shared[5]
def f3():
    for i in range(N): tup[5]
def f4():
    for _ in range(N//1000):
        for x in tup: pass
tt=tup[:3]
def f5():
    for i in range(N): a,b,c=tt
def mk():
    z="cell"+shared[3]
    def f6():
        for i in range(N): z
    return f6
class C: 
    def __init__(s): s.x="a"+shared[2]
c=C()
def f7():
    for i in range(N): c.x
G="g"+shared[1]
def f8():
    for i in range(N): G
d={"k":["x"]}
def f9():
    for i in range(N): d["k"]
for f in (f1,f2,f3,f4,f5,mk(),f7,f8,f9):
    own(f)
print("ok")
