/* One parse of arguments: what getargs.c offers to keywords.c. */
#ifndef FREEWHEEL_GETARGS_H
#define FREEWHEEL_GETARGS_H

#include "shim.h"

#define FW_MAX_NESTING 32

/* Something to undo when a later argument fails. */
typedef struct {
    enum { FW_FREE_POINTER, FW_RELEASE_BUFFER, FW_CALL_CONVERTER } kind;
    void *target;
    Converter converter;
} Undo;

typedef struct {
    Arguments *arguments;      /* where the results go */
    const char *function;      /* after ':' in the format, or NULL */
    const char *message;       /* after ';' in the format, or NULL */
    const char *problem;       /* why the last conversion failed, when no exception says it */
    char problem_text[256];
    int levels[FW_MAX_NESTING]; /* path into nested tuples, from the outermost, one-based; ends with 0 */
    Undo small[8];
    Undo *undo;
    Py_ssize_t undo_count, undo_allocated;
} Parse;

void fw_parse_begin(Parse *p, Arguments *arguments, const char *function, const char *message);
/* Ends a parse: keeps or undoes what was converted. Returns `ok`. */
int fw_parse_end(Parse *p, int ok);
/* Converts one argument by the unit at *format, and moves past it. 0: see fw_parse_error. */
int fw_convert(Parse *p, PyObject *argument, const char **format, int level);
/* Raises for argument number `index` (from 1), unless an exception is set already. */
void fw_parse_error(Parse *p, Py_ssize_t index);
/* Moves past a unit without an argument, taking its targets off the arguments. NULL, or what is wrong. */
const char *fw_skip(const char **format, Arguments *arguments);

static inline const char *
fw_function_name(const char *function)
{
    return function ? function : "function";
}

static inline const char *
fw_parentheses(const char *function)
{
    return function ? "()" : "";
}

static inline int
fw_format_ends(char c)
{
    return c == '\0' || c == ';' || c == ':';
}

#endif /* FREEWHEEL_GETARGS_H */
