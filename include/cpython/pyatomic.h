/* Atomic operations by type and memory order: sequentially consistent unless the name says otherwise.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_ATOMIC_H
#define Py_CPYTHON_ATOMIC_H

#define _Py_USE_GCC_BUILTIN_ATOMICS 1

#include "cpython/pyatomic_gcc.h"

#define _Py_atomic_load_ptr_consume(p) _Py_atomic_load_ptr_acquire(p)

/* `unsigned long` has the width of one of the fixed types. */
#if SIZEOF_LONG == 8
#  define _Py_atomic_load_ulong(p) _Py_atomic_load_uint64((uint64_t *)p)
#  define _Py_atomic_load_ulong_relaxed(p) _Py_atomic_load_uint64_relaxed((uint64_t *)p)
#  define _Py_atomic_store_ulong(p, v) _Py_atomic_store_uint64((uint64_t *)p, v)
#  define _Py_atomic_store_ulong_relaxed(p, v) _Py_atomic_store_uint64_relaxed((uint64_t *)p, v)
#else
#  define _Py_atomic_load_ulong(p) _Py_atomic_load_uint32((uint32_t *)p)
#  define _Py_atomic_load_ulong_relaxed(p) _Py_atomic_load_uint32_relaxed((uint32_t *)p)
#  define _Py_atomic_store_ulong(p, v) _Py_atomic_store_uint32((uint32_t *)p, v)
#  define _Py_atomic_store_ulong_relaxed(p, v) _Py_atomic_store_uint32_relaxed((uint32_t *)p, v)
#endif

#endif /* Py_CPYTHON_ATOMIC_H */
