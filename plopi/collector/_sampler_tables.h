/* The tables: code pointers and instructions become functions, locations, a trie of stacks and sums of weights.

   Filled by the drain, with the GIL, and also from a code object's death (see `code_dies` in _sampler.c). So nothing here calls back
   into Python, raises, or lets go of the GIL: memory comes from malloc, and what cannot be had costs a sample, never more. */

#ifndef PLOPI_SAMPLER_TABLES_H
#define PLOPI_SAMPLER_TABLES_H

#include "_sampler_walk.h"

#include <stdlib.h>
#include <string.h>

#define NO_ROW UINT32_MAX
#define SKIPPED (UINT32_MAX - 1) /* a code object whose frames are not shown */
#define ENTERS_PYTHON 255 /* no instruction that a compiler writes (Lib/opcode.py): a call that was seen to lead into a Python function */

/* -- a map of integers: open addressing, linear probing, key 0 is "empty" ---------------------------------------------- */

typedef struct {
    uint64_t *keys;
    uint32_t *values;
    size_t mask, used;
} Map;

static inline size_t spread(uint64_t key) {
    key ^= key >> 32;
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(key ^ (key >> 29));
}

static void map_free(Map *map) {
    free(map->keys);
    free(map->values);
    memset(map, 0, sizeof *map);
}

static void map_clear(Map *map) {
    if (map->used) {
        memset(map->keys, 0, (map->mask + 1) * sizeof *map->keys);
        map->used = 0;
    }
}

static uint32_t map_get(const Map *map, uint64_t key) {
    if (map->keys == NULL) {
        return NO_ROW;
    }
    for (size_t i = spread(key) & map->mask; map->keys[i] != 0; i = (i + 1) & map->mask) {
        if (map->keys[i] == key) {
            return map->values[i];
        }
    }
    return NO_ROW;
}

static void map_insert_new(Map *map, uint64_t key, uint32_t value) {
    size_t i = spread(key) & map->mask;
    while (map->keys[i] != 0) {
        i = (i + 1) & map->mask;
    }
    map->keys[i] = key;
    map->values[i] = value;
    map->used++;
}

/* The key must not be there yet. */
static int map_put(Map *map, uint64_t key, uint32_t value) {
    if (map->keys == NULL || map->used * 3 >= map->mask * 2) {
        size_t size = map->keys == NULL ? 64 : (map->mask + 1) * 2;
        Map larger = {calloc(size, sizeof *larger.keys), malloc(size * sizeof *larger.values), size - 1, 0};
        if (larger.keys == NULL || larger.values == NULL) {
            map_free(&larger);
            return -1;
        }
        for (size_t i = 0; map->keys != NULL && i <= map->mask; i++) {
            if (map->keys[i] != 0) {
                map_insert_new(&larger, map->keys[i], map->values[i]);
            }
        }
        map_free(map);
        *map = larger;
    }
    map_insert_new(map, key, value);
    return 0;
}

/* The key must be there. */
static void map_set(Map *map, uint64_t key, uint32_t value) {
    size_t i = spread(key) & map->mask;
    while (map->keys[i] != key) {
        i = (i + 1) & map->mask;
    }
    map->values[i] = value;
}

static void map_remove(Map *map, uint64_t key) {
    if (map->keys == NULL) {
        return;
    }
    size_t i = spread(key) & map->mask;
    for (; map->keys[i] != key; i = (i + 1) & map->mask) {
        if (map->keys[i] == 0) {
            return;
        }
    }
    map->used--;
    for (size_t j = i;;) { /* close the gap: move back whatever probed across it */
        j = (j + 1) & map->mask;
        if (map->keys[j] == 0) {
            map->keys[i] = 0;
            return;
        }
        size_t home = spread(map->keys[j]) & map->mask;
        if (((j - home) & map->mask) >= ((j - i) & map->mask)) {
            map->keys[i] = map->keys[j];
            map->values[i] = map->values[j];
            i = j;
        }
    }
}

/* -- growing columns --------------------------------------------------------------------------------------------------- */

typedef struct {
    char *rows;
    size_t count, room, width;
} Column;

