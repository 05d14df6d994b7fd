/* What the variadic shims share.

   Stable Rust defines no C variadics, so the functions of the API that take `...` or a va_list have
   their bodies here, in C. Each is named fw_shim_NAME; src/variadic.rs exports NAME as a jump to it.
   The shims know no object's inside: they call the ordinary functions of the API. */
#ifndef FREEWHEEL_SHIM_H
#define FREEWHEEL_SHIM_H

#include <Python.h>

#define SHIM(NAME) fw_shim_##NAME

/* A va_list that can be handed down by pointer on every platform. */
typedef struct {
    va_list ap;
} Arguments;

/* Bodies that other shims call. */
PyObject *SHIM(PyUnicode_FromFormatV)(const char *format, va_list vargs);
PyObject *SHIM(PyErr_FormatV)(PyObject *exception, const char *format, va_list vargs);
PyObject *SHIM(PyErr_Format)(PyObject *exception, const char *format, ...);
PyObject *SHIM(Py_VaBuildValue)(const char *format, va_list va);
int SHIM(PyOS_snprintf)(char *str, size_t size, const char *format, ...);

/* The objects that a build format makes, for a call: NULL with an exception, or an array to be freed with
   PyMem_Free, holding `count` owned references, its first place left free for a callable's self. */
PyObject **fw_build_stack(const char *format, va_list va, Py_ssize_t *count);

/* From src/: raises through sys.unraisablehook, with a message of our own (NULL: the default). */
void fw_write_unraisable(PyObject *message, PyObject *object);

/* Converter of "O&", and what PyArg_* calls again to undo it. */
typedef int (*Converter)(PyObject *, void *);

static inline const char *
fw_type_name(PyObject *object)
{
    return object == Py_None ? "None" : Py_TYPE(object)->tp_name;
}

#endif /* FREEWHEEL_SHIM_H */
