/* Reference counting: the owning thread counts without atomics, the others in the shared half.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef _Py_REFCOUNT_H
#define _Py_REFCOUNT_H

#define _Py_IMMORTAL_FLAGS 1
#define _Py_IMMORTAL_INITIAL_REFCNT (3ULL << 30)
#define _Py_IMMORTAL_MINIMUM_REFCNT (1ULL << 31)
#define _Py_IMMORTAL_REFCNT_LOCAL UINT32_MAX
#define _Py_REF_MAYBE_WEAKREF 1
#define _Py_REF_MERGED 3
#define _Py_REF_QUEUED 2
#define _Py_REF_SHARED_FLAG_MASK 3
#define _Py_REF_SHARED_INIT 0
#define _Py_REF_SHARED_SHIFT 2
#define _Py_STATICALLY_ALLOCATED_FLAG 4
#define _Py_STATIC_FLAG_BITS 5
#define _Py_STATIC_IMMORTAL_INITIAL_REFCNT ((Py_ssize_t)((3ULL << 30) | (5ULL << 48)))

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(void) Py_DecRef(PyObject *);
PyAPI_FUNC(void) Py_IncRef(PyObject *);
PyAPI_FUNC(PyObject *) Py_NewRef(PyObject *obj);
PyAPI_FUNC(Py_ssize_t) Py_REFCNT(PyObject *ob);
PyAPI_FUNC(PyObject *) Py_XNewRef(PyObject *obj);
PyAPI_FUNC(void) _Py_Dealloc(PyObject *);
PyAPI_FUNC(void) _Py_DecRef(PyObject *);
PyAPI_FUNC(void) _Py_DecRefShared(PyObject *);
PyAPI_FUNC(void) _Py_DecRefSharedDebug(PyObject *, const char *, int);
PyAPI_FUNC(void) _Py_IncRef(PyObject *);
PyAPI_FUNC(void) _Py_MergeZeroLocalRefcount(PyObject *);
PyAPI_FUNC(void) _Py_SetRefcnt(PyObject *ob, Py_ssize_t refcnt);

/* The shared half of a count: `refcnt` references from other threads, and two flag bits. */
#define _Py_REF_SHARED(refcnt, flags) (((refcnt) << _Py_REF_SHARED_SHIFT) + (flags))

static inline Py_ALWAYS_INLINE int
_Py_IsImmortal(PyObject *op)
{
    return _Py_atomic_load_uint32_relaxed(&op->ob_ref_local) == _Py_IMMORTAL_REFCNT_LOCAL;
}
#define _Py_IsImmortal(op) _Py_IsImmortal(_PyObject_CAST(op))

static inline Py_ALWAYS_INLINE int
_Py_IsStaticImmortal(PyObject *op)
{
    return (op->ob_flags & _Py_STATICALLY_ALLOCATED_FLAG) != 0;
}
#define _Py_IsStaticImmortal(op) _Py_IsStaticImmortal(_PyObject_CAST(op))

static inline Py_ssize_t
_Py_REFCNT(PyObject *ob)
{
    uint32_t local = _Py_atomic_load_uint32_relaxed(&ob->ob_ref_local);
    if (local == _Py_IMMORTAL_REFCNT_LOCAL) {
        return (Py_ssize_t)_Py_IMMORTAL_INITIAL_REFCNT;
    }
    Py_ssize_t shared = _Py_atomic_load_ssize_relaxed(&ob->ob_ref_shared);
    return (Py_ssize_t)local + Py_ARITHMETIC_RIGHT_SHIFT(Py_ssize_t, shared, _Py_REF_SHARED_SHIFT);
}
#define Py_REFCNT(ob) _Py_REFCNT(_PyObject_CAST(ob))

static inline void
Py_SET_REFCNT(PyObject *ob, Py_ssize_t refcnt)
{
    _Py_SetRefcnt(ob, refcnt);
}
#define Py_SET_REFCNT(ob, refcnt) Py_SET_REFCNT(_PyObject_CAST(ob), (refcnt))

static inline Py_ALWAYS_INLINE void
Py_INCREF(PyObject *op)
{
    uint32_t more = _Py_atomic_load_uint32_relaxed(&op->ob_ref_local) + 1;
    if (more == 0) {
        return; /* immortal: the count was at its maximum */
    }
    if (_Py_IsOwnedByCurrentThread(op)) {
        _Py_atomic_store_uint32_relaxed(&op->ob_ref_local, more);
    }
    else {
        _Py_atomic_add_ssize(&op->ob_ref_shared, 1 << _Py_REF_SHARED_SHIFT);
    }
}
#define Py_INCREF(op) Py_INCREF(_PyObject_CAST(op))

static inline Py_ALWAYS_INLINE void
Py_DECREF(PyObject *op)
{
    uint32_t local = _Py_atomic_load_uint32_relaxed(&op->ob_ref_local);
    if (local == _Py_IMMORTAL_REFCNT_LOCAL) {
        return;
    }
    if (_Py_IsOwnedByCurrentThread(op)) {
        local--;
        _Py_atomic_store_uint32_relaxed(&op->ob_ref_local, local);
        if (local == 0) {
            _Py_MergeZeroLocalRefcount(op);
        }
    }
    else {
        _Py_DecRefShared(op);
    }
}
#define Py_DECREF(op) Py_DECREF(_PyObject_CAST(op))

static inline void
Py_XINCREF(PyObject *op)
{
    if (op != _Py_NULL) {
        Py_INCREF(op);
    }
}
#define Py_XINCREF(op) Py_XINCREF(_PyObject_CAST(op))

static inline void
Py_XDECREF(PyObject *op)
{
    if (op != _Py_NULL) {
        Py_DECREF(op);
    }
}
#define Py_XDECREF(op) Py_XDECREF(_PyObject_CAST(op))

static inline PyObject *
_Py_NewRef(PyObject *obj)
{
    Py_INCREF(obj);
    return obj;
}
#define Py_NewRef(obj) _Py_NewRef(_PyObject_CAST(obj))

static inline PyObject *
_Py_XNewRef(PyObject *obj)
{
    Py_XINCREF(obj);
    return obj;
}
#define Py_XNewRef(obj) _Py_XNewRef(_PyObject_CAST(obj))

/* Drops a reference and sets the variable to NULL first. */
#define Py_CLEAR(op) \
    do { \
        _Py_TYPEOF(op) *_py_op = &(op); \
        _Py_TYPEOF(op) _py_old = *_py_op; \
        if (_py_old != NULL) { \
            *_py_op = _Py_NULL; \
            Py_DECREF(_py_old); \
        } \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif /* _Py_REFCOUNT_H */