/* The new row, zeroed, or NULL. */
static void *column_add(Column *column, size_t width) {
    if (column->count == column->room) {
        size_t room = column->room ? column->room * 2 : 64;
        char *rows = realloc(column->rows, room * width);
        if (rows == NULL) {
            return NULL;
        }
        column->rows = rows;
        column->room = room;
        column->width = width;
    }
    return memset(column->rows + width * column->count++, 0, width);
}

#define ROW(column, type, index) ((type *)(column).rows + (index))

static void column_free(Column *column) {
    free(column->rows);
    memset(column, 0, sizeof *column);
}

/* -- the rows ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject *file, *name; /* strong references to exact str */
    int32_t line;
    uint32_t kind;
} Function;

enum { OWN = 1, RUNNER = 2, OWN_WORK = 3 }; /* of plopi itself; of runpy, which stands at the root of a program that plopi started */

typedef struct {
    uint32_t function;
    int32_t line;
} Location;

typedef struct {
    uint32_t parent, location;
} Node;

typedef struct {
    uint32_t node, thread;
    uint64_t count, cpu_ns, wall_ns, native_ns;
} Sum;

typedef struct {
    uint64_t number, ident;
    int64_t tid;
} Thread;

typedef struct {
    PyCodeObject *code; /* borrowed: `code_dies` takes it out of the map before it goes */
    uint32_t function;  /* or SKIPPED */
    uint32_t units;
    uint32_t *location; /* by unit + 1; NO_ROW: not asked for yet */
    uint8_t *compiled;  /* by unit: the instruction before the interpreter changed it, 0 in inline caches, or ENTERS_PYTHON;
                           NULL: not asked for yet */
    uint32_t next_free; /* row + 1 */
} Code;

typedef struct {
    Map code_rows, function_rows, location_rows, node_rows, sum_rows, thread_rows, leaf_rows;
    Map newest;      /* by thread: its last CPU sample in this drain, of those in which it has its first */
    Map last_leaves; /* by thread: stack and mark of its last CPU sample, as `Leaf` packs them */
    Column codes, functions, locations, nodes, sums, threads;
    uint32_t free_code;       /* row + 1 */
    uint32_t gc, truncated;   /* locations */
    uint32_t full;            /* the stack that takes what exceeds max_stacks */
    uint32_t max_stacks;
    size_t functions_told, locations_told, nodes_told; /* how many rows were handed over, in so many goes: */
    uint64_t taken;
    PyCodeObject *dying;     /* the one whose death is being told: whole, but in 3.11 without a reference left */
    PyObject *own_directory; /* whose files are plopi's own */
    PyObject *pass_on;       /* those of them that call the application: what the others call is plopi's own work */
    uint64_t strange;        /* code pointers that led to no code object */
    uint64_t dropped;        /* samples for which there was no memory */
    uint64_t over;           /* samples filed under the full stack */
} Tables;

static void tables_free(Tables *tables) {
    for (size_t i = 0; i < tables->codes.count; i++) {
        free(ROW(tables->codes, Code, i)->location);
        free(ROW(tables->codes, Code, i)->compiled);
    }
    for (size_t i = 0; i < tables->functions.count; i++) {
        Py_XDECREF(ROW(tables->functions, Function, i)->file);
        Py_XDECREF(ROW(tables->functions, Function, i)->name);
    }
    Map *maps[] = {&tables->code_rows, &tables->function_rows, &tables->location_rows, &tables->node_rows,
                   &tables->sum_rows,  &tables->thread_rows,   &tables->leaf_rows,     &tables->last_leaves, &tables->newest};
    Column *columns[] = {&tables->codes, &tables->functions, &tables->locations, &tables->nodes, &tables->sums, &tables->threads};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        map_free(maps[i]);
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        column_free(columns[i]);
    }
    Py_CLEAR(tables->own_directory);
    Py_CLEAR(tables->pass_on);
    memset(tables, 0, sizeof *tables);
}

/* -- functions and locations ------------------------------------------------------------------------------------------- */

static int same_text(PyObject *a, PyObject *b) {
    return a == b || (PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) && PyUnicode_Compare(a, b) == 0);
}

