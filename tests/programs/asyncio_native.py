"""`_asyncio`: futures, tasks, cancellation, eager tasks, loops in several threads."""
import asyncio, threading, gc

async def add(a, b):
    await asyncio.sleep(0)
    return a + b

async def cancelled():
    try: await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError as e: return str(e)

async def main():
    loop = asyncio.get_running_loop()
    assert await asyncio.gather(*(add(i, 1) for i in range(50))) == list(range(1, 51))
    t = asyncio.create_task(cancelled(), name="c"); await asyncio.sleep(0)
    assert t in asyncio.all_tasks() and asyncio.current_task() in asyncio.all_tasks() and t.get_name() == "c"
    t.cancel("why"); assert await t == "why" and t not in asyncio.all_tasks()
    f = loop.create_future(); order = []
    for i in range(3): f.add_done_callback(lambda _, i=i: order.append(i))
    f.set_result(1); await f; await asyncio.sleep(0); assert order == [0, 1, 2]
    f = loop.create_future(); f.set_exception(KeyError("k"))
    try: await f
    except KeyError: pass
    try: f.set_result(1)
    except asyncio.InvalidStateError: pass
    async def bad(): await me
    me = asyncio.create_task(bad())
    try: await me
    except RuntimeError as e: assert "await on itself" in str(e)
    loop.set_task_factory(asyncio.eager_task_factory)
    e = loop.create_task(asyncio.sleep(0, 5)); assert await e == 5
    return True

assert asyncio.run(main())
out = []
def worker(): out.append(asyncio.run(work()))
async def work(): return sum(await asyncio.gather(*(add(i, i) for i in range(200))))
ts = [threading.Thread(target=worker) for _ in range(6)]
[t.start() for t in ts]; [t.join() for t in ts]
assert out == [39800] * 6
gc.collect()
print("ok")
