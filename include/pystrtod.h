/* Floats from and to text, whatever the locale.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_STRTOD_H
#define Py_STRTOD_H

#define Py_DTSF_ADD_DOT_0 2
#define Py_DTSF_ALT 4
#define Py_DTSF_NO_NEG_0 8
#define Py_DTSF_SIGN 1
#define Py_DTST_FINITE 0
#define Py_DTST_INFINITE 1
#define Py_DTST_NAN 2

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(char *) PyOS_double_to_string(double val, char format_code, int precision, int flags, int *type);
PyAPI_FUNC(double) PyOS_string_to_double(const char *str, char **endptr, PyObject *overflow_exception);

#ifdef __cplusplus
}
#endif

#endif /* Py_STRTOD_H */