static int text_ends(PyObject *text, const char *end) {
    Py_ssize_t length = (Py_ssize_t)strlen(end), offset = PyUnicode_GET_LENGTH(text) - length;
    for (Py_ssize_t i = 0; i < length; i++) {
        if (offset < 0 || PyUnicode_READ_CHAR(text, offset + i) != (Py_UCS4)end[i]) {
            return 0;
        }
    }
    return 1;
}

static uint32_t kind_of(Tables *tables, PyObject *file) {
    if (PyUnicode_Tailmatch(file, tables->own_directory, 0, PY_SSIZE_T_MAX, -1) == 1) {
        return PySet_Contains(tables->pass_on, file) == 1 ? OWN : OWN_WORK;
    }
    return text_ends(file, "/runpy.py") || PyUnicode_CompareWithASCIIString(file, "<frozen runpy>") == 0 ? RUNNER : 0;
}

/* Two code objects of one file, qualified name and first line are one function, however often it was compiled. Steals nothing. */
static uint32_t function_row(Tables *tables, PyObject *file, PyObject *name, int line) {
    if (!PyUnicode_CheckExact(file) || !PyUnicode_CheckExact(name)) {
        return SKIPPED; /* code.replace(co_filename=...) takes subclasses, whose methods must not run here */
    }
    uint64_t key = (uint64_t)PyObject_Hash(file) * 31 + (uint64_t)PyObject_Hash(name) * 1000003 + (uint64_t)line;
    for (;; key++) {
        key += key == 0;
        uint32_t row = map_get(&tables->function_rows, key);
        if (row == NO_ROW) {
            break;
        }
        Function *known = ROW(tables->functions, Function, row);
        if (known->line == line && same_text(known->file, file) && same_text(known->name, name)) {
            return row;
        }
    }
    uint32_t row = (uint32_t)tables->functions.count;
    if (map_put(&tables->function_rows, key, row) < 0) {
        return NO_ROW;
    }
    Function *function = column_add(&tables->functions, sizeof *function);
    if (function == NULL) {
        map_remove(&tables->function_rows, key);
        return NO_ROW;
    }
    function->file = Py_NewRef(file);
    function->name = Py_NewRef(name);
    function->line = line;
    function->kind = kind_of(tables, file);
    return row;
}

static uint32_t location_row(Tables *tables, uint32_t function, int line) {
    uint64_t key = ((uint64_t)function + 1) << 32 | (uint32_t)line;
    uint32_t row = map_get(&tables->location_rows, key);
    if (row != NO_ROW) {
        return row;
    }
    row = (uint32_t)tables->locations.count;
    Location *location = column_add(&tables->locations, sizeof *location);
    if (location == NULL || map_put(&tables->location_rows, key, row) < 0) {
        tables->locations.count -= location != NULL;
        return NO_ROW;
    }
    *location = (Location){function, line};
    return row;
}

/* -- code objects ------------------------------------------------------------------------------------------------------ */

/* Whether a pointer that a handler saw is a code object. It was one when it was seen, unless the frame was being built at that very
   instruction; what was seen is drained before any code object dies, so it still is. Checked all the same, without trusting it. */
MAY_BE_GONE static int is_code(uintptr_t pointer, uintptr_t dying) {
    View view = {{0}, 0, NULL, 0, 0};
    PyCodeObject *code = (PyCodeObject *)pointer;
    return is_readable(&view, code, sizeof *code) && Py_TYPE(code) == &PyCode_Type && (Py_REFCNT(code) > 0 || pointer == dying) && Py_SIZE(code) > 0 &&
           code->co_filename != NULL && code->co_qualname != NULL;
}

