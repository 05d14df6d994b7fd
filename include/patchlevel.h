/* The version of Python that these headers are for.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef _Py_PATCHLEVEL_H
#define _Py_PATCHLEVEL_H

#define PY_VERSION "3.14.10"
#define _Py_PACK_FULL_VERSION(X, Y, Z, LEVEL, SERIAL) \
    ((((X) & 0xff) << 24) | (((Y) & 0xff) << 16) | (((Z) & 0xff) << 8) | (((LEVEL) & 0xf) << 4) | ((SERIAL) & 0xf))

#define PY_MAJOR_VERSION 3
#define PY_MICRO_VERSION 10
#define PY_MINOR_VERSION 14
#define PY_RELEASE_LEVEL 15
#define PY_RELEASE_LEVEL_ALPHA 10
#define PY_RELEASE_LEVEL_BETA 11
#define PY_RELEASE_LEVEL_FINAL 15
#define PY_RELEASE_LEVEL_GAMMA 12
#define PY_RELEASE_SERIAL 0
#define PY_VERSION_HEX 0x030E0AF0

#endif /* _Py_PATCHLEVEL_H */
