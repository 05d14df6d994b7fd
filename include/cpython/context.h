/* Contexts and context variables.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CONTEXT_H
#define Py_CONTEXT_H

typedef enum PyContextEvent {
    Py_CONTEXT_SWITCHED = 1
} PyContextEvent;

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _pycontextobject PyContext;
typedef struct _pycontexttokenobject PyContextToken;
typedef struct _pycontextvarobject PyContextVar;
typedef int (*PyContext_WatchCallback)(PyContextEvent, PyObject *);

PyAPI_DATA(PyTypeObject) PyContextToken_Type;
PyAPI_DATA(PyTypeObject) PyContextVar_Type;
PyAPI_DATA(PyTypeObject) PyContext_Type;

PyAPI_FUNC(int) PyContextVar_Get(PyObject *var, PyObject *default_value, PyObject **value);
PyAPI_FUNC(PyObject *) PyContextVar_New(const char *name, PyObject *default_value);
PyAPI_FUNC(int) PyContextVar_Reset(PyObject *var, PyObject *token);
PyAPI_FUNC(PyObject *) PyContextVar_Set(PyObject *var, PyObject *value);
PyAPI_FUNC(int) PyContext_AddWatcher(PyContext_WatchCallback callback);
PyAPI_FUNC(int) PyContext_ClearWatcher(int watcher_id);
PyAPI_FUNC(PyObject *) PyContext_Copy(PyObject *);
PyAPI_FUNC(PyObject *) PyContext_CopyCurrent(void);
PyAPI_FUNC(int) PyContext_Enter(PyObject *);
PyAPI_FUNC(int) PyContext_Exit(PyObject *);
PyAPI_FUNC(PyObject *) PyContext_New(void);

#define PyContext_CheckExact(o) Py_IS_TYPE((o), &PyContext_Type)
#define PyContextVar_CheckExact(o) Py_IS_TYPE((o), &PyContextVar_Type)
#define PyContextToken_CheckExact(o) Py_IS_TYPE((o), &PyContextToken_Type)

#ifdef __cplusplus
}
#endif

#endif /* Py_CONTEXT_H */