static uint32_t code_row(Tables *tables, uintptr_t pointer) {
    uint32_t row = map_get(&tables->code_rows, pointer);
    if (row != NO_ROW) {
        return row;
    }
    if (!is_code(pointer, (uintptr_t)tables->dying)) {
        tables->strange++;
        return NO_ROW;
    }
    PyCodeObject *object = (PyCodeObject *)pointer;
    uint32_t function = SKIPPED;
    if (!code_is_stand_in(object)) {
        function = function_row(tables, object->co_filename, object->co_qualname, object->co_firstlineno);
        if (function == NO_ROW) {
            return NO_ROW;
        }
    }
    row = tables->free_code ? tables->free_code - 1 : (uint32_t)tables->codes.count;
    Code *code = tables->free_code ? ROW(tables->codes, Code, row) : column_add(&tables->codes, sizeof *code);
    if (code == NULL || map_put(&tables->code_rows, pointer, row) < 0) {
        tables->codes.count -= code != NULL && row == tables->codes.count - 1 && !tables->free_code;
        return NO_ROW;
    }
    tables->free_code = tables->free_code ? code->next_free : 0;
    *code = (Code){object, function, (uint32_t)Py_SIZE(object), NULL, NULL, 0};
    return row;
}

static void forget_code(Tables *tables, PyCodeObject *object) {
    uint32_t row = map_get(&tables->code_rows, (uintptr_t)object);
    if (row == NO_ROW) {
        return;
    }
    map_remove(&tables->code_rows, (uintptr_t)object);
    Code *code = ROW(tables->codes, Code, row);
    free(code->location);
    free(code->compiled);
    *code = (Code){NULL, SKIPPED, 0, NULL, NULL, tables->free_code};
    tables->free_code = row + 1;
}

/* Instructions that the compiler made up have no line: they go with the ones before them. */
static int line_of(PyCodeObject *code, int unit) {
    for (; unit >= 0; unit--) {
        int line = PyCode_Addr2Line(code, unit * (int)sizeof(_Py_CODEUNIT));
        if (line > 0) {
            return line;
        }
    }
    return code->co_firstlineno;
}

/* The code's instructions as compiled, by unit; NULL where there is no memory. An exception that is set stays. */
static uint8_t *compiled_of(Code *code) {
    if (code->compiled == NULL && (code->compiled = malloc(code->units)) != NULL) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyObject *bytes = PyCode_GetCode(code->code);
        PyErr_Restore(type, value, traceback);
        for (uint32_t unit = 0; unit < code->units; unit++) {
            code->compiled[unit] = bytes == NULL ? 0 : (uint8_t)PyBytes_AS_STRING(bytes)[unit * sizeof(_Py_CODEUNIT)];
        }
        Py_XDECREF(bytes);
    }
    return code->compiled;
}

/* A call that led straight into a Python function is not taken for native code again, whatever form it is in. In 3.11 and 3.12 the saved
   place is the last of the call's inline caches. */
static void note_call_of_python(Code *code, size_t unit) {
    uint8_t *compiled = compiled_of(code);
    while (compiled != NULL && compiled[unit] == 0 && unit > 0) {
        unit--;
    }
    if (compiled != NULL) {
        compiled[unit] = ENTERS_PYTHON;
    }
}

/* The location of a frame, SKIPPED, or NO_ROW where it cannot be had. */
static uint32_t frame_location(Tables *tables, uint64_t tagged, int32_t unit) {
    uint32_t row = code_row(tables, (uintptr_t)(tagged & ~(uint64_t)TAGS));
    if (row == NO_ROW) {
        return NO_ROW;
    }
    Code *code = ROW(tables->codes, Code, row);
    if (code->function == SKIPPED) {
        return SKIPPED;
    }
    size_t slot = unit < 0 || (uint32_t)unit >= code->units ? 0 : (size_t)unit + 1;
    if (code->location == NULL) {
        code->location = malloc((code->units + 1) * sizeof *code->location);
        if (code->location == NULL) {
            return NO_ROW;
        }
        memset(code->location, 0xff, (code->units + 1) * sizeof *code->location);
    }
    if (code->location[slot] == NO_ROW) {
        /* the prologue, before the first traceable unit, is filed under the line of the `def` */
        int begun = slot > 0 && ((tagged & OF_GENERATOR) || unit >= code->code->_co_firsttraceable);
        code->location[slot] = location_row(tables, code->function, begun ? line_of(code->code, unit) : code->code->co_firstlineno);
    }
    if (tagged & CALLS_PYTHON && slot) {
        note_call_of_python(code, slot - 1);
    }
    return code->location[slot];
}

