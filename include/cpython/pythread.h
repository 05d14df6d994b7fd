/* Thread-specific storage: the key's layout.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_PYTHREAD_H
#define Py_CPYTHON_PYTHREAD_H

#define PYTHREAD_INVALID_THREAD_ID ((unsigned long)-1)

#ifdef __cplusplus
extern "C" {
#endif

struct _Py_tss_t {
    int _is_initialized;
    pthread_key_t _key;
};

PyAPI_DATA(const long long) PY_TIMEOUT_MAX;

#define Py_tss_NEEDS_INIT {0, 0}

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_PYTHREAD_H */
