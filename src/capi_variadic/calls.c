/* Calls whose arguments are C values (by a build format) or a NULL-terminated list of objects. */
#include "shim.h"

static PyObject *
null_callable(void)
{
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    }
    return NULL;
}

static PyObject *
call_built(PyObject *callable, const char *format, va_list va)
{
    if (callable == NULL) {
        return null_callable();
    }
    if (format == NULL || *format == '\0') {
        return PyObject_CallNoArgs(callable);
    }
    Py_ssize_t count;
    PyObject **stack = fw_build_stack(format, va, &count);
    if (stack == NULL) {
        return NULL;
    }
    PyObject *result;
    if (count == 1 && PyTuple_Check(stack[1])) {
        /* One tuple is the tuple of the arguments. */
        result = PyObject_Call(callable, stack[1], NULL);
    }
    else {
        result = PyObject_Vectorcall(callable, stack + 1, (size_t)count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    for (Py_ssize_t i = 1; i <= count; i++) {
        Py_DECREF(stack[i]);
    }
    PyMem_Free(stack);
    return result;
}

static PyObject *
call_attribute(PyObject *callable, const char *format, va_list va)
{
    if (callable == NULL) {
        return NULL;
    }
    PyObject *result = NULL;
    if (!PyCallable_Check(callable)) {
        SHIM(PyErr_Format)(PyExc_TypeError, "attribute of type '%.200s' is not callable", Py_TYPE(callable)->tp_name);
    }
    else {
        result = call_built(callable, format, va);
    }
    Py_DECREF(callable);
    return result;
}

PyObject *
SHIM(PyObject_CallFunction)(PyObject *callable, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *result = call_built(callable, format, va);
    va_end(va);
    return result;
}

PyObject *
SHIM(_PyObject_CallFunction_SizeT)(PyObject *callable, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *result = call_built(callable, format, va);
    va_end(va);
    return result;
}

/* Of old: the format always makes the tuple of the arguments. */
PyObject *
SHIM(PyEval_CallFunction)(PyObject *callable, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *args = SHIM(Py_VaBuildValue)(format, va);
    va_end(va);
    if (args == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_CallObject(callable, args);
    Py_DECREF(args);
    return result;
}

PyObject *
SHIM(PyEval_CallMethod)(PyObject *obj, const char *name, const char *format, ...)
{
    PyObject *method = PyObject_GetAttrString(obj, name);
    if (method == NULL) {
        return NULL;
    }
    va_list va;
    va_start(va, format);
    PyObject *args = SHIM(Py_VaBuildValue)(format, va);
    va_end(va);
    PyObject *result = args ? PyObject_CallObject(method, args) : NULL;
    Py_XDECREF(args);
    Py_DECREF(method);
    return result;
}

PyObject *
SHIM(PyObject_CallMethod)(PyObject *obj, const char *name, const char *format, ...)
{
    if (obj == NULL || name == NULL) {
        return null_callable();
    }
    va_list va;
    va_start(va, format);
    PyObject *result = call_attribute(PyObject_GetAttrString(obj, name), format, va);
    va_end(va);
    return result;
}

PyObject *
SHIM(_PyObject_CallMethod_SizeT)(PyObject *obj, const char *name, const char *format, ...)
{
    if (obj == NULL || name == NULL) {
        return null_callable();
    }
    va_list va;
    va_start(va, format);
    PyObject *result = call_attribute(PyObject_GetAttrString(obj, name), format, va);
    va_end(va);
    return result;
}

PyObject *
SHIM(_PyObject_CallMethod)(PyObject *obj, PyObject *name, const char *format, ...)
{
    if (obj == NULL || name == NULL) {
        return null_callable();
    }
    va_list va;
    va_start(va, format);
    PyObject *result = call_attribute(PyObject_GetAttr(obj, name), format, va);
    va_end(va);
    return result;
}

PyObject *
SHIM(_PyObject_CallMethodId)(PyObject *obj, _Py_Identifier *name, const char *format, ...)
{
    if (obj == NULL || name == NULL) {
        return null_callable();
    }
    PyObject *name_object = _PyUnicode_FromId(name); /* borrowed */
    if (name_object == NULL) {
        return NULL;
    }
    va_list va;
    va_start(va, format);
    PyObject *result = call_attribute(PyObject_GetAttr(obj, name_object), format, va);
    va_end(va);
    return result;
}

/* Collects objects up to a NULL, after `first` places left free. */
static PyObject **
collect(va_list va, Py_ssize_t first, PyObject **small, Py_ssize_t small_size, Py_ssize_t *count)
{
    va_list ahead;
    Py_ssize_t n = 0;
    va_copy(ahead, va);
    while (va_arg(ahead, PyObject *) != NULL) {
        n++;
    }
    va_end(ahead);
    PyObject **stack = first + n <= small_size ? small : PyMem_New(PyObject *, first + n);
    if (stack == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    va_copy(ahead, va);
    for (Py_ssize_t i = 0; i < n; i++) {
        stack[first + i] = va_arg(ahead, PyObject *);
    }
    va_end(ahead);
    *count = n;
    return stack;
}

PyObject *
SHIM(PyObject_CallFunctionObjArgs)(PyObject *callable, ...)
{
    if (callable == NULL) {
        return null_callable();
    }
    PyObject *small[8];
    Py_ssize_t count;
    va_list va;
    va_start(va, callable);
    PyObject **stack = collect(va, 1, small, Py_ARRAY_LENGTH(small), &count);
    va_end(va);
    if (stack == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Vectorcall(callable, stack + 1, (size_t)count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (stack != small) {
        PyMem_Free(stack);
    }
    return result;
}

PyObject *
SHIM(PyObject_CallMethodObjArgs)(PyObject *obj, PyObject *name, ...)
{
    if (obj == NULL || name == NULL) {
        return null_callable();
    }
    PyObject *small[8];
    Py_ssize_t count;
    va_list va;
    va_start(va, name);
    PyObject **stack = collect(va, 2, small, Py_ARRAY_LENGTH(small), &count);
    va_end(va);
    if (stack == NULL) {
        return NULL;
    }
    stack[1] = obj;
    PyObject *result =
        PyObject_VectorcallMethod(name, stack + 1, (size_t)(count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (stack != small) {
        PyMem_Free(stack);
    }
    return result;
}