/* Whether the leaf's function was inside native code that it had called. To be asked where `stack_of` found a stack. */
static int leaf_runs_native_code(Tables *tables, const Sample *sample) {
    uint32_t row = map_get(&tables->code_rows, sample->code[0] & ~(uint64_t)TAGS);
    Code *code = row != NO_ROW ? ROW(tables->codes, Code, row) : NULL;
    int32_t unit = sample->unit[0];
    if (code == NULL || code->function == SKIPPED || sample->flags & IN_GC || unit < 0 || (uint32_t)unit >= code->units) {
        return 0;
    }
    const uint8_t *compiled = compiled_of(code);
    return compiled != NULL && runs_native_code(compiled[unit], instruction_now(code->code, (uint32_t)unit));
}

/* -- stacks and sums --------------------------------------------------------------------------------------------------- */

static uint32_t node_row(Tables *tables, uint32_t parent, uint32_t location) {
    uint64_t key = ((uint64_t)(parent + 1) << 32) | ((uint64_t)location + 1);
    uint32_t row = map_get(&tables->node_rows, key);
    if (row != NO_ROW) {
        return row;
    }
    row = (uint32_t)tables->nodes.count;
    Node *node = column_add(&tables->nodes, sizeof *node);
    if (node == NULL || map_put(&tables->node_rows, key, row) < 0) {
        tables->nodes.count -= node != NULL;
        return NO_ROW;
    }
    *node = (Node){parent, location};
    return row;
}

static inline uint32_t kind_at(Tables *tables, uint32_t location) {
    return location == SKIPPED ? OWN : ROW(tables->functions, Function, ROW(tables->locations, Location, location)->function)->kind;
}

static inline int is_own(Tables *tables, uint32_t location) {
    uint32_t kind = kind_at(tables, location);
    return kind == OWN || kind == OWN_WORK;
}

/* Whether plopi itself was at work, not the application that it called. */
static int is_own_work(Tables *tables, const uint32_t *leaf_first, int depth) {
    for (int i = 0; i < depth; i++) {
        if (leaf_first[i] != SKIPPED && is_own(tables, leaf_first[i])) {
            return kind_at(tables, leaf_first[i]) == OWN_WORK;
        }
    }
    return 0;
}

/* How many of the root-most frames are what plopi ran the program with: its own and runpy's, if any of them is its own. */
static int frames_of_the_runner(Tables *tables, const uint32_t *leaf_first, int depth) {
    int own = 0, at = depth;
    for (; at > 0 && kind_at(tables, leaf_first[at - 1]); at--) {
        own |= is_own(tables, leaf_first[at - 1]) && leaf_first[at - 1] != SKIPPED;
    }
    return own ? depth - at : 0;
}

/* The stack of a sample, interned, without plopi's own frames; NO_ROW where no frame is left or there was no memory. */
static uint32_t stack_of(Tables *tables, const Sample *sample) {
    uint32_t locations[MAX_DEPTH];
    for (int i = 0; i < sample->depth; i++) {
        locations[i] = frame_location(tables, sample->code[i], sample->unit[i]);
        if (locations[i] == NO_ROW) {
            return NO_ROW; /* half a stack would be a wrong stack */
        }
    }
    if (is_own_work(tables, locations, sample->depth)) {
        return NO_ROW;
    }
    uint32_t node = sample->flags & TRUNCATED ? node_row(tables, NO_ROW, tables->truncated) : NO_ROW;
    uint32_t root = node;
    for (int i = sample->depth - frames_of_the_runner(tables, locations, sample->depth) - 1; i >= 0; i--) {
        if (!is_own(tables, locations[i]) && (node = node_row(tables, node, locations[i])) == NO_ROW) {
            return NO_ROW;
        }
    }
    if (node == root) {
        return NO_ROW;
    }
    return sample->flags & IN_GC ? node_row(tables, node, tables->gc) : node;
}

