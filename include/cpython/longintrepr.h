/* The layout of int: digits of 30 bits, and a tag that holds their number and the sign.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_LONGINTREPR_H
#define Py_LONGINTREPR_H

#define PyLong_BASE ((digit)1 << PyLong_SHIFT)
#define PyLong_MASK ((digit)(PyLong_BASE - 1))
#define PyLong_SHIFT 30
#define _PyLong_DECIMAL_BASE ((digit)1000000000)
#define _PyLong_DECIMAL_SHIFT 9
#define _PyLong_NON_SIZE_BITS 3
#define _PyLong_SIGN_MASK 3

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyLongExport PyLongExport;
typedef struct PyLongLayout PyLongLayout;
typedef struct PyLongWriter PyLongWriter;
typedef struct _PyLongValue _PyLongValue;
typedef uint32_t digit;
typedef int32_t sdigit;
typedef int64_t stwodigits;
typedef uint64_t twodigits;

struct PyLongExport {
    int64_t value;
    uint8_t negative;
    Py_ssize_t ndigits;
    const void *digits;
    Py_uintptr_t _reserved;
};

struct PyLongLayout {
    uint8_t bits_per_digit;
    uint8_t digit_size;
    int8_t digits_order;
    int8_t digit_endianness;
};

struct _PyLongValue {
    uintptr_t lv_tag;
    digit ob_digit[1];
};

struct _longobject {
    PyObject ob_base;
    _PyLongValue long_value;
};

PyAPI_FUNC(PyLongWriter *) PyLongWriter_Create(int negative, Py_ssize_t ndigits, void **digits);
PyAPI_FUNC(void) PyLongWriter_Discard(PyLongWriter *writer);
PyAPI_FUNC(PyObject *) PyLongWriter_Finish(PyLongWriter *writer);
PyAPI_FUNC(int) PyLong_Export(PyObject *obj, PyLongExport *export_long);
PyAPI_FUNC(void) PyLong_FreeExport(PyLongExport *export_long);
PyAPI_FUNC(const PyLongLayout *) PyLong_GetNativeLayout(void);
PyAPI_FUNC(PyObject *) _PyLong_Copy(PyLongObject *src);
PyAPI_FUNC(PyLongObject *) _PyLong_FromDigits(int negative, Py_ssize_t digit_count, digit *digits);
PyAPI_FUNC(PyLongObject *) _PyLong_New(Py_ssize_t);

/* A compact int has at most one digit; its value fits a Py_ssize_t. */
static inline int
_PyLong_IsCompact(const PyLongObject *op)
{
    return op->long_value.lv_tag < ((uintptr_t)2 << _PyLong_NON_SIZE_BITS);
}
#define PyUnstable_Long_IsCompact _PyLong_IsCompact

static inline Py_ssize_t
_PyLong_CompactValue(const PyLongObject *op)
{
    assert(_PyLong_IsCompact(op));
    /* The tag's low bits: 0 positive, 1 zero, 2 negative. */
    Py_ssize_t sign = 1 - (Py_ssize_t)(op->long_value.lv_tag & _PyLong_SIGN_MASK);
    return sign * (Py_ssize_t)op->long_value.ob_digit[0];
}
#define PyUnstable_Long_CompactValue _PyLong_CompactValue

#ifdef __cplusplus
}
#endif

#endif /* Py_LONGINTREPR_H */
