/* A pstats dump straight into columns.

The same reading as pstats_reader.py: directed by the dump's schema, nothing recurses, every length is held against what is left.
It tells two faults itself (the dump ends early, a bound is passed) and leaves whatever else is unusual to the Python reader, which
knows all layouts and words every error; so there is one reader to say what is right, and this one is only ever faster.
*/

#include "_fast.h"

enum { FINE, ASK_PYTHON, ENDS_EARLY, TOO_MANY_FUNCTIONS, TOO_MANY_EDGES, RAISED };
enum { NOTHING, STRING, WHOLE, REAL, FUNCTION };
enum { FLAG = 0x80, SAMPLED = -1, FAILED = -2 };
#define MAX_SECONDS 9223372036.854775807
#define STEP (4 << 20)

typedef struct {
    int64_t at; /* in the dump; of a number: itself */
    double real;
    int32_t size, id; /* id among the strings, -1 while unknown */
    uint8_t kind;
} Object;

typedef struct {
    Object *at;
    size_t size, room;
} Objects;

typedef struct {
    const unsigned char *data;
    Py_ssize_t size, at;
    Seed seed;
    Py_ssize_t max_functions, max_edges, max_string;
    Objects refs, interned;
    Table strings, functions;
    Column offsets, name, file, line, total[4], called_by, defined, edge[6];
    PyObject *blob;
    Py_ssize_t blob_size, blob_room;
    int sampled, counted, why;
} Dump;

static int stop(Dump *dump, int why) {
    dump->why = why;
    return FAILED;
}

#define NEED(dump, bytes)                                                                                                    \
    if ((dump)->size - (dump)->at < (Py_ssize_t)(bytes))                                                                     \
    return stop(dump, ENDS_EARLY)
#define TRY(call)                                                                                                            \
    if ((call) == FAILED)                                                                                                    \
    return FAILED

static int32_t int32_at(const unsigned char *at) {
    return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
}

static uint64_t uint64_at(const unsigned char *at) {
    return (uint64_t)(uint32_t)int32_at(at) | (uint64_t)(uint32_t)int32_at(at + 4) << 32;
}