/* A stack that was seen before, or is among the first max_stacks, stays itself; the rest share one. */
static uint32_t bounded(Tables *tables, uint32_t node) {
    if (map_get(&tables->leaf_rows, (uint64_t)node + 1) != NO_ROW) {
        return node;
    }
    if (tables->leaf_rows.used >= tables->max_stacks || map_put(&tables->leaf_rows, (uint64_t)node + 1, 1) < 0) {
        tables->over++;
        return tables->full;
    }
    return node;
}

static uint32_t thread_row(Tables *tables, const Sample *sample) {
    uint64_t key = (uint64_t)sample->thread + 1;
    uint32_t row = map_get(&tables->thread_rows, key);
    if (row != NO_ROW) {
        return row;
    }
    row = (uint32_t)tables->threads.count;
    Thread *thread = column_add(&tables->threads, sizeof *thread);
    if (thread == NULL || map_put(&tables->thread_rows, key, row) < 0) {
        tables->threads.count -= thread != NULL;
        return NO_ROW;
    }
    *thread = (Thread){sample->thread, sample->ident, sample->tid};
    return row;
}

/* Where CPU time goes: a stack, and whether its leaf was in native code. */
typedef struct {
    uint32_t node;
    int native;
} Leaf;

static int add_weights(Tables *tables, Leaf leaf, uint32_t thread, uint64_t count, uint64_t cpu_ns, uint64_t wall_ns) {
    uint32_t node = leaf.node;
    uint64_t key = ((uint64_t)node + 1) << 32 | thread;
    uint32_t row = map_get(&tables->sum_rows, key);
    if (row == NO_ROW) {
        row = (uint32_t)tables->sums.count;
        Sum *sum = column_add(&tables->sums, sizeof *sum);
        if (sum == NULL || map_put(&tables->sum_rows, key, row) < 0) {
            tables->sums.count -= sum != NULL;
            return -1;
        }
        sum->node = node;
        sum->thread = thread;
    }
    Sum *sum = ROW(tables->sums, Sum, row);
    sum->count += count;
    sum->cpu_ns += cpu_ns;
    sum->wall_ns += wall_ns;
    sum->native_ns += leaf.native ? cpu_ns : 0;
    return 0;
}

#define MAX_LAST_LEAVES 65536

/* Where the thread's CPU sample before this one went (node NO_ROW: nowhere); from now on it is `leaf`. */
static Leaf swap_last_leaf(Tables *tables, uint32_t thread, Leaf leaf) {
    uint64_t key = (uint64_t)thread + 1;
    uint32_t packed = leaf.node << 1 | (uint32_t)leaf.native, last = map_get(&tables->last_leaves, key);
    if (last == NO_ROW && tables->last_leaves.used >= MAX_LAST_LEAVES) {
        map_clear(&tables->last_leaves); /* threads come and go: most of these are gone */
    }
    if (last == NO_ROW) {
        map_put(&tables->last_leaves, key, packed);
        return (Leaf){NO_ROW, 0};
    }
    map_set(&tables->last_leaves, key, packed);
    return (Leaf){last >> 1, (int)(last & 1)};
}

/* Empty tables with the two functions that are no code object's. */
static int tables_open(Tables *tables, uint32_t max_stacks, PyObject *own_directory, PyObject *pass_on) {
    memset(tables, 0, sizeof *tables);
    tables->own_directory = Py_NewRef(own_directory);
    tables->pass_on = Py_NewRef(pass_on);
    PyObject *nowhere = PyUnicode_FromString(""), *gc = PyUnicode_FromString("<gc>"), *cut = PyUnicode_FromString("<truncated>");
    int made = 0;
    if (nowhere != NULL && gc != NULL && cut != NULL) {
        tables->gc = location_row(tables, function_row(tables, nowhere, gc, 0), 0);
        tables->truncated = location_row(tables, function_row(tables, nowhere, cut, 0), 0);
        tables->full = node_row(tables, NO_ROW, tables->truncated);
        tables->max_stacks = max_stacks;
        made = tables->gc != NO_ROW && tables->truncated != NO_ROW && tables->full != NO_ROW;
    }
    Py_XDECREF(nowhere);
    Py_XDECREF(gc);
    Py_XDECREF(cut);
    if (!made) {
        tables_free(tables);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return -1;
    }
    return 0;
}

#endif
