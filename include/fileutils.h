/* Text in the locale's encoding.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_FILEUTILS_H
#define Py_FILEUTILS_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(wchar_t *) Py_DecodeLocale(const char *arg, size_t *size);
PyAPI_FUNC(char *) Py_EncodeLocale(const wchar_t *text, size_t *error_pos);

#ifdef __cplusplus
}
#endif

#include "cpython/fileutils.h"

#endif /* Py_FILEUTILS_H */