static double real_at(const unsigned char *at) {
    uint64_t bits = uint64_at(at);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static int remember(Dump *dump, Objects *objects, Object object) {
    if (objects->size == objects->room) {
        size_t room = objects->room ? objects->room * 2 : 1024;
        Object *at = realloc(objects->at, room * sizeof *at);
        if (!at) {
            PyErr_NoMemory();
            return stop(dump, RAISED);
        }
        objects->at = at;
        objects->room = room;
    }
    objects->at[objects->size++] = object;
    return 0;
}

static const Object *referred(Dump *dump, int kind) {
    int32_t index = int32_at(dump->data + dump->at);
    dump->at += 4;
    if (index < 0 || (size_t)index >= dump->refs.size || (kind && dump->refs.at[index].kind != kind)) {
        stop(dump, ASK_PYTHON);
        return NULL;
    }
    return &dump->refs.at[index];
}

/* --- numbers --- */

/* A long int's digits of 15 bits. */
static int read_long(Dump *dump, int64_t *value) {
    NEED(dump, 4);
    int32_t size = int32_at(dump->data + dump->at);
    if (size < 0 || size > 4)
        return stop(dump, ASK_PYTHON);
    dump->at += 4;
    NEED(dump, 2 * size);
    *value = 0;
    for (int32_t place = 0; place < size; place++, dump->at += 2) {
        uint32_t digit = dump->data[dump->at] | (uint32_t)dump->data[dump->at + 1] << 8;
        if (digit > 0x7fff)
            return stop(dump, ASK_PYTHON);
        *value |= (int64_t)digit << 15 * place;
    }
    return 0;
}

/* A whole number that is not negative. */
static int read_whole(Dump *dump, int64_t *value) {
    NEED(dump, 1);
    unsigned char kind = dump->data[dump->at++];
    switch (kind & ~FLAG) {
    case 'i':
        NEED(dump, 4);
        *value = int32_at(dump->data + dump->at);
        dump->at += 4;
        break;
    case 'I':
        NEED(dump, 8);
        *value = (int64_t)uint64_at(dump->data + dump->at);
        dump->at += 8;
        break;
    case 'l':
        TRY(read_long(dump, value));
        break;
    case 'r': {
        if (kind & FLAG)
            return stop(dump, ASK_PYTHON);
        NEED(dump, 4);
        const Object *found = referred(dump, WHOLE);
        if (!found)
            return FAILED;
        *value = found->at;
        return 0;
    }
    default:
        return stop(dump, ASK_PYTHON);
    }
    if (*value < 0)
        return stop(dump, ASK_PYTHON);
    if (kind & FLAG)
        TRY(remember(dump, &dump->refs, (Object){.kind = WHOLE, .at = *value}));
    return 0;
}

/* A float as text: plain digits only, of which C's and Python's readers have one opinion. */
static int read_text_of_real(Dump *dump, double *value) {
    char text[256];
    NEED(dump, 1);
    size_t size = dump->data[dump->at++];
    NEED(dump, size);
    memcpy(text, dump->data + dump->at, size);
    text[size] = 0;
    dump->at += (Py_ssize_t)size;
    if (!size || strspn(text, "0123456789+-.e") != size)
        return stop(dump, ASK_PYTHON);
    char *end = NULL;
    *value = PyOS_string_to_double(text, &end, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return stop(dump, ASK_PYTHON);
    }
    return end == text + size ? 0 : stop(dump, ASK_PYTHON);
}

static int in_nanoseconds(Dump *dump, double seconds, int64_t *value) {
    if (!(seconds >= 0 && seconds < MAX_SECONDS))
        return stop(dump, ASK_PYTHON);
    double product = seconds * 1e9; /* rounded by itself: see -ffp-contract in setup.py */
    *value = (int64_t)(product + 0.5);
    return 0;
}

static int read_time(Dump *dump, int64_t *value) {
    NEED(dump, 1);
    unsigned char kind = dump->data[dump->at], bare = kind & (unsigned char)~FLAG;
    double seconds;
    if (bare == 'g' || bare == 'f') {
        dump->at++;
        if (bare == 'g') {
            NEED(dump, 8);
            seconds = real_at(dump->data + dump->at);
            dump->at += 8;
        } else
            TRY(read_text_of_real(dump, &seconds));
        if (kind & FLAG)
            TRY(remember(dump, &dump->refs, (Object){.kind = REAL, .real = seconds}));
    } else if (kind == 'r') {
        dump->at++;
        NEED(dump, 4);
        const Object *found = referred(dump, 0);
        if (!found)
            return FAILED;
        if (found->kind != REAL && found->kind != WHOLE)
            return stop(dump, ASK_PYTHON);
        seconds = found->kind == REAL ? found->real : (double)found->at;
    } else {
        int64_t whole;
        TRY(read_whole(dump, &whole));
        seconds = (double)whole;
    }
    return in_nanoseconds(dump, seconds, value);
}

/* --- strings --- */

/* UTF-8 of what Unicode has, without surrogates, in its shortest form. */
static int is_utf8(const unsigned char *at, int32_t size) {
    const unsigned char *end = at + size;
    while (at < end) {
        unsigned char lead = *at++;
        if (lead < 0x80)
            continue;
        int more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
        if (!more || end - at < more)
            return 0;
        unsigned char low = 0x80, high = 0xbf;
        if (lead == 0xe0)
            low = 0xa0;
        if (lead == 0xed)
            high = 0x9f;
        if (lead == 0xf0)
            low = 0x90;
        if (lead == 0xf4)
            high = 0x8f;
        for (int i = 0; i < more; i++, low = 0x80, high = 0xbf)
            if (*at < low || *at++ > high)
                return 0;
    }
    return 1;
}

/* A string, where it stands; ``known`` says where its id is kept for the next time: a place among refs, or ~place among interned. */
static int read_string(Dump *dump, Object *string, int64_t *known) {
    NEED(dump, 1);
    unsigned char kind = dump->data[dump->at++], bare = kind & (unsigned char)~FLAG;
    *known = INT64_MAX;
    int64_t size;
    if (bare == 'z' || bare == 'Z') {
        NEED(dump, 1);
        size = dump->data[dump->at++];
    } else if (kind == 'r' || kind == 'R') {
        NEED(dump, 4);
        int32_t index = int32_at(dump->data + dump->at);
        const Objects *objects = kind == 'r' ? &dump->refs : &dump->interned;
        dump->at += 4;
        if (index < 0 || (size_t)index >= objects->size || objects->at[index].kind != STRING)
            return stop(dump, ASK_PYTHON);
        *string = objects->at[index];
        *known = kind == 'r' ? index : ~(int64_t)index;
        return 0;
    } else if (bare && strchr("aAuts", bare)) {
        NEED(dump, 4);
        size = int32_at(dump->data + dump->at);
        dump->at += 4;
    } else
        return stop(dump, ASK_PYTHON);
    if (size < 0 || size > dump->max_string)
        return stop(dump, ASK_PYTHON);
    NEED(dump, size);
    *string = (Object){.kind = STRING, .at = dump->at, .size = (int32_t)size, .id = -1};
    dump->at += (Py_ssize_t)size;
    if (!is_utf8(dump->data + string->at, string->size))
        return stop(dump, ASK_PYTHON);
    if (kind & FLAG) {
        *known = (int64_t)dump->refs.size;
        return remember(dump, &dump->refs, *string);
    }
    if (bare == 't') {
        *known = ~(int64_t)dump->interned.size;
        return remember(dump, &dump->interned, *string);
    }
    return 0;
}

static int append_to_blob(Dump *dump, const unsigned char *text, Py_ssize_t size) {
    if (dump->blob_size + size > dump->blob_room) {
        Py_ssize_t room = dump->blob_room + dump->blob_room / 2 + size + 4096;
        if (PyByteArray_Resize(dump->blob, room))
            return stop(dump, RAISED);
        dump->blob_room = room;
    }
    memcpy(PyByteArray_AsString(dump->blob) + dump->blob_size, text, (size_t)size);
    dump->blob_size += size;
    return column_push(&dump->offsets, dump->blob_size) ? stop(dump, RAISED) : 0;
}

static int intern(Dump *dump, Object *string, int64_t known) {
    if (string->id >= 0)
        return 0;
    Table *table = &dump->strings;
    const unsigned char *text = dump->data + string->at;
    if (table_grow(table))
        return stop(dump, RAISED);
    uint64_t hash = hash_bytes(&dump->seed, text, (size_t)string->size);
    size_t slot = hash & table->mask;
    const char *blob = PyByteArray_AsString(dump->blob);
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        uint32_t id = table->slots[slot] - 1;
        const int64_t *offset = dump->offsets.at + id;
        if (table->hashes[id] == hash && offset[1] - offset[0] == string->size &&
            !memcmp(blob + offset[0], text, (size_t)string->size)) {
            string->id = (int32_t)id;
            break;
        }
    }
    if (string->id < 0) {
        if (table->count >= INT32_MAX)
            return stop(dump, ASK_PYTHON);
        string->id = (int32_t)table->count;
        table->slots[slot] = (uint32_t)table->count + 1;
        table->hashes[table->count++] = hash;
        TRY(append_to_blob(dump, text, string->size));
    }
    if (known >= 0 && known != INT64_MAX)
        dump->refs.at[known].id = string->id;
    else if (known < 0)
        dump->interned.at[~known].id = string->id;
    return 0;
}

