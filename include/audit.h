/* Audit events.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef _Py_AUDIT_H
#define _Py_AUDIT_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(int) PySys_Audit(const char *event, const char *argFormat, ...);
PyAPI_FUNC(int) PySys_AuditTuple(const char *event, PyObject *args);

#ifdef __cplusplus
}
#endif

#include "cpython/audit.h"

#endif /* _Py_AUDIT_H */
