/* Visibility of symbols: PyAPI_FUNC and PyAPI_DATA declare the API, PyMODINIT_FUNC a module's entry.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_EXPORTS_H
#define Py_EXPORTS_H

#if defined(__GNUC__) || defined(__clang__)
#  define Py_IMPORTED_SYMBOL __attribute__((visibility("default")))
#  define Py_EXPORTED_SYMBOL __attribute__((visibility("default")))
#  define Py_LOCAL_SYMBOL __attribute__((visibility("hidden")))
#else
#  define Py_IMPORTED_SYMBOL
#  define Py_EXPORTED_SYMBOL
#  define Py_LOCAL_SYMBOL
#endif

#define PyAPI_FUNC(RTYPE) Py_EXPORTED_SYMBOL RTYPE
#define PyAPI_DATA(RTYPE) extern Py_EXPORTED_SYMBOL RTYPE

#ifdef __cplusplus
#  define PyMODINIT_FUNC extern "C" Py_EXPORTED_SYMBOL PyObject *
#else
#  define PyMODINIT_FUNC Py_EXPORTED_SYMBOL PyObject *
#endif

#endif /* Py_EXPORTS_H */
