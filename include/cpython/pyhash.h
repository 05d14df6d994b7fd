/* Hashing of numbers, pointers and buffers.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_HASH_H
#define Py_CPYTHON_HASH_H

#define PyHASH_BITS 61
#define PyHASH_IMAG PyHASH_MULTIPLIER
#define PyHASH_INF 314159
#define PyHASH_MODULUS (((size_t)1 << PyHASH_BITS) - 1)
#define PyHASH_MULTIPLIER 1000003UL
#define _PyHASH_BITS 61
#define _PyHASH_IMAG PyHASH_IMAG
#define _PyHASH_INF 314159
#define _PyHASH_MODULUS PyHASH_MODULUS
#define _PyHASH_MULTIPLIER PyHASH_MULTIPLIER

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyHash_FuncDef PyHash_FuncDef;

struct PyHash_FuncDef {
    Py_hash_t (*const hash)(const void *, Py_ssize_t);
    const char *name;
    const int hash_bits;
    const int seed_bits;
};

PyAPI_FUNC(PyHash_FuncDef *) PyHash_GetFuncDef(void);
PyAPI_FUNC(Py_hash_t) PyObject_GenericHash(PyObject *);
PyAPI_FUNC(Py_hash_t) Py_HashBuffer(const void *ptr, Py_ssize_t len);
PyAPI_FUNC(Py_hash_t) Py_HashPointer(const void *ptr);
PyAPI_FUNC(Py_hash_t) _Py_HashDouble(PyObject *, double);

static inline Py_hash_t
_Py_HashPointer(const void *ptr)
{
    return Py_HashPointer(ptr);
}

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_HASH_H */