/* --- functions --- */

static int is_text(const Dump *dump, const Object *string, const char *text) {
    size_t size = strlen(text);
    return (size_t)string->size == size && !memcmp(dump->data + string->at, text, size);
}

static int64_t function_of(Dump *dump, Object file, int64_t file_known, int64_t line, Object name, int64_t name_known) {
    if (is_text(dump, &file, "~") && (is_text(dump, &name, "<gc>") || is_text(dump, &name, "<truncated>"))) {
        file = (Object){.kind = STRING, .size = 0, .id = -1};
        file_known = INT64_MAX;
    }
    TRY(intern(dump, &file, file_known));
    if (name_known == file_known && name_known != INT64_MAX)
        name.id = file.id;
    TRY(intern(dump, &name, name_known));
    Table *table = &dump->functions;
    if (table_grow(table))
        return stop(dump, RAISED);
    uint64_t place = hash_number(&dump->seed, (uint64_t)file.id << 32 | (uint64_t)name.id);
    uint64_t hash = hash_number(&dump->seed, place ^ (uint64_t)line * 0x9e3779b97f4a7c15);
    size_t slot = hash & table->mask;
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        uint32_t id = table->slots[slot] - 1;
        if (dump->file.at[id] == file.id && dump->name.at[id] == name.id && dump->line.at[id] == line)
            return id;
    }
    if ((Py_ssize_t)table->count >= dump->max_functions)
        return stop(dump, TOO_MANY_FUNCTIONS);
    table->slots[slot] = (uint32_t)table->count + 1;
    table->hashes[table->count] = hash;
    int failed = column_push(&dump->name, name.id) || column_push(&dump->file, file.id) || column_push(&dump->line, line) ||
                 column_push(&dump->called_by, -1) || column_push(&dump->defined, 0);
    for (int i = 0; i < 4; i++)
        failed = failed || column_push(&dump->total[i], 0);
    return failed ? stop(dump, RAISED) : (int64_t)table->count++;
}

