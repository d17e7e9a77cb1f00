/* pprof's samples as rows of numbers, and the trie of stacks.

What is unusual or past a bound gives None: then the portable way reads it, and says what is wrong.
*/

#include "_fast.h"

/* --- samples --- */

typedef struct {
    const unsigned char *begin;
    Py_ssize_t size;
    Seed seed;
    Py_ssize_t max_samples, max_frames;
    Table labels;
    Column locations, lengths, values, counts, label, label_begin, label_end;
    int raised;
} Samples;

/* A varint of at most ten bytes and 64 bits; where it ends, or NULL. */
static inline const unsigned char *varint(const unsigned char *at, const unsigned char *end, uint64_t *value) {
    uint64_t found = 0;
    for (int shift = 0; at < end && shift < 70; shift += 7) {
        unsigned char byte = *at++;
        found |= (uint64_t)(byte & 127) << (shift > 63 ? 63 : shift);
        if (byte < 128) {
            *value = found;
            return shift == 63 && byte > 1 ? NULL : at;
        }
    }
    return NULL;
}

/* One field: its number and wire type, and for lengths and numbers their value; where its content begins, or NULL. */
static const unsigned char *field(const unsigned char *at, const unsigned char *end, uint64_t *tag, uint64_t *value) {
    at = varint(at, end, tag);
    if (!at || *tag >> 3 == 0 || *tag > UINT32_MAX)
        return NULL;
    switch (*tag & 7) {
    case 0:
        return varint(at, end, value);
    case 1:
        *value = 8;
        break;
    case 2:
        at = varint(at, end, value);
        break;
    case 5:
        *value = 4;
        break;
    default:
        return NULL;
    }
    return at && *value <= (uint64_t)(end - at) ? at : NULL;
}

static const unsigned char *numbers(
    Samples *all, Column *column, uint64_t tag, uint64_t value, const unsigned char *at
) {
    if ((tag & 7) == 0) {
        if (column_push(column, (int64_t)value))
            all->raised = 1;
        return all->raised ? NULL : at;
    }
    if ((tag & 7) != 2)
        return NULL;
    const unsigned char *end = at + value;
    if (column_reserve(column, (Py_ssize_t)value)) {
        all->raised = 1;
        return NULL;
    }
    while (at < end) {
        uint64_t number;
        if (*at < 128)
            number = *at++;
        else if (!(at = varint(at, end, &number)))
            return NULL;
        column->at[column->size++] = (int64_t)number;
    }
    return at;
}

static int label_set(Samples *all, const unsigned char *begin, const unsigned char *end) {
    Table *table = &all->labels;
    size_t size = (size_t)(end - begin);
    if (table_grow(table))
        return -1;
    uint64_t hash = hash_bytes(&all->seed, begin, size);
    size_t slot = hash & table->mask;
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        uint32_t id = table->slots[slot] - 1;
        int64_t from = all->label_begin.at[id];
        if (table->hashes[id] == hash && (size_t)(all->label_end.at[id] - from) == size && !memcmp(all->begin + from, begin, size))
            return column_push(&all->label, id);
    }
    table->slots[slot] = (uint32_t)table->count + 1;
    table->hashes[table->count] = hash;
    return column_push(&all->label_begin, begin - all->begin) || column_push(&all->label_end, end - all->begin) ||
           column_push(&all->label, (int64_t)table->count++);
}

static int sample(Samples *all, const unsigned char *at, const unsigned char *end) {
    Py_ssize_t locations = all->locations.size, values = all->values.size;
    const unsigned char *labels = end, *labels_end = end;
    while (at < end) {
        const unsigned char *begin = at;
        uint64_t tag, value;
        if (!(at = field(at, end, &tag, &value)))
            return -1;
        if (tag >> 3 == 1)
            at = numbers(all, &all->locations, tag, value, at);
        else if (tag >> 3 == 2)
            at = numbers(all, &all->values, tag, value, at);
        else if (tag >> 3 == 3) {
            if ((tag & 7) != 2 || (labels < end && labels_end != begin))
                return -1;
            at += value;
            labels = labels < end ? labels : begin;
            labels_end = at;
        } else if (tag & 7)
            at += value;
        if (!at)
            return -1;
    }
    if (all->lengths.size >= all->max_samples || all->locations.size > all->max_frames)
        return -1;
    if (column_push(&all->lengths, all->locations.size - locations) || column_push(&all->counts, all->values.size - values) ||
        label_set(all, labels, labels_end)) {
        all->raised = 1;
        return -1;
    }
    return 0;
}

static int all_samples(Samples *all) {
    const unsigned char *at = all->begin, *end = at + all->size;
    while (at < end) {
        uint64_t tag, value;
        if (!(at = field(at, end, &tag, &value)))
            return -1;
        if (tag == (2 << 3 | 2) && sample(all, at, at + value))
            return -1;
        if (tag >> 3 == 2 && (tag & 7) != 2)
            return -1;
        if (tag & 7)
            at += value;
    }
    return 0;
}

static PyObject *tuple_of(Column *const *columns, int size) {
    PyObject *out = PyTuple_New(size);
    for (int i = 0; out && i < size; i++) {
        PyObject *array = column_take(columns[i]);
        if (array)
            PyTuple_SetItem(out, i, array);
        else
            Py_CLEAR(out);
    }
    return out;
}

