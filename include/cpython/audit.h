/* Audit hooks.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef _Py_CPYTHON_AUDIT_H
#define _Py_CPYTHON_AUDIT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef int (*Py_AuditHookFunction)(const char *, PyObject *, void *);

PyAPI_FUNC(int) PySys_AddAuditHook(Py_AuditHookFunction, void *);

#ifdef __cplusplus
}
#endif

#endif /* _Py_CPYTHON_AUDIT_H */