/* The size of a tuple; its place among the references is kept, but nothing may refer to it yet. */
static int64_t read_tuple(Dump *dump) {
    NEED(dump, 1);
    unsigned char kind = dump->data[dump->at++];
    if (kind & FLAG)
        TRY(remember(dump, &dump->refs, (Object){.kind = NOTHING}));
    kind &= (unsigned char)~FLAG;
    if (kind == ')') {
        NEED(dump, 1);
        return dump->data[dump->at++];
    }
    if (kind != '(')
        return stop(dump, ASK_PYTHON);
    NEED(dump, 4);
    int32_t size = int32_at(dump->data + dump->at);
    dump->at += 4;
    return size < 0 ? stop(dump, ASK_PYTHON) : size;
}

/* The number of the function whose key follows, or SAMPLED for the mark of a sampled profile. */
static int64_t read_key(Dump *dump) {
    NEED(dump, 1);
    unsigned char kind = dump->data[dump->at];
    if (kind == 'r') {
        dump->at++;
        NEED(dump, 4);
        const Object *found = referred(dump, FUNCTION);
        return found ? found->at : FAILED;
    }
    size_t place = dump->refs.size;
    int64_t size = read_tuple(dump), line, file_known, name_known;
    TRY(size);
    Object file, name;
    if (size != 1 && size != 3)
        return stop(dump, ASK_PYTHON);
    TRY(read_string(dump, &file, &file_known));
    if (size == 1)
        return is_text(dump, &file, "__sampled__") ? SAMPLED : stop(dump, ASK_PYTHON);
    TRY(read_whole(dump, &line));
    TRY(read_string(dump, &name, &name_known));
    if (line > INT32_MAX)
        return stop(dump, ASK_PYTHON);
    int64_t function = function_of(dump, file, file_known, line, name, name_known);
    if (function >= 0 && kind & FLAG)
        dump->refs.at[place] = (Object){.kind = FUNCTION, .at = function};
    return function;
}

/* --- callers --- */

/* The usual edge: a reference, and a tuple of two small counts and two floats; 35 bytes in all. False: look closer. */
static int read_usual_edge(Dump *dump, int64_t *caller, int64_t numbers[4]) {
    const unsigned char *at = dump->data + dump->at;
    if (dump->size - dump->at < 35 || at[0] != 'r' || at[5] != ')' || at[6] != 4 || at[7] != 'i' || at[12] != 'i' ||
        at[17] != 'g' || at[26] != 'g')
        return 0;
    uint32_t index = (uint32_t)int32_at(at + 1);
    double own = real_at(at + 18), cum = real_at(at + 27);
    numbers[0] = int32_at(at + 8), numbers[1] = int32_at(at + 13);
    if (index >= dump->refs.size || dump->refs.at[index].kind != FUNCTION || numbers[0] < 0 || numbers[1] < 0 ||
        !(own >= 0 && own < MAX_SECONDS && cum >= 0 && cum < MAX_SECONDS))
        return 0;
    double own_ns = own * 1e9, cum_ns = cum * 1e9;
    *caller = dump->refs.at[index].at;
    numbers[2] = (int64_t)(own_ns + 0.5), numbers[3] = (int64_t)(cum_ns + 0.5);
    dump->at += 35;
    return 1;
}

static int read_numbers(Dump *dump, int64_t parts, int64_t numbers[4]) {
    int64_t size = read_tuple(dump);
    TRY(size);
    if (size != parts)
        return stop(dump, ASK_PYTHON);
    TRY(read_whole(dump, &numbers[0]));
    TRY(read_whole(dump, &numbers[1]));
    TRY(read_time(dump, &numbers[2]));
    return read_time(dump, &numbers[3]);
}

static int read_edge(Dump *dump, int64_t callee) {
    int64_t caller, numbers[4];
    if (!read_usual_edge(dump, &caller, numbers)) {
        caller = read_key(dump);
        if (caller < 0)
            return caller == SAMPLED ? stop(dump, ASK_PYTHON) : FAILED;
        NEED(dump, 1);
        unsigned char bare = dump->data[dump->at] & (unsigned char)~FLAG;
        if (bare == '(' || bare == ')') {
            TRY(read_numbers(dump, 4, numbers));
        } else {
            TRY(read_whole(dump, &numbers[0]));
            numbers[1] = numbers[0], numbers[2] = numbers[3] = 0;
            dump->counted = 1;
        }
    }
    if (dump->called_by.at[caller] == callee)
        return stop(dump, ASK_PYTHON);
    dump->called_by.at[caller] = callee;
    if (dump->edge[0].size >= dump->max_edges)
        return stop(dump, TOO_MANY_EDGES);
    int failed = column_push(&dump->edge[0], caller) || column_push(&dump->edge[1], callee);
    for (int i = 0; i < 4; i++)
        failed = failed || column_push(&dump->edge[2 + i], numbers[i]);
    return failed ? stop(dump, RAISED) : 0;
}

