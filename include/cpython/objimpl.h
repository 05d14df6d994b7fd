/* Sizes of objects, weak reference lists, the arena allocator.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_OBJIMPL_H
#define Py_CPYTHON_OBJIMPL_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyObjectArenaAllocator PyObjectArenaAllocator;
typedef int (*gcvisitobjects_t)(PyObject *, void *);

struct PyObjectArenaAllocator {
    void *ctx;
    void *(*alloc)(void *, size_t);
    void (*free)(void *, void *, size_t);
};

PyAPI_FUNC(PyObject **) PyObject_GET_WEAKREFS_LISTPTR(PyObject *op);
PyAPI_FUNC(void) PyObject_GetArenaAllocator(PyObjectArenaAllocator *allocator);
PyAPI_FUNC(int) PyObject_IS_GC(PyObject *obj);
PyAPI_FUNC(void) PyObject_SetArenaAllocator(PyObjectArenaAllocator *allocator);
PyAPI_FUNC(int) PyType_SUPPORTS_WEAKREFS(PyTypeObject *type);
PyAPI_FUNC(void) PyUnstable_GC_VisitObjects(gcvisitobjects_t callback, void *arg);
PyAPI_FUNC(PyObject *) PyUnstable_Object_GC_NewWithExtraData(PyTypeObject *, size_t);

static inline size_t
_PyObject_SIZE(PyTypeObject *type)
{
    return (size_t)type->tp_basicsize;
}

static inline size_t
_PyObject_VAR_SIZE(PyTypeObject *type, Py_ssize_t nitems)
{
    size_t bytes = (size_t)type->tp_basicsize + (size_t)nitems * (size_t)type->tp_itemsize;
    return _Py_SIZE_ROUND_UP(bytes, SIZEOF_VOID_P);
}

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_OBJIMPL_H */