PyObject *fast_samples(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer data, seed;
    PyObject *out = NULL;
    Samples all = {0};
    if (!PyArg_ParseTuple(arguments, "y*y*nn", &data, &seed, &all.max_samples, &all.max_frames))
        return NULL;
    Column *columns[7] = {&all.locations, &all.lengths, &all.values, &all.counts, &all.label, &all.label_begin, &all.label_end};
    all.begin = data.buf;
    all.size = data.len;
    all.raised = seed_from(&all.seed, &seed);
    for (int i = 0; i < 7; i++)
        all.raised = all.raised || column_start(columns[i]);
    if (!all.raised) {
        if (all_samples(&all) == 0)
            out = tuple_of(columns, 7);
        else if (!all.raised) {
            Py_INCREF(Py_None);
            out = Py_None;
        }
    }
    for (int i = 0; i < 7; i++)
        column_drop(columns[i]);
    table_drop(&all.labels);
    PyBuffer_Release(&data);
    PyBuffer_Release(&seed);
    return out;
}

/* --- the trie --- */

typedef struct {
    Table table;
    Seed seed;
    Column parent, location, stack;
    int64_t *path; /* nodes of the row before */
} Trie;

/* The node of a location below a parent (-1: a root); -1 with an exception. */
static int64_t node_of(Trie *trie, int64_t parent, int64_t location) {
    Table *table = &trie->table;
    if (table_grow(table))
        return -1;
    uint64_t hash = hash_number(&trie->seed, (uint64_t)(parent + 1) << 32 | (uint64_t)location);
    size_t slot = hash & table->mask;
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        uint32_t id = table->slots[slot] - 1;
        if (trie->parent.at[id] == parent && trie->location.at[id] == location)
            return id;
    }
    table->slots[slot] = (uint32_t)table->count + 1;
    table->hashes[table->count] = hash;
    if (column_push(&trie->parent, parent) || column_push(&trie->location, location))
        return -1;
    return (int64_t)table->count++;
}

/* 0, 1 where a bound is passed, -1 with an exception. */
static int add_rows(Trie *trie, const int64_t *flat, Py_ssize_t total, const int64_t *lengths, Py_ssize_t rows, Py_ssize_t most) {
    const int64_t *before = flat;
    int64_t length_before = 0, at = 0;
    for (Py_ssize_t row = 0; row < rows; row++) {
        int64_t length = lengths[row], depth = 0, node = -1;
        const int64_t *path = flat + at;
        while (depth < length && depth < length_before && path[depth] == before[depth])
            depth++;
        if (depth)
            node = trie->path[depth - 1];
        for (; depth < length; depth++) {
            if (path[depth] < 0 || path[depth] > UINT32_MAX || (Py_ssize_t)trie->table.count >= most)
                return 1;
            node = node_of(trie, node, path[depth]);
            if (node < 0)
                return -1;
            trie->path[depth] = node;
        }
        if (column_push(&trie->stack, node))
            return -1;
        before = path, length_before = length, at += length;
    }
    return at == total ? 0 : 1;
}

/* The longest row; -1 where the lengths are not those of ``total`` elements. */
static int64_t longest_of(const int64_t *lengths, Py_ssize_t rows, Py_ssize_t total) {
    int64_t longest = 0, left = total;
    for (Py_ssize_t row = 0; row < rows; row++) {
        if (lengths[row] < 0 || lengths[row] > left)
            return -1;
        left -= lengths[row];
        longest = lengths[row] > longest ? lengths[row] : longest;
    }
    return left ? -1 : longest;
}

PyObject *fast_trie(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer flat, lengths, seed;
    Py_ssize_t most;
    PyObject *out = NULL;
    Trie trie = {0};
    if (!PyArg_ParseTuple(arguments, "y*y*y*n", &flat, &lengths, &seed, &most))
        return NULL;
    Column *columns[3] = {&trie.parent, &trie.location, &trie.stack};
    Py_ssize_t total = flat.len / 8, rows = lengths.len / 8;
    int64_t longest = longest_of(lengths.buf, rows, total);
    int failed = seed_from(&trie.seed, &seed);
    if (!failed && longest >= 0 && !(trie.path = malloc(sizeof(int64_t) * (size_t)(longest + 1)))) {
        PyErr_NoMemory();
        failed = 1;
    }
    for (int i = 0; i < 3; i++)
        failed = failed || column_start(columns[i]);
    if (!failed) {
        int outcome = longest < 0 ? 1 : add_rows(&trie, flat.buf, total, lengths.buf, rows, most < UINT32_MAX - 1 ? most : UINT32_MAX - 1);
        if (outcome == 0)
            out = tuple_of(columns, 3);
        else if (outcome == 1) {
            Py_INCREF(Py_None);
            out = Py_None;
        }
    }
    for (int i = 0; i < 3; i++)
        column_drop(columns[i]);
    table_drop(&trie.table);
    free(trie.path);
    PyBuffer_Release(&flat);
    PyBuffer_Release(&lengths);
    PyBuffer_Release(&seed);
    return out;
}