static int read_dict(Dump *dump) {
    NEED(dump, 1);
    unsigned char kind = dump->data[dump->at++];
    if (kind & FLAG)
        TRY(remember(dump, &dump->refs, (Object){.kind = NOTHING}));
    return (kind & ~FLAG) == '{' ? 0 : stop(dump, ASK_PYTHON);
}

static int read_item(Dump *dump) {
    int64_t function = read_key(dump), numbers[4];
    if (function == SAMPLED) {
        NEED(dump, 1);
        unsigned char kind = dump->data[dump->at++];
        dump->sampled = 1;
        return kind == 'T' || kind == 'F' ? 0 : stop(dump, ASK_PYTHON);
    }
    TRY(function);
    if (dump->defined.at[function])
        return stop(dump, ASK_PYTHON);
    dump->defined.at[function] = 1;
    TRY(read_numbers(dump, 5, numbers));
    for (int i = 0; i < 4; i++) /* calls before primitive calls, as the model has it */
        dump->total[i].at[function] = numbers[i < 2 ? 1 - i : i];
    TRY(read_dict(dump));
    for (;;) {
        NEED(dump, 1);
        if (dump->data[dump->at] == '0')
            break;
        TRY(read_edge(dump, function));
    }
    dump->at++;
    return 0;
}

static int read_dump(Dump *dump, PyObject *report) {
    Py_ssize_t told = 0;
    TRY(read_dict(dump));
    for (;;) {
        NEED(dump, 1);
        if (dump->data[dump->at] == '0')
            break;
        TRY(read_item(dump));
        if (dump->at - told >= STEP) {
            told = dump->at;
            PyObject *done = PyObject_CallFunction(report, "snn", "parsing", dump->at, dump->size);
            if (!done)
                return stop(dump, RAISED);
            Py_DECREF(done);
        }
    }
    return ++dump->at == dump->size ? 0 : stop(dump, ASK_PYTHON);
}

/* --- in and out --- */

static Column *const *columns_of(Dump *dump, Column *all[16]) {
    all[0] = &dump->offsets, all[1] = &dump->name, all[2] = &dump->file, all[3] = &dump->line;
    for (int i = 0; i < 4; i++)
        all[4 + i] = &dump->total[i];
    for (int i = 0; i < 6; i++)
        all[8 + i] = &dump->edge[i];
    all[14] = &dump->called_by, all[15] = &dump->defined;
    return all;
}

static PyObject *taken(Dump *dump, Column *const *columns) {
    PyObject *out = PyTuple_New(17);
    if (!out || PyByteArray_Resize(dump->blob, dump->blob_size)) {
        Py_XDECREF(out);
        return NULL;
    }
    PyTuple_SetItem(out, 0, PyBool_FromLong(dump->sampled));
    PyTuple_SetItem(out, 1, PyBool_FromLong(dump->counted));
    PyTuple_SetItem(out, 2, dump->blob);
    dump->blob = NULL;
    for (int i = 0; i < 14; i++) {
        PyObject *array = column_take(columns[i]);
        if (!array) {
            Py_DECREF(out);
            return NULL;
        }
        PyTuple_SetItem(out, 3 + i, array);
    }
    return out;
}

PyObject *fast_pstats(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer data, seed;
    PyObject *report, *out = NULL;
    Dump dump = {0};
    Column *all[16];
    if (!PyArg_ParseTuple(arguments, "y*y*nnnO", &data, &seed, &dump.max_functions, &dump.max_edges, &dump.max_string, &report))
        return NULL;
    Column *const *columns = columns_of(&dump, all);
    dump.data = data.buf;
    dump.size = data.len;
    int failed = seed_from(&dump.seed, &seed) || !(dump.blob = PyByteArray_FromStringAndSize(NULL, 0));
    for (int i = 0; i < 16; i++)
        failed = failed || column_start(columns[i]);
    if (!failed && !column_push(&dump.offsets, 0)) {
        if (read_dump(&dump, report) != FAILED)
            out = taken(&dump, columns);
        else if (dump.why != RAISED)
            out = PyLong_FromLong(dump.why);
    }
    for (int i = 0; i < 16; i++)
        column_drop(columns[i]);
    Py_XDECREF(dump.blob);
    table_drop(&dump.strings);
    table_drop(&dump.functions);
    free(dump.refs.at);
    free(dump.interned.at);
    PyBuffer_Release(&data);
    PyBuffer_Release(&seed);
    return out;
}
