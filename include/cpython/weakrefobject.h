/* The layout of weak references.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_WEAKREFOBJECT_H
#define Py_CPYTHON_WEAKREFOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

struct _PyWeakReference {
    PyObject ob_base;
    PyObject *wr_object;
    PyObject *wr_callback;
    Py_hash_t hash;
    PyWeakReference *wr_prev;
    PyWeakReference *wr_next;
    vectorcallfunc vectorcall;
    PyMutex *weakrefs_lock;
};

PyAPI_FUNC(int) PyWeakref_IsDead(PyObject *ref);
PyAPI_FUNC(void) _PyWeakref_ClearRef(PyWeakReference *self);

#define _PyWeakref_CAST(op) (assert(PyWeakref_Check(op)), _Py_CAST(PyWeakReference *, (op)))

/* Borrowed, and so unsafe while other threads run: prefer PyWeakref_GetRef. */
Py_DEPRECATED(3.13) static inline PyObject *
PyWeakref_GET_OBJECT(PyObject *ref_obj)
{
    PyObject *target = _PyWeakref_CAST(ref_obj)->wr_object;
    /* An object on its way out has no references left. */
    return Py_REFCNT(target) > 0 ? target : Py_None;
}
#define PyWeakref_GET_OBJECT(ref) PyWeakref_GET_OBJECT(_PyObject_CAST(ref))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_WEAKREFOBJECT_H */
