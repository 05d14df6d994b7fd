/* Compiler flags.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_COMPILE_H
#define Py_CPYTHON_COMPILE_H

#define PY_INVALID_STACK_EFFECT INT_MAX
#define PyCF_ALLOW_INCOMPLETE_INPUT 16384
#define PyCF_ALLOW_TOP_LEVEL_AWAIT 8192
#define PyCF_COMPILE_MASK 62976
#define PyCF_DONT_IMPLY_DEDENT 512
#define PyCF_IGNORE_COOKIE 2048
#define PyCF_MASK 33423360
#define PyCF_MASK_OBSOLETE 16
#define PyCF_ONLY_AST 1024
#define PyCF_OPTIMIZED_AST 33792
#define PyCF_SOURCE_IS_UTF8 256
#define PyCF_TYPE_COMMENTS 4096

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyCompilerFlags PyCompilerFlags;

struct PyCompilerFlags {
    int cf_flags;
    int cf_feature_version;
};

PyAPI_FUNC(int) PyCompile_OpcodeStackEffect(int opcode, int oparg);
PyAPI_FUNC(int) PyCompile_OpcodeStackEffectWithJump(int opcode, int oparg, int jump);

#define _PyCompilerFlags_INIT _Py_STATIC_CAST(PyCompilerFlags, (PyCompilerFlags){0, PY_MINOR_VERSION})

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_COMPILE_H */
