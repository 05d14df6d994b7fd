/* Modules, and the definitions that extension modules are made from.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_MODULEOBJECT_H
#define Py_MODULEOBJECT_H

#define Py_MOD_GIL_NOT_USED ((void *)1)
#define Py_MOD_GIL_USED ((void *)0)
#define Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED ((void *)0)
#define Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED ((void *)1)
#define Py_MOD_PER_INTERPRETER_GIL_SUPPORTED ((void *)2)
#define Py_mod_create 1
#define Py_mod_exec 2
#define Py_mod_gil 4
#define Py_mod_multiple_interpreters 3
#define _Py_mod_LAST_SLOT 4

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyModuleDef_Base PyModuleDef_Base;

struct PyModuleDef_Base {
    PyObject ob_base;
    PyObject *(*m_init)(void);
    Py_ssize_t m_index;
    PyObject *m_copy;
};

struct PyModuleDef {
    PyModuleDef_Base m_base;
    const char *m_name;
    const char *m_doc;
    Py_ssize_t m_size;
    PyMethodDef *m_methods;
    PyModuleDef_Slot *m_slots;
    traverseproc m_traverse;
    inquiry m_clear;
    freefunc m_free;
};

struct PyModuleDef_Slot {
    int slot;
    void *value;
};

PyAPI_DATA(PyTypeObject) PyModuleDef_Type;
PyAPI_DATA(PyTypeObject) PyModule_Type;

PyAPI_FUNC(PyObject *) PyModuleDef_Init(PyModuleDef *);
PyAPI_FUNC(PyModuleDef *) PyModule_GetDef(PyObject *);
PyAPI_FUNC(PyObject *) PyModule_GetDict(PyObject *);
PyAPI_FUNC(const char *) PyModule_GetFilename(PyObject *);
PyAPI_FUNC(PyObject *) PyModule_GetFilenameObject(PyObject *);
PyAPI_FUNC(const char *) PyModule_GetName(PyObject *);
PyAPI_FUNC(PyObject *) PyModule_GetNameObject(PyObject *);
PyAPI_FUNC(void *) PyModule_GetState(PyObject *);
PyAPI_FUNC(PyObject *) PyModule_New(const char *name);
PyAPI_FUNC(PyObject *) PyModule_NewObject(PyObject *name);
PyAPI_FUNC(int) PyUnstable_Module_SetGIL(PyObject *module, void *gil);

#define PyModuleDef_HEAD_INIT {PyObject_HEAD_INIT(_Py_NULL) _Py_NULL, 0, _Py_NULL}
#define PyModule_Check(op) PyObject_TypeCheck((op), &PyModule_Type)
#define PyModule_CheckExact(op) Py_IS_TYPE((op), &PyModule_Type)

#ifdef __cplusplus
}
#endif

#endif /* Py_MODULEOBJECT_H */
