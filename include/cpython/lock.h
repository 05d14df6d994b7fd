/* PyMutex: one byte, zero when unlocked. Taking a free lock and releasing one that nobody waits for is inlined.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_LOCK_H
#define Py_CPYTHON_LOCK_H

#define _Py_LOCKED 1
#define _Py_UNLOCKED 0

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyMutex PyMutex;

struct PyMutex {
    uint8_t _bits;
};

PyAPI_FUNC(int) PyMutex_IsLocked(PyMutex *m);
PyAPI_FUNC(void) PyMutex_Lock(PyMutex *m);
PyAPI_FUNC(void) PyMutex_Unlock(PyMutex *m);

static inline void
_PyMutex_Lock(PyMutex *m)
{
    uint8_t free_bits = _Py_UNLOCKED;
    if (!_Py_atomic_compare_exchange_uint8(&m->_bits, &free_bits, _Py_LOCKED)) {
        PyMutex_Lock(m);
    }
}
#define PyMutex_Lock _PyMutex_Lock

static inline void
_PyMutex_Unlock(PyMutex *m)
{
    uint8_t held_bits = _Py_LOCKED;
    if (!_Py_atomic_compare_exchange_uint8(&m->_bits, &held_bits, _Py_UNLOCKED)) {
        PyMutex_Unlock(m);
    }
}
#define PyMutex_Unlock _PyMutex_Unlock

static inline int
_PyMutex_IsLocked(PyMutex *m)
{
    return (_Py_atomic_load_uint8(&m->_bits) & _Py_LOCKED) != 0;
}
#define PyMutex_IsLocked _PyMutex_IsLocked

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_LOCK_H */
