/* Names of the structures that several headers need before one of them defines them.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYTYPEDEFS_H
#define Py_PYTYPEDEFS_H

struct _PyInterpreterFrame;
struct _PyCoMonitoringData;
struct _PyExecutorObject;
struct _PyArg_Parser;
struct wrapperbase;
struct _inittab;
struct _frozen;

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyCodeObject PyCodeObject;
typedef struct _frame PyFrameObject;
typedef struct PyGetSetDef PyGetSetDef;
typedef struct _is PyInterpreterState;
typedef struct _longobject PyLongObject;
typedef struct PyMemberDef PyMemberDef;
typedef struct PyMethodDef PyMethodDef;
typedef struct PyModuleDef PyModuleDef;
typedef struct PyModuleDef_Slot PyModuleDef_Slot;
typedef struct _object PyObject;
typedef struct _ts PyThreadState;
typedef struct _typeobject PyTypeObject;

#ifdef __cplusplus
}
#endif

#endif /* Py_PYTYPEDEFS_H */
